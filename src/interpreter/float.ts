/**
 * Floating point on bit patterns, f32 as i32 and f64 as unsigned bigint, so that no NaN changes on the way.
 *
 * Results are those of x86 SSE: round to nearest even; the NaN result is the first operand's NaN, quieted, else
 * the second's, else the default NaN, which is negative (SDM vol. 1 §4.8.3.5). WebAssembly allows that choice.
 */

const buffer = new DataView(new ArrayBuffer(8));

export function toF32(bits: number): number {
  buffer.setInt32(0, bits);
  return buffer.getFloat32(0);
}

export function fromF32(value: number): number {
  buffer.setFloat32(0, value);
  return buffer.getInt32(0);
}

export function toF64(bits: bigint): number {
  buffer.setBigUint64(0, bits);
  return buffer.getFloat64(0);
}

export function fromF64(value: number): bigint {
  buffer.setFloat64(0, value);
  return buffer.getBigUint64(0);
}

/** A format: its bits in memory are of type B. */
export interface Format<B> {
  readonly value: (bits: B) => number;
  readonly bits: (value: number) => B;
  readonly isNaN: (bits: B) => boolean;
  readonly quiet: (bits: B) => B;
  readonly defaultNaN: B;
  readonly abs: (bits: B) => B;
  readonly neg: (bits: B) => B;
  readonly sign: (bits: B) => boolean;
}

export const F32: Format<number> = {
  value: toF32,
  bits: (value) => fromF32(Math.fround(value)),
  isNaN: (bits) => (bits & 0x7fff_ffff) > 0x7f80_0000,
  quiet: (bits) => bits | 0x40_0000,
  defaultNaN: 0xffc0_0000 | 0,
  abs: (bits) => bits & 0x7fff_ffff,
  neg: (bits) => bits ^ -0x8000_0000,
  sign: (bits) => bits < 0,
};

const SIGN = 1n << 63n;
export const F64: Format<bigint> = {
  value: toF64,
  bits: fromF64,
  isNaN: (bits) => (bits & ~SIGN) > 0x7ff0_0000_0000_0000n,
  quiet: (bits) => bits | (1n << 51n),
  defaultNaN: 0xfff8_0000_0000_0000n,
  abs: (bits) => bits & ~SIGN,
  neg: (bits) => bits ^ SIGN,
  sign: (bits) => (bits & SIGN) !== 0n,
};

/** To an integral value, ties to even; keeps the sign of zero. */
function nearest(value: number): number {
  const size = Math.abs(value);
  if (!(size < 2 ** 52)) return value;
  const whole = size + 2 ** 52 - 2 ** 52;
  return value < 0 || Object.is(value, -0) ? -whole : whole;
}

const ARITHMETIC: Readonly<Record<string, (x: number, y: number) => number>> = {
  add: (x, y) => x + y,
  sub: (x, y) => x - y,
  mul: (x, y) => x * y,
  div: (x, y) => x / y,
  min: (x, y) => Math.min(x, y),
  max: (x, y) => Math.max(x, y),
};
const ROUND: Readonly<Record<string, (x: number) => number>> = { ceil: Math.ceil, floor: Math.floor, trunc: Math.trunc, nearest, sqrt: Math.sqrt };
const COMPARE: Readonly<Record<string, (x: number, y: number) => boolean>> = {
  eq: (x, y) => x === y,
  ne: (x, y) => x !== y,
  lt: (x, y) => x < y,
  gt: (x, y) => x > y,
  le: (x, y) => x <= y,
  ge: (x, y) => x >= y,
};

/** The binary operation of that name with a floating-point result. */
export function binary<B>(f: Format<B>, name: string): ((a: B, b: B) => B) | undefined {
  if (name === 'copysign') return (a, b) => (f.sign(a) === f.sign(b) ? a : f.neg(a));
  if (name === 'pmin') return (a, b) => (f.value(b) < f.value(a) ? b : a);
  if (name === 'pmax') return (a, b) => (f.value(a) < f.value(b) ? b : a);
  const compute = ARITHMETIC[name];
  if (compute === undefined) return undefined;
  return (a, b) => {
    if (f.isNaN(a)) return f.quiet(a);
    if (f.isNaN(b)) return f.quiet(b);
    const result = compute(f.value(a), f.value(b));
    return Number.isNaN(result) ? f.defaultNaN : f.bits(result);
  };
}

export function unary<B>(f: Format<B>, name: string): ((a: B) => B) | undefined {
  if (name === 'abs') return f.abs;
  if (name === 'neg') return f.neg;
  const compute = ROUND[name];
  if (compute === undefined) return undefined;
  return (a) => {
    if (f.isNaN(a)) return f.quiet(a);
    const result = compute(f.value(a));
    return Number.isNaN(result) ? f.defaultNaN : f.bits(result);
  };
}

export function comparison<B>(f: Format<B>, name: string): ((a: B, b: B) => boolean) | undefined {
  const compare = COMPARE[name];
  return compare === undefined ? undefined : (a, b) => compare(f.value(a), f.value(b));
}

export function demote(bits: bigint): number {
  if (!F64.isNaN(bits)) return F32.bits(toF64(bits));
  return Number(BigInt.asIntN(32, ((bits >> 32n) & 0x8000_0000n) | 0x7fc0_0000n | ((bits >> 29n) & 0x3f_ffffn)));
}

export function promote(bits: number): bigint {
  if (!F32.isNaN(bits)) return fromF64(toF32(bits));
  const wide = BigInt(bits >>> 0);
  return ((wide & 0x8000_0000n) << 32n) | 0x7ff8_0000_0000_0000n | ((wide & 0x3f_ffffn) << 29n);
}

/** Truncates; saturates beyond the ends, NaN gives 0. */
export function truncate(value: number, width: 32 | 64, signed: boolean): bigint {
  if (Number.isNaN(value)) return 0n;
  const low = signed ? -(1n << BigInt(width - 1)) : 0n;
  const high = signed ? (1n << BigInt(width - 1)) - 1n : (1n << BigInt(width)) - 1n;
  if (value <= Number(low)) return low;
  if (value >= Number(high)) return high;
  return BigInt(Math.trunc(value));
}

/** A 64-bit integer to f32 with a single rounding (through f64 it would round twice). */
export function integerToF32(value: bigint): number {
  const size = value < 0n ? -value : value;
  if (size < 1n << 53n) return F32.bits(Number(value));
  const sticky = (size & 0xffffn) !== 0n ? 1n : 0n;
  const result = Number((size >> 16n) | sticky);
  return F32.bits(Math.fround(result) * 65536 * (value < 0n ? -1 : 1));
}
