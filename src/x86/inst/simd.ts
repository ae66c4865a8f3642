/**
 * Builders for the meaning of vector instructions, shared by the MMX and SSE families.
 *
 * A register of either kind is handled as a `v128`: an MMX register (SDM vol. 1 §9.2) is its low half, with
 * the high half zero. Data moves by integer lanes and shuffles only, so that no NaN changes on the way.
 *
 * Floating point: an operation's NaN result is x86's where the engine compiles to SSE (V8 on x86-64) or
 * follows its rule (the interpreter): the first operand's NaN, quieted, else the second's; the default NaN
 * is negative. wasm itself leaves payload and sign open, so that on other hosts only "a NaN" is promised.
 * Arithmetic rounds to nearest and raises no MXCSR status flag; conversions and `round*` obey MXCSR.RC.
 * 16-byte operands need no alignment here (docs/divergences.md).
 */

import type { LoadOp, Op } from '../../ops/index.ts';
import type { Insn, Mem, Operand } from '../insn.ts';
import type { Lift, Lifter, Value } from '../lift.ts';
import { CPU } from '../state.ts';

export type Float = 'f32' | 'f64';
/** A result from destination and source. */
export type Combine = (b: Lifter, a: Value, c: Value, x: Insn) => Value;
export type Convert = (b: Lifter, a: Value, x: Insn) => Value;

const ZERO: readonly number[] = new Array<number>(16).fill(0);
const ONES: readonly number[] = new Array<number>(16).fill(0xff);
export const zero = (b: Lifter): Value => b.v128(ZERO);
export const ones = (b: Lifter): Value => b.v128(ONES);

/** A constant with the same 32-bit or 16-bit value in all lanes. */
export const splat32 = (b: Lifter, value: number): Value =>
  b.v128(ZERO.map((_, at) => (value >>> (8 * (at & 3))) & 0xff));
export const splat16 = (b: Lifter, value: number): Value =>
  b.v128(ZERO.map((_, at) => (value >>> (8 * (at & 1))) & 0xff));
export const splat8 = (b: Lifter, value: number): Value => b.v128(ZERO.map(() => value));
/** A constant of two 64-bit lanes. */
export const splat64 = (b: Lifter, value: bigint): Value =>
  b.v128(ZERO.map((_, at) => Number((value >> BigInt(8 * (at & 7))) & 0xffn)));

export const isMmx = (x: Insn): boolean => x.ops[0].kind === 'mmx' || x.ops[1]?.kind === 'mmx';
export const imm8 = (x: Insn): number => {
  const last = x.ops[x.ops.length - 1];
  return last.kind === 'imm' ? Number(last.value & 0xffn) : 0;
};

const mmOffset = (index: number): number => CPU.x87 + 16 * index;
const LOAD: Record<number, LoadOp> = { 4: 'v128.load32_zero', 8: 'v128.load64_zero', 16: 'v128.load' };

/** Loads the low `bytes` of a vector from memory, the rest zero. */
export function loadVec(b: Lifter, mem: Mem, bytes: number): Value {
  const address = b.address(mem);
  if (bytes >= 4) return b.load(LOAD[bytes], address);
  return b.lane('i32x4.replace_lane', 0, zero(b), b.load(bytes === 2 ? 'i32.load16_u' : 'i32.load8_u', address));
}

/** An operand as a vector; memory gives as many bytes as the operand names, or `bytes`. */
export function vec(b: Lifter, o: Operand, bytes?: number): Value {
  switch (o.kind) {
    case 'xmm': return b.readXmm(o.index);
    case 'mmx': return b.cpuLoad('v128.load64_zero', mmOffset(o.index));
    case 'mem': return loadVec(b, o, bytes ?? o.size);
    default: return b.read(o);
  }
}

/** Writes a whole vector register, or its low `bytes` to memory. */
export function put(b: Lifter, o: Operand, value: Value, bytes?: number): void {
  if (o.kind === 'xmm') return b.writeXmm(o.index, value);
  if (o.kind === 'mmx') {
    b.cpuStore('i64.store', mmOffset(o.index), b.lane('i64x2.extract_lane', 0, value));
    b.cpuStore('i32.store16', mmOffset(o.index) + 8, b.i32(0xffff));
    return;
  }
  if (o.kind !== 'mem') return b.write(o, value);
  const address = b.address(o);
  const size = bytes ?? o.size;
  if (size === 16) b.store('v128.store', address, value);
  else if (size === 8) b.store('i64.store', address, b.lane('i64x2.extract_lane', 0, value));
  else b.store('i32.store', address, b.lane('i32x4.extract_lane', 0, value));
}

/** Writes a general register from an i32, zero-extended. */
export function putGpr(b: Lifter, o: Operand, value: Value): void {
  if (o.kind === 'gpr') b.writeGpr(o.index, b.op('i64.extend_i32_u', value));
}

/** The low 32 bits of a general register, or 1, 2 or 4 bytes of memory, zero-extended. */
export function integer(b: Lifter, o: Operand, bytes: 1 | 2 | 4): Value {
  if (o.kind === 'gpr') return b.op('i32.wrap_i64', b.readGpr(o.index));
  const op = bytes === 1 ? 'i32.load8_u' : bytes === 2 ? 'i32.load16_u' : 'i32.load';
  return b.load(op, b.address(o as Mem));
}

/** `dst` with its low `bytes` taken from `src`. */
export const mergeLow = (b: Lifter, dst: Value, src: Value, bytes: number): Value =>
  b.shuffle(ZERO.map((_, at) => (at < bytes ? at + 16 : at)), dst, src);

/** Shuffles by lanes of `width` bytes; indices from the number of lanes upwards mean the second vector. */
export const shuffleLanes = (b: Lifter, width: number, indices: readonly number[], a: Value, c: Value): Value =>
  b.shuffle(indices.flatMap((index) => Array.from({ length: width }, (_, at) => index * width + at)), a, c);

/** The two low halves, one after the other: both operands of an MMX instruction in one vector. */
export const joinLow = (b: Lifter, a: Value, c: Value): Value => shuffleLanes(b, 8, [0, 2], a, c);

// Packed operations.

export const combine = (f: Combine): Lift => (b, x) => put(b, x.ops[0], f(b, vec(b, x.ops[0]), vec(b, x.ops[1]), x));
export const lanes = (op: Op): Lift => combine((b, a, c) => b.op(op, a, c));
/** Operands exchanged: `pmin(a, b)` of wasm is `b < a ? b : a`, `min` of x86 is `a < b ? a : b`; `pandn` complements the first. */
export const swapped = (op: Op): Lift => combine((b, a, c) => b.op(op, c, a));
export const convert = (f: Convert, bytes?: number): Lift => (b, x) => put(b, x.ops[0], f(b, vec(b, x.ops[1], bytes), x));
export const map = (op: Op): Lift => convert((b, a) => b.op(op, a));
/** A whole move, either way. */
export const move: Lift = (b, x) => put(b, x.ops[0], vec(b, x.ops[1]));

/** Shuffles of destination and source: indices for XMM; for MMX the lanes of `a0 … a7 b0 … b7` bytes joined. */
export const interleave = (width: number, half: 'low' | 'high'): Lift =>
  combine((b, a, c, x) => {
    const total = isMmx(x) ? 8 : 16;
    const count = total / width;
    const first = half === 'low' ? 0 : count / 2;
    const indices: number[] = [];
    for (let at = 0; at < 16 / width; at++) indices.push(((first + (at >> 1)) % count) + (at & 1 ? 16 / width : 0));
    return shuffleLanes(b, width, indices, a, c);
  });

/** `packsswb` and its kin. */
export const pack = (op: Op): Lift =>
  combine((b, a, c, x) => {
    if (!isMmx(x)) return b.op(op, a, c);
    const both = joinLow(b, a, c);
    return b.op(op, both, both);
  });

/** Adds neighbours: even lanes with odd lanes of both operands. */
export const horizontal = (op: Op, width: number): Lift =>
  combine((b, a, c, x) => {
    const count = 16 / width;
    const [first, second] = isMmx(x) ? [joinLow(b, a, c), zero(b)] : [a, c];
    const pick = (odd: number) => Array.from({ length: count }, (_, at) => at * 2 + odd);
    return b.op(op, shuffleLanes(b, width, pick(0), first, second), shuffleLanes(b, width, pick(1), first, second));
  });

/** Shifts by the low 64 bits of the source or an immediate; counts beyond the lane clear it, or fill it with the sign. */
export function shift(op: Op, width: number): Lift {
  const arithmetic = op.endsWith('shr_s');
  return (b, x) => {
    const [dst, src] = x.ops;
    const value = vec(b, dst);
    if (src.kind === 'imm') {
      const count = imm8(x);
      if (count < width) put(b, dst, b.op(op, value, b.i32(count)));
      else put(b, dst, arithmetic ? b.op(op, value, b.i32(width - 1)) : zero(b));
      return;
    }
    const count = b.lane('i64x2.extract_lane', 0, vec(b, src));
    const tooFar = b.op('i64.gt_u', count, b.i64(width - 1));
    const low = b.op('i32.wrap_i64', count);
    if (arithmetic) put(b, dst, b.op(op, value, b.select(tooFar, b.i32(width - 1), low)));
    else put(b, dst, b.select(tooFar, zero(b), b.op(op, value, low)));
  };
}

// Scalar floating point: lane 0 changes, the rest of the destination stays.

export const FLOAT = {
  f32: { bytes: 4, lane: 'f32x4', load: 'f32.load' },
  f64: { bytes: 8, lane: 'f64x2', load: 'f64.load' },
} as const;

/** Lane 0 of a register, or a number in memory. */
export function scalarOf(b: Lifter, type: Float, o: Operand): Value {
  if (o.kind === 'mem') return b.load(FLOAT[type].load, b.address(o));
  return b.lane(`${FLOAT[type].lane}.extract_lane`, 0, vec(b, o));
}

export function putScalar(b: Lifter, type: Float, o: Operand, value: Value): void {
  put(b, o, b.lane(`${FLOAT[type].lane}.replace_lane`, 0, vec(b, o), value));
}

export const scalar = (type: Float, op: Op): Lift => (b, x) =>
  putScalar(b, type, x.ops[0], b.op(op, scalarOf(b, type, x.ops[0]), scalarOf(b, type, x.ops[1])));
export const scalarMap = (type: Float, f: Convert): Lift => (b, x) =>
  putScalar(b, type, x.ops[0], f(b, scalarOf(b, type, x.ops[1]), x));

/** Applies a vector operation and keeps only lane 0 of it: `minss`, `cmpss`. */
export const lowOf = (type: Float, f: Combine): Lift => (b, x) => {
  const dst = vec(b, x.ops[0]);
  const src = vec(b, x.ops[1], FLOAT[type].bytes);
  put(b, x.ops[0], mergeLow(b, dst, f(b, dst, src, x), FLOAT[type].bytes));
};

/** `cmpps` and its kin: the predicate is the immediate's low three bits (SDM vol. 2A, table 3-1 of CMPPD). */
export const compare = (lane: 'f32x4' | 'f64x2'): Combine => (b, a, c, x) => {
  const eq: Op = `${lane}.eq`, ne: Op = `${lane}.ne`, lt: Op = `${lane}.lt`, le: Op = `${lane}.le`;
  switch (imm8(x) & 7) {
    case 0: return b.op(eq, a, c);
    case 1: return b.op(lt, a, c);
    case 2: return b.op(le, a, c);
    case 3: return b.op('v128.or', b.op(ne, a, a), b.op(ne, c, c));
    case 4: return b.op(ne, a, c);
    case 5: return b.op('v128.not', b.op(lt, a, c));
    case 6: return b.op('v128.not', b.op(le, a, c));
    default: return b.op('v128.and', b.op(eq, a, a), b.op(eq, c, c));
  }
};

/** `comiss`, `ucomiss`, `comisd`, `ucomisd`: unordered sets all three flags. */
export const compareFlags = (type: Float): Lift => (b, x) => {
  const left = scalarOf(b, type, x.ops[0]);
  const right = scalarOf(b, type, x.ops[1]);
  const no = () => b.i32(0);
  b.setFlag('cf', () => b.op('i32.eqz', b.op(`${type}.ge`, left, right)));
  b.setFlag('zf', () => b.op('i32.eqz', b.op('i32.or', b.op(`${type}.lt`, left, right), b.op(`${type}.gt`, left, right))));
  b.setFlag('pf', () => b.op('i32.or', b.op(`${type}.ne`, left, left), b.op(`${type}.ne`, right, right)));
  b.setFlag('af', no);
  b.setFlag('sf', no);
  b.setFlag('of', no);
};

// Rounding and conversion. x86's answer to what does not fit is the "integer indefinite", 0x80000000 or 0x8000000000000000.

type Rounding = 'f32' | 'f64' | 'f32x4' | 'f64x2';
const MODES = ['nearest', 'floor', 'ceil', 'trunc'] as const;

/** Rounds to an integral value in a fixed mode (0–3 as in MXCSR.RC), or in MXCSR's. */
export function rounded(b: Lifter, kind: Rounding, value: Value, mode: number | 'mxcsr'): Value {
  if (mode !== 'mxcsr') return b.op(`${kind}.${MODES[mode]}`, value);
  const rc = b.op('i32.and', b.op('i32.shr_u', b.cpuLoad('i32.load', CPU.mxcsr), b.i32(13)), b.i32(3));
  const is = (n: number) => b.op('i32.eq', rc, b.i32(n));
  const by = (n: number) => b.op(`${kind}.${MODES[n]}`, value);
  return b.select(is(0), by(0), b.select(is(1), by(1), b.select(is(2), by(2), by(3))));
}

/** A scalar to a 32- or 64-bit integer; what is not below 2^31 or 2^63 (NaN neither) is indefinite, and so is what saturates below. */
export function toInteger(b: Lifter, type: Float, value: Value, size: number): Value {
  const wide = size === 8;
  const limit = wide ? 2 ** 63 : 2 ** 31;
  const inRange = b.op(`${type}.lt`, value, type === 'f32' ? b.f32(limit) : b.f64(limit));
  const integerType = wide ? 'i64' : 'i32';
  const result = b.op(`${integerType}.trunc_sat_${type}_s`, value);
  return b.select(inRange, result, wide ? b.i64(-(2n ** 63n)) : b.i32(-0x8000_0000));
}

/** Four f32 to four i32; the value is integral or to be truncated. */
export function packedF32ToI32(b: Lifter, value: Value): Value {
  const inRange = b.op('f32x4.lt', value, splat32(b, 0x4f00_0000));
  return b.op('v128.bitselect', b.op('i32x4.trunc_sat_f32x4_s', value), splat32(b, 0x8000_0000), inRange);
}

/** Two f64 to two i32 in the low half, the high half zero. */
export function packedF64ToI32(b: Lifter, value: Value): Value {
  const inRange = b.op('f64x2.lt', value, splat64(b, 0x41e0_0000_0000_0000n));
  const low = shuffleLanes(b, 4, [0, 2, 4, 5], inRange, ones(b));
  return b.op('v128.bitselect', b.op('i32x4.trunc_sat_f64x2_s_zero', value), splat32(b, 0x8000_0000), low);
}

/** An MMX instruction: TOP becomes 0 and every x87 register valid (SDM vol. 1 §9.5.1). */
export const mmx = (lift: Lift): Lift => (b, x) => {
  lift(b, x);
  b.cpuStore('i32.store', CPU.x87Status, b.op('i32.and', b.cpuLoad('i32.load', CPU.x87Status), b.i32(~0x3800)));
  b.cpuStore('i32.store', CPU.x87Tag, b.i32(0xff));
};

/** `pinsrb/w/d/q`: the general register or memory into the lane that the immediate names. */
export const insertLane = (lane: 'i8x16' | 'i16x8' | 'i32x4' | 'i64x2', bytes: 1 | 2 | 4 | 8): Lift => (b, x) => {
  const count = isMmx(x) ? 4 : 16 / bytes;
  const value = bytes === 8 ? b.read(x.ops[1]) : integer(b, x.ops[1], bytes);
  put(b, x.ops[0], b.lane(`${lane}.replace_lane`, imm8(x) & (count - 1), vec(b, x.ops[0]), value));
};

/** `pextrb/w/d/q`, `extractps`: a lane to a general register, zero-extended, or to memory. */
export const extractLane = (lane: 'i8x16' | 'i16x8' | 'i32x4' | 'i64x2', bytes: 1 | 2 | 4 | 8): Lift => (b, x) => {
  const [dst, src] = x.ops;
  const count = isMmx(x) ? 4 : 16 / bytes;
  const op: Op = bytes < 4 ? `${lane as 'i8x16'}.extract_lane_u` : `${lane as 'i32x4'}.extract_lane`;
  const value = b.lane(op, imm8(x) & (count - 1), vec(b, src));
  if (dst.kind === 'mem') b.store(bytes === 1 ? 'i32.store8' : bytes === 2 ? 'i32.store16' : bytes === 4 ? 'i32.store' : 'i64.store', b.address(dst), value);
  else if (bytes === 8) b.write(dst, value);
  else putGpr(b, dst, value);
};

/** `movmskps`, `pmovmskb`: the sign bits of the lanes. */
export const signMask = (op: Op): Lift => (b, x) => putGpr(b, x.ops[0], b.op(op, vec(b, x.ops[1])));

/** Stores the bytes of the first operand whose sign bit is set in the second at DS:rDI; `maskmovdqu`. */
export const maskedStore = (bytes: 8 | 16): Lift => (b, x) => {
  const data = vec(b, x.ops[0]);
  const mask = b.op('i8x16.shr_s', vec(b, x.ops[1]), b.i32(7));
  let address = b.readGpr(7);
  if (x.addressSize === 4) address = b.op('i64.extend_i32_u', b.op('i32.wrap_i64', address));
  const old = b.load(bytes === 16 ? 'v128.load' : 'v128.load64_zero', address);
  const value = b.op('v128.bitselect', data, old, mask);
  if (bytes === 16) b.store('v128.store', address, value);
  else b.store('i64.store', address, b.lane('i64x2.extract_lane', 0, value));
};

/** `movd`, `movq` from a general register or memory: 4 or 8 bytes, the rest zero. */
export const moveIn: Lift = (b, x) => {
  const [dst, src] = x.ops;
  if (src.kind === 'mem') put(b, dst, loadVec(b, src, src.size));
  else put(b, dst, b.lane(src.size === 8 ? 'i64x2.replace_lane' : 'i32x4.replace_lane', 0, zero(b), b.read(src)));
};

export const moveOut: Lift = (b, x) => {
  const [dst, src] = x.ops;
  b.write(dst, b.lane(dst.size === 8 ? 'i64x2.extract_lane' : 'i32x4.extract_lane', 0, vec(b, src)));
};
