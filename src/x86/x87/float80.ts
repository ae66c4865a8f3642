/**
 * 80-bit extended-precision arithmetic, exact to the bit (SDM vol. 1 §4.2 and ch. 8; IEEE 754).
 *
 * A number is sign, biased exponent (15 bits) and a 64-bit significand with an explicit integer bit. Every
 * operation takes rounding from a control word and adds to the exceptions in `Env`; nothing here knows of
 * the register stack. Intermediate results are exact integers times powers of two, rounded once.
 */

export interface F80 {
  readonly sign: 0 | 1;
  readonly exp: number;
  readonly sig: bigint;
}

/** Status-word bits. */
export const IE = 1,
  DE = 2,
  ZE = 4,
  OE = 8,
  UE = 16,
  PE = 32,
  SF = 64,
  ES = 128;
export const C0 = 0x100,
  C1 = 0x200,
  C2 = 0x400,
  C3 = 0x4000;

/** Rounding control of the control word. */
export const RC_NEAREST = 0,
  RC_DOWN = 1,
  RC_UP = 2,
  RC_ZERO = 3;

export interface Env {
  /** RC, 0 to 3. */
  rc: number;
  /** Significand bits of results: 24, 53 or 64. */
  precision: number;
  /** Exceptions raised (status-word bits), and C1 where the result was rounded up in magnitude. */
  raised: number;
}

export const INTEGER_BIT = 1n << 63n;
export const QUIET_BIT = 1n << 62n;
const MASK64 = (1n << 64n) - 1n;
export const BIAS = 16383;
export const MAX_EXP = 0x7fff;

export const make = (sign: number, exp: number, sig: bigint): F80 => ({ sign: sign as 0 | 1, exp, sig });
export const zero = (sign: number): F80 => make(sign, 0, 0n);
export const infinity = (sign: number): F80 => make(sign, MAX_EXP, INTEGER_BIT);
/** The real indefinite: the default NaN. */
export const INDEFINITE: F80 = make(1, MAX_EXP, INTEGER_BIT | QUIET_BIT);
export const ONE: F80 = make(0, BIAS, INTEGER_BIT);

export const isZero = (a: F80): boolean => a.sig === 0n && a.exp === 0;
export const isInfinity = (a: F80): boolean => a.exp === MAX_EXP && a.sig === INTEGER_BIT;
/** Pseudo-NaNs, pseudo-infinities and unnormals: encodings that the FPU refuses (SDM vol. 1 §8.2.2). */
export const isUnsupported = (a: F80): boolean => a.exp !== 0 && a.sig < INTEGER_BIT;
export const isNaN80 = (a: F80): boolean => a.exp === MAX_EXP && a.sig > INTEGER_BIT;
export const isSignaling = (a: F80): boolean => isNaN80(a) && (a.sig & QUIET_BIT) === 0n;
/** Denormal or pseudo-denormal. */
export const isDenormal = (a: F80): boolean => a.exp === 0 && a.sig !== 0n;
export const negate = (a: F80): F80 => make(a.sign ^ 1, a.exp, a.sig);
export const quiet = (a: F80): F80 => make(a.sign, a.exp, a.sig | QUIET_BIT);

/** Exponent of the significand's lowest bit. */
export const scaleOf = (a: F80): number => (a.exp === 0 ? 1 : a.exp) - BIAS - 63;

export function bitLength(value: bigint): number {
  let bits = 0;
  while (value > MASK64) {
    value >>= 64n;
    bits += 64;
  }
  const high = Number(value >> 32n);
  return bits + (high !== 0 ? 64 - Math.clz32(high) : 32 - Math.clz32(Number(value)));
}

/** Largest integer whose square is not above `value`. */
export function isqrt(value: bigint): bigint {
  if (value < 2n) return value;
  let x = 1n << BigInt((bitLength(value) + 1) >> 1);
  for (;;) {
    const next = (x + value / x) >> 1n;
    if (next >= x) return x;
    x = next;
  }
}

export function invalid(env: Env): F80 {
  env.raised |= IE;
  return INDEFINITE;
}

/** Whether to step away from zero: `rest` of `1 << shift` was cut off. */
function roundsUp(rc: number, sign: number, odd: boolean, rest: bigint, half: bigint): boolean {
  if (rest === 0n) return false;
  switch (rc) {
    case RC_NEAREST:
      return rest > half || (rest === half && odd);
    case RC_DOWN:
      return sign === 1;
    case RC_UP:
      return sign === 0;
    default:
      return false;
  }
}

/** `value * 2^-shift`, rounded; `inexact` and `up` say how. */
function shiftRounded(value: bigint, shift: number, rc: number, sign: number): { n: bigint; inexact: boolean; up: boolean } {
  if (shift <= 0) return { n: value << BigInt(-shift), inexact: false, up: false };
  const by = BigInt(Math.min(shift, bitLength(value) + 2));
  const n = value >> by;
  const rest = value - (n << by);
  const up = roundsUp(rc, sign, (n & 1n) === 1n, rest, 1n << (by - 1n));
  return { n: up ? n + 1n : n, inexact: rest !== 0n, up };
}

export interface Format {
  readonly precision: number;
  /** Unbiased exponents of normal numbers. */
  readonly minExp: number;
  readonly maxExp: number;
  /** Bits of the significand field, where they exceed the precision (precision control). */
  readonly field: number;
}

/** A rounded magnitude: `sig` has `format.field` bits when normal; `exp` is unbiased, or `Infinity`. */
export interface Rounded {
  readonly sig: bigint;
  readonly exp: number;
}

/** Rounds `m * 2^e` (m > 0, inexactness folded into its lowest bits) to a format. */
export function roundTo(format: Format, sign: number, m: bigint, e: number, env: Env): Rounded {
  const { precision, minExp, maxExp, field } = format;
  const top = e + bitLength(m) - 1;
  const quantum = Math.max(top, minExp) - (precision - 1);
  const { n, inexact, up } = shiftRounded(m, quantum - e, env.rc, sign);
  let sig = n << BigInt(field - precision);
  let exp = Math.max(top, minExp);
  if (n >> BigInt(precision) !== 0n) {
    sig >>= 1n;
    exp += 1;
  }
  if (inexact) {
    env.raised |= PE | (up ? C1 : 0);
    // Tininess is detected after rounding, with the exponent unbounded.
    if (top < minExp && !(top === minExp - 1 && shiftRounded(m, top - (precision - 1) - e, env.rc, sign).n >> BigInt(precision) !== 0n)) env.raised |= UE;
  }
  if (exp > maxExp) {
    env.raised = (env.raised & ~C1) | OE | PE;
    const toInfinity = env.rc === RC_NEAREST || (env.rc === RC_UP && sign === 0) || (env.rc === RC_DOWN && sign === 1);
    if (toInfinity) {
      env.raised |= C1;
      return { sig: 1n << BigInt(field - 1), exp: Number.POSITIVE_INFINITY };
    }
    return { sig: ((1n << BigInt(precision)) - 1n) << BigInt(field - precision), exp: maxExp };
  }
  return { sig, exp };
}

const EXTENDED: Readonly<Record<number, Format>> = {
  24: { precision: 24, minExp: -16382, maxExp: 16383, field: 64 },
  53: { precision: 53, minExp: -16382, maxExp: 16383, field: 64 },
  64: { precision: 64, minExp: -16382, maxExp: 16383, field: 64 },
};
export const SINGLE: Format = { precision: 24, minExp: -126, maxExp: 127, field: 24 };
export const DOUBLE: Format = { precision: 53, minExp: -1022, maxExp: 1023, field: 53 };

/** Rounds `m * 2^e` to an extended number of `env.precision` bits (64 where `full`). */
export function pack(sign: number, m: bigint, e: number, env: Env, precision = env.precision): F80 {
  if (m === 0n) return zero(sign);
  const { sig, exp } = roundTo(EXTENDED[precision], sign, m, e, env);
  if (exp === Number.POSITIVE_INFINITY) return infinity(sign);
  return make(sign, sig < INTEGER_BIT ? 0 : exp + BIAS, sig);
}

/** The NaN that an operation with a NaN operand gives; raises IE for signaling and unsupported operands. */
export function propagate(a: F80, b: F80, env: Env): F80 {
  if (isUnsupported(a) || isUnsupported(b)) return invalid(env);
  const signalingA = isSignaling(a),
    signalingB = isSignaling(b);
  if (signalingA || signalingB) env.raised |= IE;
  if (!isNaN80(b)) return quiet(a);
  if (!isNaN80(a)) return quiet(b);
  if (signalingA !== signalingB) return signalingA ? b : a;
  if (a.sig !== b.sig) return quiet(a.sig > b.sig ? a : b);
  return quiet(a.sign <= b.sign ? a : b);
}

const special = (a: F80, b: F80): boolean => isNaN80(a) || isNaN80(b) || isUnsupported(a) || isUnsupported(b);
export function denormals(a: F80, b: F80, env: Env): void {
  if (isDenormal(a) || isDenormal(b)) env.raised |= DE;
}

export function add(a: F80, b: F80, env: Env): F80 {
  if (special(a, b)) return propagate(a, b, env);
  if (isInfinity(a)) {
    if (isInfinity(b) && a.sign !== b.sign) return invalid(env);
    denormals(a, b, env);
    return a;
  }
  denormals(a, b, env);
  if (isInfinity(b)) return b;
  const cancelled = env.rc === RC_DOWN ? 1 : 0;
  if (isZero(a) && isZero(b)) return zero(a.sign === b.sign ? a.sign : cancelled);
  let big = a,
    small = b;
  if (isZero(a) || (!isZero(b) && scaleOf(b) > scaleOf(a))) {
    big = b;
    small = a;
  }
  const distance = isZero(small) ? 0 : scaleOf(big) - scaleOf(small);
  let m: bigint, e: number, other: bigint;
  if (distance > 130) {
    m = big.sig << 130n;
    e = scaleOf(big) - 130;
    other = 1n;
  } else {
    m = big.sig << BigInt(distance);
    e = scaleOf(big) - distance;
    other = small.sig;
  }
  let sum = (big.sign ? -m : m) + (small.sign ? -other : other);
  if (sum === 0n) return zero(cancelled);
  const sign = sum < 0n ? 1 : 0;
  if (sign) sum = -sum;
  return pack(sign, sum, e, env);
}

export const sub = (a: F80, b: F80, env: Env): F80 => (special(a, b) ? propagate(a, b, env) : add(a, negate(b), env));

export function mul(a: F80, b: F80, env: Env): F80 {
  if (special(a, b)) return propagate(a, b, env);
  const sign = a.sign ^ b.sign;
  if ((isInfinity(a) && isZero(b)) || (isZero(a) && isInfinity(b))) return invalid(env);
  denormals(a, b, env);
  if (isInfinity(a) || isInfinity(b)) return infinity(sign);
  return pack(sign, a.sig * b.sig, scaleOf(a) + scaleOf(b), env);
}

export function div(a: F80, b: F80, env: Env): F80 {
  if (special(a, b)) return propagate(a, b, env);
  const sign = a.sign ^ b.sign;
  if ((isInfinity(a) && isInfinity(b)) || (isZero(a) && isZero(b))) return invalid(env);
  if (isZero(b) && !isInfinity(a)) {
    env.raised |= ZE;
    return infinity(sign);
  }
  denormals(a, b, env);
  if (isInfinity(a)) return infinity(sign);
  if (isInfinity(b) || isZero(a)) return zero(sign);
  const shift = BigInt(68 + bitLength(b.sig) - bitLength(a.sig));
  const dividend = a.sig << shift;
  const quotient = dividend / b.sig;
  const sticky = quotient * b.sig === dividend ? 0n : 1n;
  return pack(sign, (quotient << 1n) | sticky, scaleOf(a) - scaleOf(b) - Number(shift) - 1, env);
}

export function sqrt(a: F80, env: Env): F80 {
  if (special(a, a)) return propagate(a, a, env);
  if (isZero(a)) return a;
  if (a.sign === 1) return invalid(env);
  if (isInfinity(a)) return a;
  denormals(a, a, env);
  let shift = 140 - bitLength(a.sig);
  if ((scaleOf(a) - shift) & 1) shift += 1;
  const value = a.sig << BigInt(shift);
  const root = isqrt(value);
  const sticky = root * root === value ? 0n : 1n;
  return pack(0, (root << 1n) | sticky, (scaleOf(a) - shift) / 2 - 1, env);
}

/** Rounds to an integral value (FRNDINT). */
export function roundToIntegral(a: F80, env: Env): F80 {
  if (special(a, a)) return propagate(a, a, env);
  if (isZero(a) || isInfinity(a)) return a;
  denormals(a, a, env);
  if (scaleOf(a) >= 0) return a;
  const { n, inexact, up } = shiftRounded(a.sig, -scaleOf(a), env.rc, a.sign);
  if (inexact) env.raised |= PE | (up ? C1 : 0);
  return n === 0n ? zero(a.sign) : pack(a.sign, n, 0, env, 64);
}

/** The integer nearest to `a` by `rc`, or undefined where `a` has none (NaN, infinity, unsupported). */
export function toInteger(a: F80, rc: number, env: Env): bigint | undefined {
  if (a.exp === MAX_EXP || isUnsupported(a)) return undefined;
  if (a.sig === 0n) return 0n;
  if (a.exp > BIAS + 80) return a.sign ? -(1n << 80n) : 1n << 80n;
  const { n, inexact, up } = shiftRounded(a.sig, -scaleOf(a), rc, a.sign);
  if (inexact) env.raised |= PE | (up ? C1 : 0);
  return a.sign ? -n : n;
}

export function fromInteger(value: bigint): F80 {
  if (value === 0n) return zero(0);
  const sign = value < 0n ? 1 : 0;
  const magnitude = sign ? -value : value;
  const bits = bitLength(magnitude);
  return make(sign, BIAS + bits - 1, magnitude << BigInt(64 - bits));
}

/** IEEE bits of 32 or 64 to extended: exact; a signaling NaN raises IE and is quieted, a denormal raises DE. */
export function fromBits(bits: bigint, format: Format, env: Env): F80 {
  const fraction = BigInt(format.precision - 1);
  const exponentMask = (format.maxExp << 1) + 1;
  const sign = Number(bits >> (fraction + (format === SINGLE ? 8n : 11n))) & 1;
  const exp = Number(bits >> fraction) & exponentMask;
  const low = bits & ((1n << fraction) - 1n);
  const up = 63n - fraction;
  if (exp === exponentMask) {
    if (low === 0n) return infinity(sign);
    const nan = make(sign, MAX_EXP, INTEGER_BIT | (low << up));
    if (isSignaling(nan)) env.raised |= IE;
    return quiet(nan);
  }
  if (exp !== 0) return make(sign, exp - format.maxExp + BIAS, INTEGER_BIT | (low << up));
  if (low === 0n) return zero(sign);
  env.raised |= DE;
  return pack(sign, low, format.minExp - Number(fraction), env, 64);
}

/** Extended to IEEE bits of 32 or 64. */
export function toBits(a: F80, format: Format, env: Env): bigint {
  const fraction = BigInt(format.precision - 1);
  const width = format === SINGLE ? 8n : 11n;
  const top = (1n << width) - 1n;
  const sign = BigInt(a.sign) << (fraction + width);
  if (isUnsupported(a)) {
    env.raised |= IE;
    return (1n << (fraction + width)) | (top << fraction) | (1n << (fraction - 1n));
  }
  if (isNaN80(a)) {
    if (isSignaling(a)) env.raised |= IE;
    return sign | (top << fraction) | (((a.sig | QUIET_BIT) & (INTEGER_BIT - 1n)) >> (63n - fraction));
  }
  if (isInfinity(a)) return sign | (top << fraction);
  if (a.sig === 0n) return sign;
  const { sig, exp } = roundTo(format, a.sign, a.sig, scaleOf(a), env);
  if (exp === Number.POSITIVE_INFINITY) return sign | (top << fraction);
  if (sig >> fraction === 0n) return sign | sig;
  return sign | (BigInt(exp + format.maxExp) << fraction) | (sig & ((1n << fraction) - 1n));
}

/** -1, 0, 1, or undefined where unordered; the caller raises what its instruction raises. */
export function order(a: F80, b: F80): -1 | 0 | 1 | undefined {
  if (special(a, b)) return undefined;
  if (a.sig === 0n && b.sig === 0n && a.exp === 0 && b.exp === 0) return 0;
  if (a.sign !== b.sign) return a.sign ? -1 : 1;
  const ea = a.exp === 0 ? 1 : a.exp,
    eb = b.exp === 0 ? 1 : b.exp;
  let larger: -1 | 0 | 1;
  if (a.sig === 0n || b.sig === 0n) larger = a.sig === 0n ? -1 : 1;
  else if (ea !== eb) larger = ea > eb ? 1 : -1;
  else larger = a.sig === b.sig ? 0 : a.sig > b.sig ? 1 : -1;
  return a.sign ? (-larger as -1 | 0 | 1) : larger;
}

/** Remainder of FPREM (truncating) and FPREM1 (nearest): the result, the quotient's low bits, or `partial`. */
export function remainder(a: F80, b: F80, nearest: boolean, env: Env): { result: F80; quotient: bigint; partial: boolean } {
  const whole = (result: F80) => ({ result, quotient: 0n, partial: false });
  if (special(a, b)) return whole(propagate(a, b, env));
  if (isInfinity(a) || isZero(b)) return whole(invalid(env));
  denormals(a, b, env);
  if (isZero(a)) return whole(a);
  // A pseudo-denormal comes out normalised.
  if (isInfinity(b)) return whole(pack(a.sign, a.sig, scaleOf(a), env, 64));
  const exponent = (x: F80): number => scaleOf(x) + bitLength(x.sig) - 1;
  const distance = exponent(a) - exponent(b);
  if (distance < (nearest ? -1 : 0)) return whole(pack(a.sign, a.sig, scaleOf(a), env, 64));
  const scale = Math.min(scaleOf(a), scaleOf(b));
  const x = a.sig << BigInt(scaleOf(a) - scale);
  const y = b.sig << BigInt(scaleOf(b) - scale);
  if (distance >= 64) {
    const by = BigInt(distance - ((distance & 0x1f) | 0x20));
    const rest = x % (y << by);
    return { result: pack(a.sign, rest, scale, env, 64), quotient: 0n, partial: true };
  }
  let quotient = x / y;
  let rest = x - quotient * y;
  let sign: number = a.sign;
  if (nearest && (rest * 2n > y || (rest * 2n === y && (quotient & 1n) === 1n))) {
    quotient += 1n;
    rest = y - rest;
    sign ^= 1;
  }
  if (rest === 0n) return { result: zero(a.sign), quotient, partial: false };
  return { result: pack(sign, rest, scale, env, 64), quotient, partial: false };
}

/** FSCALE: `a * 2^trunc(b)`. */
export function scale(a: F80, b: F80, env: Env): F80 {
  if (special(a, b)) return propagate(a, b, env);
  if (isInfinity(b)) {
    if (b.sign ? isInfinity(a) : isZero(a)) return invalid(env);
    denormals(a, b, env);
    return b.sign ? zero(a.sign) : infinity(a.sign);
  }
  if (isInfinity(a)) {
    denormals(a, b, env);
    return a;
  }
  denormals(a, b, env);
  if (isZero(a)) return a;
  const quietly: Env = { rc: RC_ZERO, precision: 64, raised: 0 };
  const by = Number(toInteger(b, RC_ZERO, quietly) as bigint);
  return pack(a.sign, a.sig, scaleOf(a) + Math.max(-65536, Math.min(65536, by)), env, 64);
}

/** FXTRACT: exponent and significand. */
export function extract(a: F80, env: Env): { exponent: F80; significand: F80 } {
  if (special(a, a)) {
    const nan = propagate(a, a, env);
    return { exponent: nan, significand: nan };
  }
  if (isInfinity(a)) return { exponent: infinity(0), significand: a };
  if (isZero(a)) {
    env.raised |= ZE;
    return { exponent: infinity(1), significand: a };
  }
  denormals(a, a, env);
  const bits = bitLength(a.sig);
  return { exponent: fromInteger(BigInt(scaleOf(a) + bits - 1)), significand: make(a.sign, BIAS, a.sig << BigInt(64 - bits)) };
}
