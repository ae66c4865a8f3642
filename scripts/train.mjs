/** Runs each entry on small instances, so that its cache of compiled code holds what an ordinary run needs. */

import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PROGRAM = '/bin/true';

/** An x86-64 program that only ends, for hosts that have no such programs of their own. */
function smallestProgram() {
  const code = [0xb8, 60, 0, 0, 0, 0x31, 0xff, 0x0f, 0x05];
  const elf = new DataView(new ArrayBuffer(0x78 + code.length));
  const base = 0x40_0000n;
  [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1].forEach((byte, at) => elf.setUint8(at, byte));
  for (const [at, value] of [
    [0x10, 2],
    [0x12, 62],
    [0x34, 64],
    [0x36, 56],
    [0x38, 1],
    [0x3a, 64],
  ])
    elf.setUint16(at, value, true);
  for (const [at, value] of [
    [0x14, 1],
    [0x40, 1],
    [0x44, 5],
  ])
    elf.setUint32(at, value, true);
  for (const [at, value] of [
    [0x18, base + 0x78n],
    [0x20, 64n],
    [0x50, base],
    [0x58, base],
    [0x60, BigInt(elf.byteLength)],
    [0x68, BigInt(elf.byteLength)],
    [0x70, 4096n],
  ])
    elf.setBigUint64(at, value, true);
  code.forEach((byte, at) => elf.setUint8(0x78 + at, byte));
  return new Uint8Array(elf.buffer);
}

/** `forget`: drops what has been kept so far. Throws where a program does not run. */
export function train(root, forget) {
  const work = mkdtempSync(join(tmpdir(), 'cloister-train-'));
  const cloister = (instance, ...words) => {
    const { status, stderr } = spawnSync(join(root, 'bin/cloister'), ['-C', join(work, instance), ...words], { cwd: work, encoding: 'utf8', timeout: 120_000, env: { ...process.env, CLOISTER_STATE: join(work, 'state') } });
    if (status !== 0) throw new Error(`cloister ${words.join(' ')}: ${stderr.trim()}`);
  };
  const make = (instance, program, ...options) => {
    cloister(instance, 'new', join(work, instance));
    const at = join(work, instance, 'image', PROGRAM);
    if (program === undefined) copyFileSync(PROGRAM, at);
    else {
      writeFileSync(at, program);
      chmodSync(at, 0o755);
    }
    cloister(instance, 'build', ...options);
    // The first run of an image verifies all of it: not the usual one.
    cloister(instance, 'run', PROGRAM);
  };
  const isUsable = process.arch === 'x64' && existsSync(PROGRAM);
  try {
    // Code made at run time, and code made ahead of time.
    make('made', isUsable ? undefined : smallestProgram(), '--no-translate');
    make('stored', smallestProgram());
    forget();
    cloister('stored', 'run', PROGRAM);
    cloister('made', 'run', PROGRAM);
    cloister('made', 'start');
    cloister('made', 'status');
    // With an option, so that Node does it and not its own client.
    cloister('made', 'exec', '-w', '/', PROGRAM);
    cloister('made', 'stop');
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
