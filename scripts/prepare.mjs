/** `npm ci` in a checkout: compiles and bundles the sources. A package from a registry has that already. Runs under any Node. */

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const compiler = `${root}node_modules/typescript/bin/tsc`;
if (existsSync(`${root}src`) && existsSync(compiler)) {
  const run = (...words) => spawnSync(process.execPath, words, { cwd: root, stdio: 'inherit' }).status ?? 1;
  const status = run(compiler, '-b');
  // Type errors are for `npm run check`: what was compiled runs.
  if (status !== 0 && !existsSync(`${root}dist/cli/main.js`)) process.exit(status);
  process.exit(run(`${root}scripts/bundle.mjs`));
}
