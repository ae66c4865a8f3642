/** Runs each entry once on a small instance, so that its cache of compiled code holds what an ordinary run needs. */

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

/** The names whose cache is there afterwards. */
export function train(root, names, cacheOf) {
  const work = mkdtempSync(join(tmpdir(), 'cloister-train-'));
  const instance = join(work, 'instance');
  const cloister = (...words) => spawnSync(join(root, 'bin/cloister'), ['-C', instance, ...words], { cwd: work, stdio: 'ignore', timeout: 120_000, env: { ...process.env, CLOISTER_STATE: join(work, 'state') } }).status === 0;
  const forget = () => names.forEach((name) => rmSync(cacheOf(name), { force: true }));
  try {
    cloister('new', instance);
    const program = join(instance, 'image', PROGRAM);
    if (existsSync(PROGRAM)) copyFileSync(PROGRAM, program);
    if (!cloister('build', '--no-translate') || !cloister('run', PROGRAM)) {
      writeFileSync(program, smallestProgram());
      chmodSync(program, 0o755);
      cloister('build', '--no-translate');
    }
    // Of what has run so far, only the second run of a verified image is the usual one.
    forget();
    cloister('status');
    cloister('run', PROGRAM);
    if (cloister('start')) {
      // With an option, so that Node does it and not its own client.
      cloister('exec', '-w', '/', PROGRAM);
      cloister('stop');
    }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return names.filter((name) => existsSync(cacheOf(name)));
}
