/** `npm run check`: types, layers, lint, format, generated documents. The inner loop; prints what failed and how long each took. */

import { spawnSync } from 'node:child_process';
import { documentFaults } from './documents.ts';
import { layerFaults } from './layers.ts';

const root = new URL('..', import.meta.url).pathname;

function tool(name: string, ...words: readonly string[]): string[] {
  const { status, stdout, stderr, error } = spawnSync(`${root}node_modules/.bin/${name}`, words, { cwd: root, encoding: 'utf8' });
  if (error !== undefined) return [`${name} does not start (${error.message}); npm ci installs it`];
  return status === 0 ? [] : [...stdout.split('\n'), ...stderr.split('\n')].filter((line) => line.trim() !== '');
}

// biome-ignore format: a table
const CHECKS: readonly (readonly [name: string, run: () => string[] | Promise<string[]>])[] = [
  ['types of the layers', () => tool('tsc', '-b')],
  ['types of everything', () => tool('tsc', '--noEmit', '-p', 'tsconfig.dev.json')],
  ['types of the console', () => tool('tsc', '-p', 'console')],
  ['layers',              () => layerFaults()],
  ['lint',                () => tool('oxlint', '--quiet', 'src', 'test', 'scripts', 'bench', 'fuzz', 'console')],
  ['format',              () => tool('biome', 'format')],
  ['documents',           () => documentFaults(process.argv.includes('--write') ? 'write' : 'compare')],
];

let failed = 0;
for (const [name, run] of CHECKS) {
  const start = performance.now();
  const faults = await run();
  console.log(`${faults.length === 0 ? 'ok    ' : 'FAILED'} ${name} (${((performance.now() - start) / 1000).toFixed(1)} s)`);
  for (const fault of faults) console.log(`  ${fault}`);
  if (faults.length > 0) failed++;
}
process.exit(failed === 0 ? 0 : 1);
