/** `npm ci` in a checkout: compiles the sources. A package from a registry is compiled already. Runs under any Node. */

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const compiler = `${root}node_modules/typescript/bin/tsc`;
if (existsSync(`${root}src`) && existsSync(compiler)) {
  const { status } = spawnSync(process.execPath, [compiler, '-b'], { cwd: root, stdio: 'inherit' });
  // Type errors are for `npm run check`: what was compiled runs.
  if (!existsSync(`${root}dist/cli/main.js`)) process.exit(status ?? 1);
}
