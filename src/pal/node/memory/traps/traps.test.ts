/** Guest accesses that page protection forbids become catchable traps, in every compiler tier. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openLibc } from '../libc.ts';

const skip = openLibc() === undefined ? 'node:ffi is off' : false;
const PROBE = fileURLToPath(new URL('./probe.ts', import.meta.url));

// biome-ignore format: a table
const TIERS = [
  { name: 'Liftoff',  flags: ['--liftoff-only'] },
  { name: 'TurboFan', flags: ['--no-liftoff', '--no-wasm-lazy-compilation'] },
] as const;

for (const { name, flags } of TIERS) {
  test(`every memory instruction traps on a forbidden page (${name})`, { skip }, () => {
    const { stdout, status, signal, stderr } = spawnSync(process.execPath, [...flags, PROBE], { encoding: 'utf8' });
    assert.equal(signal, null, stderr);
    assert.equal(status, 0, stderr);
    assert.match(stdout, /^tried \d{4,}\n$/, stdout.slice(0, 4000));
  });
}

// These are why translated code does bulk and locked operations otherwise. If one of them comes to trap in a
// later V8, this test says so and the detour can go.
for (const fatal of ['copy', 'fill', 'atomic'] as const) {
  test(`memory.${fatal} on a forbidden page kills the process`, { skip }, () => {
    const { stdout, signal } = spawnSync(process.execPath, [PROBE, fatal], { encoding: 'utf8' });
    assert.equal(stdout, '');
    assert.equal(signal, 'SIGSEGV');
  });
}
