/**
 * Transcendental instructions (SDM vol. 1 §8.3.8), in fixed-point arithmetic of 320 bits and rounded once.
 *
 * Error bound: results are within 0.5 ulp + 2^-100 ulp of the true value in the mode of rounding in force; those of
 * the trigonometric functions are true to an argument that was reduced, as in hardware, by a π of 66 bits. Hardware
 * promises 1 ulp, so that last bits (and C1) may differ from one processor to the next.
 */

import type { CpuState } from '../state.ts';
import { define } from './arithmetic.ts';
import { BIAS, C2, IE, INDEFINITE, ONE, PE, ZE, bitLength, denormals, infinity, invalid, isInfinity, isNaN80, isUnsupported, isZero, isqrt, make, pack, propagate, scaleOf, zero } from './float80.ts';
import type { Env, F80 } from './float80.ts';
import { environment, isEmpty, pop, push, raise, setSt, setStatus, st, status, underflow } from './state.ts';

const F = 320;
const BITS = BigInt(F);
const UNIT = 1n << BITS;

/** atan(1/n) with `bits` fraction bits. */
function arctanOfInverse(n: bigint, bits: bigint): bigint {
  let term = (1n << bits) / n;
  let sum = term;
  for (let k = 3n, sign = -1n; term !== 0n; k += 2n, sign = -sign) {
    term /= n * n;
    sum += (sign * term) / k;
  }
  return sum;
}
/** Odd terms z + z³/3 + z⁵/5 …, or alternating for the arc tangent. */
function oddSeries(z: bigint, bits: bigint, alternating: bigint): bigint {
  const square = ((z * z) >> bits) * alternating;
  let power = z;
  let sum = z;
  for (let k = 3n; power !== 0n && power !== -1n; k += 2n) {
    power = (power * square) >> bits;
    sum += power / k;
  }
  return sum;
}

const PI_BITS = 448n;
let piCache = 0n;
const pi = (): bigint => (piCache ||= 16n * arctanOfInverse(5n, PI_BITS) - 4n * arctanOfInverse(239n, PI_BITS));
let ln2Cache = 0n;
/** ln 2 = 2 atanh(1/3), `F` bits. */
const ln2 = (): bigint => (ln2Cache ||= 2n * oddSeries(UNIT / 3n, BITS, 1n));

const shifted = (value: bigint, by: number): bigint => (by >= 0 ? value << BigInt(by) : value >> BigInt(-by));
/** Exponent of the leading bit. */
const leading = (a: F80): number => scaleOf(a) + bitLength(a.sig) - 1;
const magnitude = (a: F80): bigint => shifted(a.sig, scaleOf(a) + F);
const special = (a: F80): boolean => isNaN80(a) || isUnsupported(a);
const TINY = -36;

/** Rounds a fixed-point value. */
function fromFixed(value: bigint, env: Env): F80 {
  env.raised |= PE;
  return value < 0n ? pack(1, -value, -F, env, 64) : pack(0, value, -F, env, 64);
}
/** `a` moved by less than any rounding could see, towards zero (-1n) or away from it (1n). */
function nudged(a: F80, direction: 1n | -1n, env: Env): F80 {
  env.raised |= PE;
  return pack(a.sign, (a.sig << 80n) + direction, scaleOf(a) - 80, env, 64);
}

interface Angle {
  readonly sin: bigint;
  readonly cos: bigint;
}
/** The π of hardware's argument reduction, 66 bits (SDM vol. 1 §8.3.8). */
const SHORT_PI = 0xc_90fd_aa22_168c_234cn << (PI_BITS - 66n);
function angle(a: F80): Angle {
  const half = SHORT_PI >> 1n;
  const wide = shifted(a.sig, scaleOf(a) + Number(PI_BITS));
  const quadrant = (wide + (half >> 1n)) / half;
  const r = (wide - quadrant * half) >> (PI_BITS - BITS);
  const square = -((r * r) >> BITS);
  let cosine = UNIT,
    sine = r;
  for (let k = 1n, c = UNIT, s = r; c !== 0n && c !== -1n; k += 2n) {
    c = ((c * square) >> BITS) / (k * (k + 1n));
    s = ((s * square) >> BITS) / ((k + 1n) * (k + 2n));
    cosine += c;
    sine += s;
  }
  const turn = Number(quadrant & 3n);
  const [sin, cos] = turn === 0 ? [sine, cosine] : turn === 1 ? [cosine, -sine] : turn === 2 ? [-sine, -cosine] : [-cosine, sine];
  return { sin: a.sign ? -sin : sin, cos };
}

function sine(a: F80, env: Env): F80 {
  if (isZero(a)) return a;
  if (leading(a) < TINY) return nudged(a, -1n, env);
  return fromFixed(angle(a).sin, env);
}
function cosine(a: F80, env: Env): F80 {
  if (isZero(a)) return ONE;
  if (leading(a) < TINY) return nudged(ONE, -1n, env);
  return fromFixed(angle(a).cos, env);
}
function tangent(a: F80, env: Env): F80 {
  if (isZero(a)) return a;
  if (leading(a) < TINY) return nudged(a, 1n, env);
  const { sin, cos } = angle(a);
  return fromFixed((sin << BITS) / cos, env);
}

function arctan(t: bigint): bigint {
  if (t > UNIT) return (pi() >> (PI_BITS - BITS + 1n)) - arctan((UNIT << BITS) / t);
  let z = t;
  for (let n = 0; n < 3; n++) z = (z << BITS) / (UNIT + isqrt((UNIT << BITS) + z * z));
  return oddSeries(z, BITS, -1n) << 3n;
}

/** The angle of the point (x, y). */
function arctan2(y: F80, x: F80, env: Env): F80 {
  if (special(x) || special(y)) return propagate(y, x, env);
  denormals(x, y, env);
  const turn = (eighths: bigint): F80 => {
    const value = (pi() * eighths) >> (PI_BITS - BITS + 2n);
    return fromFixed(y.sign ? -value : value, env);
  };
  if (isInfinity(y)) return turn(isInfinity(x) ? (x.sign ? 3n : 1n) : 2n);
  if (isZero(y) || isInfinity(x)) return x.sign ? turn(4n) : zero(y.sign);
  if (isZero(x)) return turn(2n);
  const distance = leading(y) - leading(x);
  if (distance < -80 && x.sign === 0) {
    const quotient = (((y.sig << 200n) / x.sig) << 1n) - 1n;
    env.raised |= PE;
    return pack(y.sign, quotient, scaleOf(y) - scaleOf(x) - 201, env, 64);
  }
  const whole = pi() >> (PI_BITS - BITS);
  let value: bigint;
  if (distance < -80) value = whole - 1n;
  else if (distance > 80) value = (whole >> 1n) + (x.sign ? 1n : -1n);
  else {
    const ratio = shifted(y.sig << BITS, scaleOf(y) - scaleOf(x)) / x.sig;
    value = x.sign ? whole - arctan(ratio) : arctan(ratio);
  }
  return fromFixed(y.sign ? -value : value, env);
}

/** 2^a − 1; outside [−1, 1] the manual leaves the result open, and it is the operand. */
function exp2m1(a: F80, env: Env): F80 {
  if (special(a)) return propagate(a, a, env);
  if (isInfinity(a)) return a.sign ? make(1, BIAS, ONE.sig) : a;
  denormals(a, a, env);
  if (isZero(a)) return a;
  env.raised |= PE;
  if (leading(a) >= 0) return a.sig === ONE.sig && leading(a) === 0 ? (a.sign ? make(1, BIAS - 1, ONE.sig) : a) : a;
  if (leading(a) < -100) {
    return pack(a.sign, a.sig * ln2(), scaleOf(a) - F, env, 64);
  }
  const x = ((a.sign ? -1n : 1n) * magnitude(a) * ln2()) >> BITS;
  let sum = 0n;
  for (let k = 1n, term = UNIT; term !== 0n && term !== -1n; k += 1n) {
    term = ((term * x) >> BITS) / k;
    sum += term;
  }
  return fromFixed(sum, env);
}

/** `y * log`, the logarithm in fixed point. */
function times(y: F80, log: bigint, env: Env): F80 {
  const sign = y.sign ^ (log < 0n ? 1 : 0);
  if (log === 0n) return zero(sign);
  if (isInfinity(y)) return infinity(sign);
  if (isZero(y)) return zero(sign);
  env.raised |= PE;
  return pack(sign, y.sig * (log < 0n ? -log : log), scaleOf(y) - F, env, 64);
}

/** ln((1 + z) / (1 − z)) / ln 2. */
const log2OfRatio = (z: bigint): bigint => ((2n * oddSeries(z, BITS, 1n)) << BITS) / ln2();

/** log2(m * 2^e) for m > 0. */
function log2(m: bigint, e: number): bigint {
  let power = e + bitLength(m) - 1;
  let f = shifted(m, F - bitLength(m) + 1);
  if (f * 5n > UNIT * 7n) {
    f >>= 1n;
    power += 1;
  }
  return (BigInt(power) << BITS) + log2OfRatio(((f - UNIT) << BITS) / (f + UNIT));
}

function yLog2x(y: F80, x: F80, env: Env): F80 {
  if (special(x) || special(y)) return propagate(y, x, env);
  if (isZero(x)) {
    if (isZero(y)) return invalid(env);
    if (!isInfinity(y)) env.raised |= ZE;
    return infinity(y.sign ^ 1);
  }
  if (x.sign) return invalid(env);
  if (isInfinity(x)) {
    if (isZero(y)) return invalid(env);
    denormals(y, y, env);
    return infinity(y.sign);
  }
  const one = x.sig === ONE.sig && leading(x) === 0;
  if (one && isInfinity(y)) return invalid(env);
  denormals(x, y, env);
  return times(y, log2(x.sig, scaleOf(x)), env);
}

function yLog2xPlus1(y: F80, x: F80, env: Env): F80 {
  if (special(x) || special(y)) return propagate(y, x, env);
  if (isInfinity(x)) return x.sign || isZero(y) ? invalid(env) : infinity(y.sign);
  if (isZero(x)) return isInfinity(y) ? invalid(env) : zero(x.sign ^ y.sign);
  denormals(x, y, env);
  if (isZero(y)) return zero(x.sign ^ y.sign);
  if (isInfinity(y)) return infinity(x.sign ^ y.sign);
  if (leading(x) < -100) {
    env.raised |= PE;
    return pack(x.sign ^ y.sign, ((x.sig * y.sig) << 300n) / (ln2() >> 20n), scaleOf(x) + scaleOf(y), env, 64);
  }
  const t = x.sign ? -magnitude(x) : magnitude(x);
  // Outside the manual's range; processors give the operand.
  if (t <= -UNIT) return x;
  if (leading(x) >= -2) return times(y, log2(UNIT + t, -F), env);
  return times(y, log2OfRatio((t << BITS) / (2n * UNIT + t)), env);
}

/** Trigonometric instructions: |ST(0)| from 2^63 up is refused with C2 and left alone. */
function trigonometric(name: string, run: (cpu: CpuState, a: F80, env: Env) => void, pushes: boolean): string {
  return define(name, (cpu) => {
    if (isEmpty(cpu, 0) || (pushes && !isEmpty(cpu, 7))) {
      const overflow = !isEmpty(cpu, 0);
      setStatus(cpu, status(cpu) & ~C2);
      if (overflow ? !raise(cpu, IE | 64 | 0x200) : !underflow(cpu)) return;
      setSt(cpu, 0, INDEFINITE);
      if (pushes) {
        setStatus(cpu, (status(cpu) & ~0x3800) | ((status(cpu) - 0x800) & 0x3800));
        setSt(cpu, 0, INDEFINITE);
      }
      return;
    }
    const a = st(cpu, 0);
    const env = environment(cpu);
    setStatus(cpu, status(cpu) & ~C2);
    if (!special(a) && !isInfinity(a)) {
      if (leading(a) >= 63) {
        raise(cpu, 0);
        setStatus(cpu, status(cpu) | C2);
        return;
      }
      denormals(a, a, env);
      return run(cpu, a, env);
    }
    const nan = special(a) ? propagate(a, a, env) : invalid(env);
    if (!raise(cpu, env.raised)) return;
    setSt(cpu, 0, nan);
    if (pushes) push(cpu, nan, 0);
  });
}
const into =
  (f: (a: F80, env: Env) => F80) =>
  (cpu: CpuState, a: F80, env: Env): void => {
    const result = f(a, env);
    if (raise(cpu, env.raised)) setSt(cpu, 0, result);
  };
export const FSIN = trigonometric('fsin', into(sine), false);
export const FCOS = trigonometric('fcos', into(cosine), false);
export const FPTAN = trigonometric(
  'fptan',
  (cpu, a, env) => {
    const result = tangent(a, env);
    if (!raise(cpu, env.raised)) return;
    setSt(cpu, 0, result);
    const kept = status(cpu) & 0x200;
    push(cpu, ONE, 0);
    setStatus(cpu, status(cpu) | kept);
  },
  true,
);
export const FSINCOS = trigonometric(
  'fsincos',
  (cpu, a, env) => {
    const sin = sine(a, env);
    env.raised &= ~0x200;
    const cos = cosine(a, env);
    if (!raise(cpu, env.raised)) return;
    setSt(cpu, 0, sin);
    const kept = status(cpu) & 0x200;
    push(cpu, cos, 0);
    setStatus(cpu, status(cpu) | kept);
  },
  true,
);

export const F2XM1 = define('f2xm1', (cpu) => {
  if (isEmpty(cpu, 0)) return void (underflow(cpu) && setSt(cpu, 0, INDEFINITE));
  const env = environment(cpu);
  into(exp2m1)(cpu, st(cpu, 0), env);
});

/** From ST(1) and ST(0) to ST(1); pops. */
function binary(name: string, f: (y: F80, x: F80, env: Env) => F80): string {
  return define(name, (cpu) => {
    if (isEmpty(cpu, 0) || isEmpty(cpu, 1)) {
      if (!underflow(cpu)) return;
      setSt(cpu, 1, INDEFINITE);
    } else {
      const env = environment(cpu);
      const result = f(st(cpu, 1), st(cpu, 0), env);
      if (!raise(cpu, env.raised)) return;
      setSt(cpu, 1, result);
    }
    pop(cpu);
  });
}
export const FPATAN = binary('fpatan', arctan2);
export const FYL2X = binary('fyl2x', yLog2x);
export const FYL2XP1 = binary('fyl2xp1', yLog2xPlus1);
