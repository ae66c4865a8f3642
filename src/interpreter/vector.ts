/** Vector operations (wasm core specification, §4.3.4), lane by lane. A v128 is sixteen bytes, lane 0 first. */

import { F32, F64, binary, comparison, demote, fromF64, promote, truncate, unary, type Format } from './float.ts';
import type { Datum, Evaluate } from './scalar.ts';

type Read = (bytes: DataView, at: number) => number | bigint;
type Write = (bytes: DataView, at: number, value: number | bigint) => void;

interface Shape {
  readonly bytes: number;
  readonly lanes: number;
  readonly signed: Read;
  readonly unsigned: Read;
  readonly write: Write;
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, 16);
const big = (value: number | bigint): bigint => BigInt(value);
const num = (value: number | bigint): number => Number(value);

const SHAPES: Readonly<Record<string, Shape>> = {
  i8x16: { bytes: 1, lanes: 16, signed: (v, at) => v.getInt8(at), unsigned: (v, at) => v.getUint8(at), write: (v, at, x) => v.setUint8(at, num(x)) },
  i16x8: { bytes: 2, lanes: 8, signed: (v, at) => v.getInt16(at, true), unsigned: (v, at) => v.getUint16(at, true), write: (v, at, x) => v.setUint16(at, num(x), true) },
  i32x4: { bytes: 4, lanes: 4, signed: (v, at) => v.getInt32(at, true), unsigned: (v, at) => v.getUint32(at, true), write: (v, at, x) => v.setUint32(at, num(x), true) },
  i64x2: { bytes: 8, lanes: 2, signed: (v, at) => v.getBigInt64(at, true), unsigned: (v, at) => v.getBigUint64(at, true), write: (v, at, x) => v.setBigUint64(at, BigInt.asUintN(64, big(x)), true) },
};
const F32X4: Shape = SHAPES.i32x4;
const F64X2: Shape = SHAPES.i64x2;

function mapLanes(shape: Shape, read: Read, f: (x: never) => number | bigint): Evaluate {
  return ((a: Uint8Array) => {
    const out = new Uint8Array(16);
    for (let at = 0; at < 16; at += shape.bytes) shape.write(viewOf(out), at, f(read(viewOf(a), at) as never));
    return out;
  }) as Evaluate;
}

function zipLanes(shape: Shape, read: Read, f: (x: never, y: never) => number | bigint): Evaluate {
  return ((a: Uint8Array, b: Uint8Array) => {
    const out = new Uint8Array(16);
    const [x, y, to] = [viewOf(a), viewOf(b), viewOf(out)];
    for (let at = 0; at < 16; at += shape.bytes) shape.write(to, at, f(read(x, at) as never, read(y, at) as never));
    return out;
  }) as Evaluate;
}

/** A mask of ones where the comparison holds. */
const mask = (holds: boolean): number => (holds ? -1 : 0);
const COMPARE: Readonly<Record<string, (x: never, y: never) => boolean>> = {
  eq: (x, y) => x === y,
  ne: (x, y) => x !== y,
  lt: (x, y) => x < y,
  gt: (x, y) => x > y,
  le: (x, y) => x <= y,
  ge: (x, y) => x >= y,
};

function saturate(value: number, bits: number, signed: boolean): number {
  const low = signed ? -(2 ** (bits - 1)) : 0;
  const high = signed ? 2 ** (bits - 1) - 1 : 2 ** bits - 1;
  return Math.min(high, Math.max(low, value));
}

/** Operations on integer lanes, by the name after the shape. */
function integer(shapeName: string, name: string): Evaluate | undefined {
  const shape = SHAPES[shapeName];
  const bits = shape.bytes * 8;
  const suffix = /^(.*)_([su])$/.exec(name);
  const stem = suffix?.[1] ?? name;
  const isSigned = suffix?.[2] === 's';
  const read = isSigned ? shape.signed : shape.unsigned;
  const compare = COMPARE[stem];
  if (compare !== undefined) return zipLanes(shape, read, (x, y) => mask(compare(x, y)));
  switch (stem) {
    case 'add':
      return zipLanes(shape, read, (x, y) => BigInt.asUintN(bits, big(x) + big(y)));
    case 'sub':
      return zipLanes(shape, read, (x, y) => BigInt.asUintN(bits, big(x) - big(y)));
    case 'mul':
      return zipLanes(shape, read, (x, y) => BigInt.asUintN(bits, big(x) * big(y)));
    case 'neg':
      return mapLanes(shape, read, (x) => BigInt.asUintN(bits, -big(x)));
    case 'abs':
      return mapLanes(shape, shape.signed, (x) => BigInt.asUintN(bits, big(x) < 0n ? -big(x) : big(x)));
    case 'popcnt':
      return mapLanes(shape, read, (x: number) => x.toString(2).replaceAll('0', '').length);
    case 'min':
      return zipLanes(shape, read, (x, y) => (x < y ? x : y));
    case 'max':
      return zipLanes(shape, read, (x, y) => (x > y ? x : y));
    case 'add_sat':
      return zipLanes(shape, read, (x: number, y: number) => saturate(x + y, bits, isSigned));
    case 'sub_sat':
      return zipLanes(shape, read, (x: number, y: number) => saturate(x - y, bits, isSigned));
    case 'avgr':
      return zipLanes(shape, read, (x: number, y: number) => (x + y + 1) >> 1);
    case 'q15mulr_sat':
      return zipLanes(shape, read, (x: number, y: number) => saturate((x * y + 0x4000) >> 15, 16, true));
    case 'shl':
      return shiftLanes(shape, shape.unsigned, (x, n) => BigInt.asUintN(bits, x << n));
    case 'shr':
      return shiftLanes(shape, read, (x, n) => x >> n);
    case 'all_true':
      return ((a: Uint8Array) => {
        for (let at = 0; at < 16; at += shape.bytes) if (big(shape.unsigned(viewOf(a), at)) === 0n) return 0;
        return 1;
      }) as Evaluate;
    case 'bitmask':
      return ((a: Uint8Array) => {
        let out = 0;
        for (let lane = 0; lane < shape.lanes; lane++) if (big(shape.signed(viewOf(a), lane * shape.bytes)) < 0n) out |= 1 << lane;
        return out;
      }) as Evaluate;
    case 'splat':
      return ((value: number | bigint) => {
        const out = new Uint8Array(16);
        for (let at = 0; at < 16; at += shape.bytes) shape.write(viewOf(out), at, value);
        return out;
      }) as Evaluate;
    default:
      return widening(shape, stem, isSigned);
  }
}

function shiftLanes(shape: Shape, read: Read, f: (x: bigint, count: bigint) => bigint): Evaluate {
  return ((a: Uint8Array, count: number) => {
    const out = new Uint8Array(16);
    const by = BigInt(count & (shape.bytes * 8 - 1));
    for (let at = 0; at < 16; at += shape.bytes) shape.write(viewOf(out), at, BigInt.asUintN(shape.bytes * 8, f(big(read(viewOf(a), at)), by)));
    return out;
  }) as Evaluate;
}

/** Between lanes of different width; `shape` is that of the result. */
function widening(shape: Shape, stem: string, isSigned: boolean): Evaluate | undefined {
  const parts = /^(extend_low|extend_high|extmul_low|extmul_high|extadd_pairwise|narrow|dot)_(i\d+x\d+)$/.exec(stem);
  if (parts === null) return undefined;
  const [, name, fromName] = parts;
  const from = SHAPES[fromName];
  const read = isSigned && name !== 'narrow' ? from.signed : from.unsigned;
  const lane = (v: Uint8Array, at: number): bigint => big(read(viewOf(v), at * from.bytes));
  const high = name.endsWith('high') ? shape.lanes : 0;
  const each = (f: (a: Uint8Array, b: Uint8Array, lane: number) => bigint): Evaluate =>
    ((a: Uint8Array, b: Uint8Array) => {
      const out = new Uint8Array(16);
      for (let at = 0; at < shape.lanes; at++) shape.write(viewOf(out), at * shape.bytes, BigInt.asUintN(shape.bytes * 8, f(a, b, at)));
      return out;
    }) as Evaluate;
  switch (name) {
    case 'extend_low':
    case 'extend_high':
      return each((a, _, at) => lane(a, at + high));
    case 'extmul_low':
    case 'extmul_high':
      return each((a, b, at) => lane(a, at + high) * lane(b, at + high));
    case 'extadd_pairwise':
      return each((a, _, at) => lane(a, at * 2) + lane(a, at * 2 + 1));
    case 'dot':
      return each((a, b, at) => lane(a, at * 2) * lane(b, at * 2) + lane(a, at * 2 + 1) * lane(b, at * 2 + 1));
    default:
      return each((a, b, at) => {
        const source = at < from.lanes ? a : b;
        return BigInt(saturate(num(from.signed(viewOf(source), (at % from.lanes) * from.bytes)), shape.bytes * 8, isSigned));
      });
  }
}

function floating<B extends number | bigint>(shape: Shape, format: Format<B>, name: string): Evaluate | undefined {
  const read: Read = shape.bytes === 4 ? shape.signed : shape.unsigned;
  const compare = comparison(format, name);
  if (compare !== undefined) return zipLanes(shape, read, (x: B, y: B) => mask(compare(x, y)));
  if (name === 'splat')
    return ((value: B) => {
      const out = new Uint8Array(16);
      for (let at = 0; at < 16; at += shape.bytes) shape.write(viewOf(out), at, value);
      return out;
    }) as Evaluate;
  const one = unary(format, name);
  if (one !== undefined) return mapLanes(shape, read, one as (x: never) => B);
  const two = binary(format, name);
  return two === undefined ? undefined : zipLanes(shape, read, two as (x: never, y: never) => B);
}

/** Builds a vector from lanes computed one by one. */
const build = (shape: Shape, f: (a: DataView, lane: number) => number | bigint): Evaluate =>
  ((a: Uint8Array) => {
    const out = new Uint8Array(16);
    for (let at = 0; at < shape.lanes; at++) shape.write(viewOf(out), at * shape.bytes, f(viewOf(a), at));
    return out;
  }) as Evaluate;
const bits = (f: (a: Uint8Array, b: Uint8Array, c: Uint8Array, at: number) => number): Evaluate => ((a: Uint8Array, b: Uint8Array, c: Uint8Array) => Uint8Array.from({ length: 16 }, (_, at) => f(a, b, c, at))) as Evaluate;
const i32x4 = SHAPES.i32x4;

/** The rest, by full name. */
const OTHERS: Readonly<Record<string, Evaluate>> = {
  'v128.not': bits((a, _b, _c, at) => ~a[at]),
  'v128.and': bits((a, b, _, at) => a[at] & b[at]),
  'v128.andnot': bits((a, b, _, at) => a[at] & ~b[at]),
  'v128.or': bits((a, b, _, at) => a[at] | b[at]),
  'v128.xor': bits((a, b, _, at) => a[at] ^ b[at]),
  'v128.bitselect': bits((a, b, c, at) => (a[at] & c[at]) | (b[at] & ~c[at])),
  'v128.any_true': ((a: Uint8Array) => +a.some((byte) => byte !== 0)) as Evaluate,
  'i8x16.swizzle': bits((a, b, _, at) => (b[at] < 16 ? a[b[at]] : 0)),
  'f32x4.demote_f64x2_zero': build(i32x4, (v, at) => (at < 2 ? demote(v.getBigUint64(at * 8, true)) : 0)),
  'f64x2.promote_low_f32x4': build(F64X2, (v, at) => promote(v.getInt32(at * 4, true))),
  'f32x4.convert_i32x4_s': build(F32X4, (v, at) => F32.bits(v.getInt32(at * 4, true))),
  'f32x4.convert_i32x4_u': build(F32X4, (v, at) => F32.bits(v.getUint32(at * 4, true))),
  'f64x2.convert_low_i32x4_s': build(F64X2, (v, at) => fromF64(v.getInt32(at * 4, true))),
  'f64x2.convert_low_i32x4_u': build(F64X2, (v, at) => fromF64(v.getUint32(at * 4, true))),
  'i32x4.trunc_sat_f32x4_s': build(i32x4, (v, at) => num(truncate(v.getFloat32(at * 4, true), 32, true))),
  'i32x4.trunc_sat_f32x4_u': build(i32x4, (v, at) => num(truncate(v.getFloat32(at * 4, true), 32, false))),
  'i32x4.trunc_sat_f64x2_s_zero': build(i32x4, (v, at) => (at < 2 ? num(truncate(v.getFloat64(at * 8, true), 32, true)) : 0)),
  'i32x4.trunc_sat_f64x2_u_zero': build(i32x4, (v, at) => (at < 2 ? num(truncate(v.getFloat64(at * 8, true), 32, false)) : 0)),
};

export function vectorOperation(op: string): Evaluate | undefined {
  const other = OTHERS[op];
  if (other !== undefined) return other;
  const [shape, name] = op.split('.') as [string, string];
  if (shape === 'f32x4') return floating(F32X4, F32, name);
  if (shape === 'f64x2') return floating(F64X2, F64, name);
  return SHAPES[shape] === undefined ? undefined : integer(shape, name);
}

export function extractLane(op: string, lane: number, a: Uint8Array): Datum {
  const shape = SHAPES[op.slice(0, 5)] ?? (op.startsWith('f32') ? F32X4 : F64X2);
  const read = op.endsWith('_u') || shape.bytes === 8 ? shape.unsigned : shape.signed;
  return read(viewOf(a), lane * shape.bytes);
}

export function replaceLane(op: string, lane: number, a: Uint8Array, value: number | bigint): Uint8Array {
  const shape = SHAPES[op.slice(0, 5)] ?? (op.startsWith('f32') ? F32X4 : F64X2);
  const out = a.slice();
  shape.write(viewOf(out), lane * shape.bytes, value);
  return out;
}

export function shuffle(indices: Uint8Array, a: Uint8Array, b: Uint8Array): Uint8Array {
  return Uint8Array.from(indices, (index) => (index < 16 ? a[index] : b[index - 16]));
}
