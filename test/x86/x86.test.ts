/** A short run of `npm run test:x86`, and the replay of the recorded vectors; the long runs are their own commands. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { replay } from './vectors.ts';

test('both engines agree with the host CPU', { timeout: 120_000 }, (t) => {
  const run = new URL('run.ts', import.meta.url).pathname;
  const { status, stdout, stderr } = spawnSync(process.execPath, [run, '--cases', '200', '--seed', '1'], { encoding: 'utf8' });
  if (stdout.includes('recorded vectors instead')) return t.skip('no x86-64 CPU, or no node:ffi, to ask');
  assert.equal(status, 0, `${stdout}${stderr}`);
});

test('both engines agree with the recorded vectors', () => {
  const lines: string[] = [];
  const { differ, stale, cases } = replay((line) => lines.push(line));
  assert.equal(differ, 0, lines.join('\n'));
  // Rows may come and go; the bulk has to be comparable.
  assert.ok(stale * 10 < cases, `${stale} of ${cases} vectors are stale: node test/x86/vectors.ts record`);
});
