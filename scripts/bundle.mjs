/** One file for each thing that is started, so that starting it does not look for hundreds: dist/bundle. After `tsc -b`. */

import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const root = fileURLToPath(new URL('..', import.meta.url));
const out = `${root}dist/bundle`;
/** What is in one group shares its parts. */
const GROUPS = [{ exec: 'dist/cli/exec.js' }, { worker: 'dist/libos/worker.js' }, { main: 'dist/cli/main.js', daemon: 'dist/libos/daemon.js' }];

rmSync(out, { recursive: true, force: true });
for (const input of GROUPS) {
  const bundle = await rolldown({ cwd: root, input, platform: 'node', external: [/^node:/, 'yaml'], logLevel: 'warn' });
  await bundle.write({ dir: out, format: 'esm', entryFileNames: '[name].js', chunkFileNames: `${Object.keys(input)[0]}-[name]-[hash].js`, comments: false });
}
