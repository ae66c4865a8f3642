/**
 * String instructions (SDM vol. 1 §7.3.9). One iteration is spelled out; the repeated forms are helpers of the
 * engines (`memory: 'string'`), which stop at the element that faults with the registers as they are then.
 *
 * Helpers find the base of the source's segment at `CPU.scratch + 24` (i64) and the direction at `CPU.df`.
 * `repe_…`/`repne_…` leave the operands last compared at `CPU.scratch` and `+ 8` (i64, zero-extended), and at
 * `+ 16` (i32) whether there was any.
 */

import { defineHelper } from '../helpers.ts';
import type { Insn, Mem } from '../insn.ts';
import type { Flag, Lift, Lifter, Value } from '../lift.ts';
import { GPR } from '../operands.ts';
import { i } from '../row.ts';
import type { Row } from '../row.ts';
import { CPU, RAX, RCX, RDI, RSI } from '../state.ts';
import { auxiliary, int, narrow, resultFlags, sizeOf, subBorrow, subOverflow } from './integer.ts';
import type { IntSize, Thunks } from './integer.ts';

const SIZES = [1, 2, 4, 8] as const;
const mask = (...registers: number[]): number => registers.reduce((bits, register) => bits | (1 << register), 0);
for (const size of SIZES) {
  defineHelper({ name: `rep_movs${size}`, reads: mask(RCX, RSI, RDI), writes: mask(RCX, RSI, RDI), memory: 'string' });
  defineHelper({ name: `rep_stos${size}`, reads: mask(RAX, RCX, RDI), writes: mask(RCX, RDI), memory: 'string' });
  defineHelper({ name: `rep_lods${size}`, reads: mask(RAX, RCX, RSI), writes: mask(RAX, RCX, RSI), memory: 'string' });
  for (const rep of ['repe', 'repne']) {
    defineHelper({ name: `${rep}_cmps${size}`, reads: mask(RCX, RSI, RDI), writes: mask(RCX, RSI, RDI), memory: 'string' });
    defineHelper({ name: `${rep}_scas${size}`, reads: mask(RAX, RCX, RDI), writes: mask(RCX, RDI), memory: 'string' });
  }
}

const accumulator = (size: IntSize) => GPR[Math.log2(size)][RAX];

/** Moves index registers past an element; under an address-size prefix they are 32 bits wide. */
function advance(b: Lifter, x: Insn, size: IntSize, ...registers: number[]): void {
  const step = b.select(b.readDf(), b.i64(-size), b.i64(size));
  for (const register of registers) {
    const moved = b.op('i64.add', b.readGpr(register), step);
    b.writeGpr(register, x.addressSize === 8 ? moved : b.op('i64.and', moved, b.i64(0xffff_ffff)));
  }
}
/** Prepares registers and scratch, and repeats. */
function repeat(b: Lifter, x: Insn, name: string, source: Mem | undefined, ...registers: number[]): void {
  if (x.addressSize === 4) for (const register of [RCX, ...registers]) b.writeGpr(register, b.op('i64.and', b.readGpr(register), b.i64(0xffff_ffff)));
  const segment = source?.segment;
  b.cpuStore('i64.store', CPU.scratch + 24, segment === undefined ? b.i64(0) : b.readSegmentBase(segment));
  b.cpuStore('i32.store', CPU.df, b.readDf());
  b.helper(name);
}

const movs: Lift = (b, x) => {
  const size = sizeOf(x.ops[0]);
  if (x.rep !== undefined) return repeat(b, x, `rep_movs${size}`, x.ops[1] as Mem, RSI, RDI);
  b.write(x.ops[0], b.read(x.ops[1]));
  advance(b, x, size, RSI, RDI);
};
const stos: Lift = (b, x) => {
  const size = sizeOf(x.ops[0]);
  if (x.rep !== undefined) return repeat(b, x, `rep_stos${size}`, undefined, RDI);
  b.write(x.ops[0], b.read(accumulator(size)));
  advance(b, x, size, RDI);
};
const lods: Lift = (b, x) => {
  const size = sizeOf(x.ops[1]);
  if (x.rep !== undefined) return repeat(b, x, `rep_lods${size}`, x.ops[1] as Mem, RSI);
  const value = b.read(x.ops[1]);
  advance(b, x, size, RSI);
  b.write(accumulator(size), value);
};

/** Flags of first − second, where an element was compared at all. */
function compareLast(b: Lifter, size: IntSize): void {
  const ran = b.cpuLoad('i32.load', CPU.scratch + 16);
  const first = narrow(b, size, b.cpuLoad('i64.load', CPU.scratch));
  const second = narrow(b, size, b.cpuLoad('i64.load', CPU.scratch + 8));
  const result = int(b, size, 'sub', first, second);
  const flags: Thunks = {
    ...resultFlags(b, size, result),
    cf: () => subBorrow(b, size, first, second, result),
    of: () => subOverflow(b, size, first, second, result),
    af: () => auxiliary(b, size, first, second, result),
  };
  for (const name of Object.keys(flags) as Flag[]) {
    const old = b.flagLater(name);
    const fresh = flags[name] as () => Value;
    b.setFlag(name, () => b.select(ran, fresh(), old()));
  }
}
const compare = (kind: 'cmps' | 'scas'): Lift => (b, x) => {
  const size = sizeOf(x.ops[0]);
  const registers = kind === 'cmps' ? [RSI, RDI] : [RDI];
  const source = kind === 'cmps' ? (x.ops[0] as Mem) : undefined;
  if (x.rep !== undefined) {
    repeat(b, x, `${x.rep === 'rep' ? 'repe' : 'repne'}_${kind}${size}`, source, ...registers);
    return compareLast(b, size);
  }
  const first = b.read(x.ops[0]);
  const second = b.read(x.ops[1]);
  advance(b, x, size, ...registers);
  b.flagsSub(size, first, second, int(b, size, 'sub', first, second));
};

const R = { repeats: true };

// biome-ignore format: a table
export const STRING: readonly Row[] = [
  i('movs', 'A4', 'Yb,Xb',  'I386', movs, R),
  i('movs', 'A5', 'Yv,Xv',  'I386', movs, R),
  i('cmps', 'A6', 'Xb,Yb',  'I386', compare('cmps'), R),
  i('cmps', 'A7', 'Xv,Yv',  'I386', compare('cmps'), R),
  i('stos', 'AA', 'Yb,AL',  'I386', stos, R),
  i('stos', 'AB', 'Yv,rAX', 'I386', stos, R),
  i('lods', 'AC', 'AL,Xb',  'I386', lods, R),
  i('lods', 'AD', 'rAX,Xv', 'I386', lods, R),
  i('scas', 'AE', 'AL,Yb',  'I386', compare('scas'), R),
  i('scas', 'AF', 'rAX,Yv', 'I386', compare('scas'), R),
];
