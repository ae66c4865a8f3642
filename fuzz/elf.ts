/**
 * Fuzz target: ELF files, as everything that reads them sees them: the parser, `build` (libraries, ahead-of-time
 * translation) and execve(2). Damaged files give an ElfError, an ImageBuildError or an errno; never more memory or
 * time than a file of that size deserves, and never the end of the process.
 *
 *     node fuzz/elf.ts [seed] [iterations]
 */

import { existsSync, readFileSync } from 'node:fs';
import { ElfError, parseElf } from '../src/elf/index.ts';
import type { ImageDirectory } from '../src/encfs/4-tree/image-tree.ts';
import { randomFrom } from '../src/encfs/5-disk/model.ts';
import { resolveDependencies } from '../src/image/dependencies.ts';
import { ImageBuildError } from '../src/image/index.ts';
import { parseLdCache } from '../src/image/ld-cache.ts';
import { Sources } from '../src/image/source.ts';
import { fakeElf, FakeHost, fakeLdCache } from '../src/image/testing.ts';
import { Errno } from '../src/kernel/errno.ts';
import type { ExecFile } from '../src/kernel/loader/file.ts';
import { mapProgram, readProgram } from '../src/kernel/loader/image.ts';
import { EXECUTABLE_BASE } from '../src/kernel/mm/layout.ts';
import { AddressSpace } from '../src/kernel/mm/space.ts';
import { openMemoryBackend } from '../src/pal/node/memory/index.ts';
import { LaidOutElf, translateElf } from '../src/translator/index.ts';

const BASE = 0x4000_0000;
const MEMORY_LIMIT = 1 << 30;
/** Far more than any of these files takes when it is not damaged. */
const SLOW_MS = 60_000;
/** Values that break arithmetic, in a 64-bit field. */
const EDGES = [0n, 1n, 7n, 4095n, 4096n, 0x7fff_ffffn, 0x8000_0000n, 0xffff_ffffn, 0x1_0000_0000n, 0x3_ffff_f000n, 0x7fff_ffff_f000n, 0x7fff_ffff_ffff_ffffn, 0x8000_0000_0000_0000n, 0xffff_ffff_ffff_ffffn];
const PT_DYNAMIC = 2,
  PT_GNU_EH_FRAME = 0x6474_e550;

type Random = (below: number) => number;

/** Programs of this machine where there are some of the right kind, and files made here. */
const SAMPLES: readonly Uint8Array[] = [
  fakeElf({ interpreter: '/lib64/ld-linux-x86-64.so.2', needed: ['libc.so.6', 'libother.so'], runpath: '$ORIGIN/../lib:/opt', soname: 'self.so' }),
  fakeElf({ soname: 'libc.so.6' }),
  ...['/bin/true', '/lib64/ld-linux-x86-64.so.2', '/bin/busybox'].filter((path) => process.arch === 'x64' && existsSync(path)).map((path) => new Uint8Array(readFileSync(path))),
];

/** Where fields lie that somebody reads: file header, program headers, dynamic section, frame table. */
function spots(bytes: Uint8Array): number[] {
  const out = [16, 24, 32, 40, 52, 54, 56];
  const { header, segments } = parseElf(bytes);
  for (let index = 0; index < header.phnum; index++) for (let field = 0; field < 56; field += 8) out.push(header.phoff + index * 56 + field);
  for (const { type, offset, filesz } of segments) if (type === PT_DYNAMIC || type === PT_GNU_EH_FRAME) for (let at = 0; at < Math.min(filesz, 512); at += 8) out.push(offset + at);
  return out.filter((at) => at + 8 <= bytes.length);
}

export function damage(sample: Uint8Array, random: Random): Uint8Array {
  const places = spots(sample);
  const bytes = sample.slice();
  const view = new DataView(bytes.buffer);
  for (let changes = 1 + random(4); changes > 0; changes--) {
    const at = places[random(places.length)];
    const kind = random(5);
    if (kind === 0) bytes[random(Math.min(bytes.length, 4096))] ^= 1 << random(8);
    else if (kind === 1) view.setBigUint64(at, EDGES[random(EDGES.length)], true);
    else if (kind === 2) view.setUint32(at + 4 * random(2), Number(BigInt.asUintN(32, EDGES[random(EDGES.length)])), true);
    else if (kind === 3) view.setUint32(at, view.getUint32(at, true) + 4096 * (random(7) - 3), true);
    else view.setBigUint64(at, view.getBigUint64(places[random(places.length)], true), true);
  }
  return random(5) === 0 ? bytes.slice(0, random(bytes.length)) : bytes;
}

const CACHE = fakeLdCache([
  ['libc.so.6', '/lib/libc.so.6'],
  ['libother.so', '/opt/libother.so'],
]);

function flipped(bytes: Uint8Array, random: Random): Uint8Array {
  const copy = bytes.slice(0, random(4) === 0 ? random(bytes.length) : bytes.length);
  for (let flips = random(4); flips > 0 && copy.length > 0; flips--) copy[random(copy.length)] = [0, 255, random(256)][random(3)];
  return copy;
}

const fileOf = (bytes: Uint8Array): ImageDirectory => ({
  kind: 'directory',
  mode: 0o755,
  mtime: 0,
  entries: new Map([['program', { kind: 'file', mode: 0o755, mtime: 0, size: bytes.length, read: (offset, into) => void into.set(bytes.subarray(offset, offset + into.length)) }]]),
});

const memory = openMemoryBackend();

function load(bytes: Uint8Array): void {
  const backing = memory.createBacking(bytes.length);
  backing.bytes.set(bytes);
  const file: ExecFile = {
    path: '/program',
    mode: 0o100_755,
    uid: 0,
    gid: 0,
    nosuid: false,
    dev: 1,
    ino: 1,
    size: bytes.length,
    backing: () => backing,
    read(offset, into) {
      const part = bytes.subarray(offset, offset + into.length);
      into.set(part);
      return part.length;
    },
  };
  const mm = new AddressSpace(memory.create('fuzz'), { committedBytes: 0, limitBytes: MEMORY_LIMIT });
  try {
    mm.memory.enter();
    mapProgram(
      mm,
      readProgram(file, () => {}),
      EXECUTABLE_BASE,
    );
  } finally {
    mm.memory.leave();
    mm.dispose();
    backing.release();
  }
}

function ahead(bytes: Uint8Array, random: Random): void {
  const elf = new LaidOutElf(bytes, BASE);
  // Translating takes a second for a whole library.
  if (elf.functions.length < 20 || (bytes.length < 100_000 && random(100) === 0)) translateElf(elf, 'lost');
}

export function fuzz(seed: number, iterations: number): void {
  const random = randomFrom(seed);
  for (let iteration = 0; iteration < iterations; iteration++) {
    const bytes = damage(SAMPLES[random(SAMPLES.length)], random);
    // biome-ignore format: a table
    const readers: Readonly<Record<string, () => void>> = {
      parser:      () => void parseElf(bytes),
      libraries:   () => void resolveDependencies(fileOf(bytes), new Sources(new FakeHost({ '/lib64/ld-linux-x86-64.so.2': SAMPLES[1], '/lib/libc.so.6': SAMPLES[1] }), 0)),
      execve:      () => load(bytes),
      translation: () => ahead(bytes, random),
      cache:       () => void parseLdCache(flipped(CACHE, random)),
    };
    for (const [name, read] of Object.entries(readers)) {
      const start = performance.now();
      try {
        read();
      } catch (error) {
        if (!(error instanceof ElfError || error instanceof ImageBuildError || error instanceof Errno)) throw new Error(`seed ${seed}, iteration ${iteration}, ${name}: ${String(error)}`, { cause: error });
      }
      const took = performance.now() - start;
      if (took > SLOW_MS) throw new Error(`seed ${seed}, iteration ${iteration}, ${name}: took ${took.toFixed(0)} ms`);
    }
  }
}

if (import.meta.main) {
  const seed = Number(process.argv[2] ?? Math.floor(Math.random() * 2 ** 31));
  console.log(`seed ${seed}`);
  fuzz(seed, Number(process.argv[3] ?? 300));
}
