/**
 * The layers, lowest first: a layer imports only layers with a lower number, and only those that its row names.
 * `npm run check` holds the imports and the project references of TypeScript against this table.
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

export interface Layer {
  readonly name: string;
  readonly number: number;
  readonly imports: readonly string[];
  /** May use `node:*` modules. */
  readonly node: boolean;
}

const layer = (number: number, name: string, imports: string, node: 'node' | 'pure' = 'pure'): Layer => ({ name, number, imports: imports.split(' ').filter((word) => word !== ''), node: node === 'node' });

// biome-ignore format: a table
export const LAYERS: readonly Layer[] = [
  layer(0, 'base',        ''),
  layer(0, 'abi',         ''),
  layer(0, 'ops',         ''),
  layer(1, 'config',      'base'),
  layer(1, 'crypto',      'base', 'node'),
  layer(1, 'elf',         'base'),
  layer(1, 'wasm',        'base ops'),
  layer(1, 'x86',         'base ops'),
  layer(2, 'ir',          'base ops x86'),
  layer(2, 'kernel',      'base abi elf x86'),
  layer(2, 'attestation', 'base crypto'),
  layer(3, 'translator',  'base crypto elf ops wasm x86 ir kernel'),
  layer(3, 'interpreter', 'base ops x86 ir kernel'),
  layer(3, 'encfs',       'base abi crypto kernel'),
  layer(3, 'broker',      'base crypto attestation'),
  layer(4, 'pal',         'base abi ops crypto wasm x86 kernel attestation broker', 'node'),
  layer(4, 'image',       'base abi crypto elf encfs'),
  layer(5, 'libos',       'base abi config crypto elf x86 kernel attestation translator interpreter encfs broker pal image', 'node'),
  layer(7, 'cli',         'base abi config crypto attestation encfs broker pal libos', 'node'),
];

const SOURCE = new URL('../src/', import.meta.url).pathname;

function* sources(directory: string): Generator<string> {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    if (entry.isDirectory()) yield* sources(join(directory, entry.name));
    else if (entry.name.endsWith('.ts')) yield join(directory, entry.name);
  }
}

/** What is wrong, one line each; throws if it looked at suspiciously little. */
export function layerFaults(): string[] {
  const faults: string[] = [];
  const byName = new Map(LAYERS.map((row) => [row.name, row]));
  let looked = 0;
  for (const name of readdirSync(SOURCE)) if (!byName.has(name)) faults.push(`src/${name} is not in the table of layers`);
  for (const { name, number, imports, node } of LAYERS) {
    for (const lower of imports) if ((byName.get(lower)?.number ?? Number.POSITIVE_INFINITY) >= number) faults.push(`${name} (${number}) may not import ${lower}`);
    const directory = join(SOURCE, name);
    if (!existsSync(directory)) continue;
    const project = JSON.parse(readFileSync(join(directory, 'tsconfig.json'), 'utf8')) as { references?: { path: string }[] };
    const references = (project.references ?? []).map(({ path }) => path.replace('../', ''));
    for (const reference of references) if (!imports.includes(reference)) faults.push(`src/${name}/tsconfig.json refers to ${reference}, which its row does not name`);
    for (const file of sources(directory)) {
      if (file.endsWith('.test.ts')) continue;
      looked++;
      for (const [, specifier] of readFileSync(file, 'utf8').matchAll(/(?:^|[^.\w])(?:from|import\()\s*'([^']+)'/g)) {
        const where = relative(join(SOURCE, '..'), file);
        if (specifier.startsWith('node:') && !node) faults.push(`${where} imports ${specifier}`);
        if (!specifier.startsWith('.')) continue;
        const target = relative(SOURCE, join(file, '..', specifier)).split('/')[0];
        if (target !== name && !imports.includes(target)) faults.push(`${where} imports ${target}, which the row of ${name} does not name`);
      }
    }
  }
  if (looked < 100) throw new Error(`looked at ${looked} files only`);
  return faults;
}
