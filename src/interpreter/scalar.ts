/** Integer and scalar operations (wasm core specification, §4.3). i32 is a signed number, i64 an unsigned bigint. */

import { F32, F64, binary, comparison, demote, integerToF32, promote, truncate, unary } from './float.ts';

export type Datum = number | bigint | Uint8Array;
export type Evaluate = (a: never, b: never, c: never) => Datum;

const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);
const s64 = (value: bigint): bigint => BigInt.asIntN(64, value);

function popcount(value: number): number {
  let count = 0;
  for (let rest = value; rest !== 0; rest &= rest - 1) count++;
  return count;
}

function nonZero<T extends number | bigint>(divisor: T): T {
  // Rows test the operands first (`trapIf`): getting here is a fault of a row.
  if (divisor === 0 || divisor === 0n) throw new Error('integer division by zero in lifted code');
  return divisor;
}

const I32: Readonly<Record<string, (a: number, b: number) => number>> = {
  clz: (a) => Math.clz32(a),
  ctz: (a) => (a === 0 ? 32 : 31 - Math.clz32(a & -a)),
  popcnt: popcount,
  eqz: (a) => +(a === 0),
  extend8_s: (a) => (a << 24) >> 24,
  extend16_s: (a) => (a << 16) >> 16,
  add: (a, b) => (a + b) | 0,
  sub: (a, b) => (a - b) | 0,
  mul: Math.imul,
  div_s: (a, b) => (a / nonZero(b)) | 0,
  div_u: (a, b) => ((a >>> 0) / nonZero(b >>> 0)) | 0,
  rem_s: (a, b) => (a % nonZero(b)) | 0,
  rem_u: (a, b) => ((a >>> 0) % nonZero(b >>> 0)) | 0,
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  shl: (a, b) => a << b,
  shr_s: (a, b) => a >> b,
  shr_u: (a, b) => (a >>> b) | 0,
  rotl: (a, b) => ((b & 31) === 0 ? a : (a << b) | (a >>> (32 - (b & 31)))),
  rotr: (a, b) => ((b & 31) === 0 ? a : (a >>> b) | (a << (32 - (b & 31)))),
  eq: (a, b) => +(a === b),
  ne: (a, b) => +(a !== b),
  lt_s: (a, b) => +(a < b),
  lt_u: (a, b) => +(a >>> 0 < b >>> 0),
  gt_s: (a, b) => +(a > b),
  gt_u: (a, b) => +(a >>> 0 > b >>> 0),
  le_s: (a, b) => +(a <= b),
  le_u: (a, b) => +(a >>> 0 <= b >>> 0),
  ge_s: (a, b) => +(a >= b),
  ge_u: (a, b) => +(a >>> 0 >= b >>> 0),
};

function countZeros(value: bigint, from: 'top' | 'bottom'): bigint {
  for (let at = 0; at < 64; at++) {
    const bit = from === 'top' ? 63 - at : at;
    if ((value >> BigInt(bit)) & 1n) return BigInt(at);
  }
  return 64n;
}

function quotient(a: bigint, b: bigint): bigint {
  const result = a / nonZero(b);
  if (result === 1n << 63n) throw new Error('integer overflow of a division in lifted code');
  return result;
}

const I64: Readonly<Record<string, (a: bigint, b: bigint) => bigint | number>> = {
  clz: (a) => countZeros(a, 'top'),
  ctz: (a) => countZeros(a, 'bottom'),
  popcnt: (a) => BigInt(popcount(Number(a >> 32n) | 0) + popcount(Number(a & 0xffff_ffffn) | 0)),
  eqz: (a) => +(a === 0n),
  extend8_s: (a) => u64(BigInt.asIntN(8, a)),
  extend16_s: (a) => u64(BigInt.asIntN(16, a)),
  extend32_s: (a) => u64(BigInt.asIntN(32, a)),
  add: (a, b) => u64(a + b),
  sub: (a, b) => u64(a - b),
  mul: (a, b) => u64(a * b),
  div_s: (a, b) => u64(quotient(s64(a), s64(b))),
  div_u: (a, b) => a / nonZero(b),
  rem_s: (a, b) => u64(s64(a) % nonZero(s64(b))),
  rem_u: (a, b) => a % nonZero(b),
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  shl: (a, b) => u64(a << (b & 63n)),
  shr_s: (a, b) => u64(s64(a) >> (b & 63n)),
  shr_u: (a, b) => a >> (b & 63n),
  rotl: (a, b) => u64((a << (b & 63n)) | (a >> (64n - (b & 63n)))),
  rotr: (a, b) => u64((a >> (b & 63n)) | (a << (64n - (b & 63n)))),
  eq: (a, b) => +(a === b),
  ne: (a, b) => +(a !== b),
  lt_s: (a, b) => +(s64(a) < s64(b)),
  lt_u: (a, b) => +(a < b),
  gt_s: (a, b) => +(s64(a) > s64(b)),
  gt_u: (a, b) => +(a > b),
  le_s: (a, b) => +(s64(a) <= s64(b)),
  le_u: (a, b) => +(a <= b),
  ge_s: (a, b) => +(s64(a) >= s64(b)),
  ge_u: (a, b) => +(a >= b),
};

const i32of = (value: bigint): number => Number(BigInt.asIntN(32, value));

/** Conversions, by full name. */
const CONVERT: Readonly<Record<string, (a: never) => Datum>> = {
  'i32.wrap_i64': (a: bigint) => i32of(a),
  'i64.extend_i32_s': (a: number) => u64(BigInt(a)),
  'i64.extend_i32_u': (a: number) => BigInt(a >>> 0),
  'f32.convert_i32_s': (a: number) => F32.bits(a),
  'f32.convert_i32_u': (a: number) => F32.bits(a >>> 0),
  'f32.convert_i64_s': (a: bigint) => integerToF32(s64(a)),
  'f32.convert_i64_u': (a: bigint) => integerToF32(a),
  'f64.convert_i32_s': (a: number) => F64.bits(a),
  'f64.convert_i32_u': (a: number) => F64.bits(a >>> 0),
  'f64.convert_i64_s': (a: bigint) => F64.bits(Number(s64(a))),
  'f64.convert_i64_u': (a: bigint) => F64.bits(Number(a)),
  'f32.demote_f64': demote,
  'f64.promote_f32': promote,
  'i32.reinterpret_f32': (a: number) => a,
  'i64.reinterpret_f64': (a: bigint) => a,
  'f32.reinterpret_i32': (a: number) => a,
  'f64.reinterpret_i64': (a: bigint) => a,
  'i32.trunc_sat_f32_s': (a: number) => i32of(truncate(F32.value(a), 32, true)),
  'i32.trunc_sat_f32_u': (a: number) => i32of(truncate(F32.value(a), 32, false)),
  'i32.trunc_sat_f64_s': (a: bigint) => i32of(truncate(F64.value(a), 32, true)),
  'i32.trunc_sat_f64_u': (a: bigint) => i32of(truncate(F64.value(a), 32, false)),
  'i64.trunc_sat_f32_s': (a: number) => u64(truncate(F32.value(a), 64, true)),
  'i64.trunc_sat_f32_u': (a: number) => u64(truncate(F32.value(a), 64, false)),
  'i64.trunc_sat_f64_s': (a: bigint) => u64(truncate(F64.value(a), 64, true)),
  'i64.trunc_sat_f64_u': (a: bigint) => u64(truncate(F64.value(a), 64, false)),
};

/** The scalar operation of a name; undefined if there is none. */
export function scalarOperation(op: string): Evaluate | undefined {
  const [type, name] = op.split('.') as [string, string];
  const conversion = CONVERT[op];
  if (conversion !== undefined) return conversion as Evaluate;
  switch (type) {
    case 'i32':
      return I32[name] as Evaluate | undefined;
    case 'i64':
      return I64[name] as Evaluate | undefined;
    case 'f32':
      return floating(F32, name);
    case 'f64':
      return floating(F64, name);
    default:
      return undefined;
  }
}

function floating<B extends number | bigint>(format: import('./float.ts').Format<B>, name: string): Evaluate | undefined {
  const compare = comparison(format, name);
  if (compare !== undefined) return ((a: B, b: B) => +compare(a, b)) as Evaluate;
  return (unary(format, name) ?? binary(format, name)) as Evaluate | undefined;
}
