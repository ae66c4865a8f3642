/**
 * Vectors recorded from a host CPU, for hosts of another kind.
 *
 *   node test/x86/vectors.ts record     writes vectors/host.br (x86-64 only)
 *   node test/x86/vectors.ts            replays it in the interpreter and the translator
 *
 * Instances and states come from seeds, so that the file holds only a check word of what went in and the
 * 64-bit words that changed. Where rows or the generator change, the check word differs: record again.
 *
 * File (brotli): JSON line `{ host, base }`, then per case: u32 form (hash of the row's strings), u32 seed, u32 check word, u16 number of
 * changes, and for each a u16 place (words of the image, then 0x1000 + words of the data area) and its 8 bytes.
 */

import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { brotliCompressSync, brotliDecompressSync } from 'node:zlib';
import { InterpreterEngine } from '../../src/interpreter/index.ts';
import { TranslatorEngine } from '../../src/translator/index.ts';
import { FAMILIES, FORMS } from '../../src/x86/index.ts';
import type { Form } from '../../src/x86/table.ts';
import { type Case, divides, excluded, fillState, makeCase, type Place, type State, STATUS } from './cases.ts';
import { IMAGE_BYTES, imageOf, imageOfCpu } from './compare.ts';
import { DATA_BYTES, openNative } from './native.ts';
import { Source } from './random.ts';
import { Subject } from './subject.ts';

const FILE = new URL('./vectors/host.br', import.meta.url);
/** Cases per form. */
const CASES = 12;
const DF = 0x400;
const DATA_WORDS = 0x1000;
const MXCSR_MASK = 28;

const keyOf = ({ row }: Form): number => createHash('sha256').update(`${row.mnemonic} ${row.encoding} ${row.operands}`).digest().readUInt32LE(0);
const BY_KEY = new Map(FORMS.map((form) => [keyOf(form), form]));
const FAMILY = new Map(Object.entries(FAMILIES).flatMap(([family, rows]) => rows.map((row) => [row, family] as const)));

function prepare(form: Form, seed: number, place: Place, state: State, data: Uint8Array): { readonly x: Case; readonly check: number } | undefined {
  const source = new Source(seed);
  const x = makeCase(form, source, place);
  if (x === undefined) return undefined;
  data.fill(0);
  fillState(x, FAMILY.get(form.row) as string, source, place, state, data);
  if (/^i?div$/.test(x.mnemonic) && !divides(x, state, data, place)) return undefined;
  const hash = createHash('sha256').update(x.bytes).update(state.gpr).update(state.fx).update(String(state.flags)).update(data);
  return { x, check: hash.digest().readUInt32LE(0) };
}

const flagsOf = (rflags: number, x: Case): number => rflags & ((STATUS & ~x.undefinedFlags) | DF);
const words = (bytes: Uint8Array): BigUint64Array => new BigUint64Array(bytes.buffer, bytes.byteOffset, bytes.length / 8);

function changes(before: BigUint64Array, after: BigUint64Array, base: number): [number, bigint][] {
  const found: [number, bigint][] = [];
  after.forEach((value, at) => {
    if (value !== before[at]) found.push([base + at, value]);
  });
  return found;
}

function record(): void {
  const native = openNative();
  if (native === undefined) throw new Error('recording needs an x86-64 host with node:ffi');
  const place = { pc: native.pc, target: native.target, data: native.data };
  const state: State = { gpr: native.before.gpr, fx: native.before.fx, flags: 0 };
  const out: Buffer[] = [Buffer.from(`${JSON.stringify({ host: cpus()[0].model, base: place })}\n`)];
  let count = 0;
  for (const [key, form] of BY_KEY) {
    if (excluded(form) !== undefined) continue;
    for (let n = 0, tries = 0; n < CASES && tries < 500; tries++) {
      const seed = (key + tries) >>> 0;
      const prepared = prepare(form, seed, place, state, native.bytes);
      if (prepared === undefined) continue;
      const { x, check } = prepared;
      n++;
      count++;
      const data = native.bytes.slice();
      const image = imageOf(state.gpr, flagsOf(state.flags, x), false, state.fx);
      native.place(x.bytes);
      native.setFlags(state.flags);
      const jumped = native.run();
      if (x.mnemonic.startsWith('fxsave')) new DataView(native.bytes.buffer, native.bytes.byteOffset).setUint32(x.at - native.data + MXCSR_MASK, 0xffff, true);
      const after = imageOf(native.after.gpr, flagsOf(native.flags(), x), jumped, native.after.fx);
      const changed = [...changes(words(image), words(after), 0), ...changes(words(data), words(native.bytes), DATA_WORDS)];
      const head = Buffer.alloc(14);
      head.writeUInt32LE(key, 0);
      head.writeUInt32LE(seed, 4);
      head.writeUInt32LE(check, 8);
      head.writeUInt16LE(changed.length, 12);
      out.push(head);
      for (const [at, value] of changed) {
        const entry = Buffer.alloc(10);
        entry.writeUInt16LE(at, 0);
        entry.writeBigUInt64LE(value, 2);
        out.push(entry);
      }
    }
  }
  const compressed = brotliCompressSync(Buffer.concat(out));
  writeFileSync(FILE, compressed);
  console.log(`vectors: ${count} cases of ${FORMS.length} forms, ${compressed.length} bytes`);
}

const isNaN32 = (bits: number): boolean => (bits & 0x7fff_ffff) > 0x7f80_0000;
const isNaN64 = (bits: bigint): boolean => (bits & 0x7fff_ffff_ffff_ffffn) > 0x7ff0_0000_0000_0000n;

/** Equal, or both NaN in some format: beyond x86-64, compiled code promises no more (x86/inst/simd.ts). */
function sameUpToNaN(a: bigint, b: bigint): boolean {
  if (a === b || (isNaN64(a) && isNaN64(b))) return true;
  const half = (x: bigint, shift: bigint): number => Number((x >> shift) & 0xffff_ffffn) | 0;
  return [0n, 32n].every((shift) => half(a, shift) === half(b, shift) || (isNaN32(half(a, shift)) && isNaN32(half(b, shift))));
}

export interface Replay {
  readonly cases: number;
  readonly differ: number;
  /** Not compared: the generator or the rows are no longer those of the recording. */
  readonly stale: number;
}

export function replay(log: (line: string) => void): Replay {
  const file = brotliDecompressSync(readFileSync(FILE));
  const start = file.indexOf(0x0a) + 1;
  const { host, base } = JSON.parse(file.toString('utf8', 0, start)) as { host: string; base: Place };
  const total = { cases: 0, differ: 0, stale: 0 };
  for (const engine of [new InterpreterEngine({ checkFlags: true }), new TranslatorEngine()]) {
    const subject = new Subject(engine, base, false);
    const lenient = engine.name === 'translator' && process.arch !== 'x64';
    const state: State = { gpr: new BigUint64Array(16), fx: new Uint8Array(512), flags: 0 };
    const data = new Uint8Array(DATA_BYTES);
    let count = 0;
    let differ = 0;
    let stale = 0;
    for (let at = start; at < file.length; ) {
      const [key, seed, check, length] = [file.readUInt32LE(at), file.readUInt32LE(at + 4), file.readUInt32LE(at + 8), file.readUInt16LE(at + 12)];
      const patches = file.subarray(at + 14, at + 14 + length * 10);
      at += 14 + length * 10;
      count++;
      const form = BY_KEY.get(key);
      const prepared = form === undefined ? undefined : prepare(form, seed, base, state, data);
      if (prepared === undefined || prepared.check !== check) {
        stale++;
        continue;
      }
      const { x } = prepared;
      const expectedImage = imageOf(state.gpr, flagsOf(state.flags, x), false, state.fx);
      subject.place(x.bytes);
      subject.data.set(data);
      for (let patch = 0; patch < patches.length; patch += 10) {
        const place = patches.readUInt16LE(patch);
        const value = patches.readBigUInt64LE(patch + 2);
        if (place < DATA_WORDS) words(expectedImage)[place] = value;
        else words(data)[place - DATA_WORDS] = value;
      }
      subject.enter(state);
      const { rip, trap } = subject.run(x, base.pc + x.bytes.length);
      const { cpu } = subject.executor;
      const found = words(imageOfCpu(cpu, flagsOf(cpu.rflags, x), rip === x.target));
      const same = (a: bigint, b: bigint): boolean => a === b || (lenient && sameUpToNaN(a, b));
      const bad = words(expectedImage).findIndex((value, word) => !same(value, found[word]));
      const badData = Buffer.compare(subject.data, data) === 0 ? -1 : subject.data.findIndex((byte, place) => byte !== data[place]);
      if (trap === undefined && bad < 0 && (badData < 0 || lenient)) continue;
      if (differ++ < 5) log(`  ${engine.name}: ${x.text} (${Buffer.from(x.bytes).toString('hex')}): ${trap ?? (bad >= 0 ? `word ${bad} of ${IMAGE_BYTES / 8}` : `memory at ${(base.data + badData).toString(16)}`)}`);
    }
    log(`vectors of ${host}: ${engine.name} ${count} cases, ${differ} differ${stale > 0 ? `, ${stale} stale (record again on an x86-64 host)` : ''}`);
    total.cases += count;
    total.differ += differ;
    total.stale += stale;
  }
  return total;
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  if (process.argv[2] === 'record') record();
  else process.exitCode = replay(console.log).differ > 0 ? 1 : 0;
}
