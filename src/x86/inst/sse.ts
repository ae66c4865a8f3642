/** SSE: single-precision vectors, MXCSR, and its additions to MMX (SDM vol. 1 ch. 10). */

import type { Lift } from '../lift.ts';
import { i } from '../row.ts';
import type { Row } from '../row.ts';
import { CPU } from '../state.ts';
import {
  combine, compare, compareFlags, convert, extractLane, imm8, insertLane, interleave, isMmx, lanes, lowOf, map, maskedStore, mergeLow, mmx, move, packedF32ToI32, put,
  putScalar, rounded, scalar, scalarMap, scalarOf, shuffleLanes, signMask, splat32, swapped, toInteger, vec,
} from './simd.ts';
import type { Combine, Convert } from './simd.ts';

/** `movss`, `movsd` between registers: the low element, the rest stays. */
export const moveLow = (bytes: 4 | 8): Lift => combine((b, a, c) => mergeLow(b, a, c, bytes));
/** `movss`, `movsd` from memory: the low element, the rest zero. */
export const loadLow = (bytes: 4 | 8): Lift => (b, x) => put(b, x.ops[0], vec(b, x.ops[1], bytes));
export const storeLow = (bytes: 4 | 8): Lift => (b, x) => put(b, x.ops[0], vec(b, x.ops[1]), bytes);
/** Two quarters of 64 bits: 0 and 1 from the destination, 2 and 3 from the source. */
export const quads = (low: number, high: number): Lift =>
  (b, x) => put(b, x.ops[0], shuffleLanes(b, 8, [low, high], vec(b, x.ops[0]), vec(b, x.ops[1], 8)));
/** `movhps` to memory. */
export const storeHigh: Lift = (b, x) => {
  const value = vec(b, x.ops[1]);
  put(b, x.ops[0], shuffleLanes(b, 8, [1, 1], value, value), 8);
};

/** Approximations: hardware gives 12 bits of it, this the correctly rounded value. */
const reciprocal: Convert = (b, a) => b.op('f32x4.div', splat32(b, 0x3f80_0000), a);
const reciprocalRoot: Convert = (b, a) => b.op('f32x4.div', splat32(b, 0x3f80_0000), b.op('f32x4.sqrt', a));
const approximate = (f: Convert): Lift => lowOf('f32', (b, _, c, x) => f(b, c, x));

const shufps: Lift = combine((b, a, c, x) => {
  const by = imm8(x);
  return shuffleLanes(b, 4, [by & 3, (by >> 2) & 3, 4 + ((by >> 4) & 3), 4 + ((by >> 6) & 3)], a, c);
});

/** `pshufw`: words of the MMX source by the immediate. */
const pshufw: Lift = (b, x) => {
  const value = vec(b, x.ops[1]);
  const by = imm8(x);
  put(b, x.ops[0], shuffleLanes(b, 2, [by & 3, (by >> 2) & 3, (by >> 4) & 3, (by >> 6) & 3, 4, 5, 6, 7], value, value));
};

/** The high words of 16-bit products. */
export const mulHigh = (sign: 's' | 'u'): Combine => (b, a, c) =>
  shuffleLanes(b, 2, [1, 3, 5, 7, 9, 11, 13, 15], b.op(`i32x4.extmul_low_i16x8_${sign}`, a, c), b.op(`i32x4.extmul_high_i16x8_${sign}`, a, c));

/** Sums of absolute differences of eight bytes each, one sum per half. */
export const sumOfDifferences: Combine = (b, a, c) => {
  const difference = b.op('i8x16.sub', b.op('i8x16.max_u', a, c), b.op('i8x16.min_u', a, c));
  const sums = b.op('i32x4.extadd_pairwise_i16x8_u', b.op('i16x8.extadd_pairwise_i8x16_u', difference));
  return b.op('i64x2.add', b.op('i64x2.shr_u', sums, b.i32(32)), b.op('i64x2.shr_u', b.op('i64x2.shl', sums, b.i32(32)), b.i32(32)));
};

const cvtsi2ss: Lift = (b, x) => {
  const op = x.ops[1].size === 8 ? 'f32.convert_i64_s' : 'f32.convert_i32_s';
  putScalar(b, 'f32', x.ops[0], b.op(op, b.read(x.ops[1])));
};
const cvttss2si: Lift = (b, x) => b.write(x.ops[0], toInteger(b, 'f32', scalarOf(b, 'f32', x.ops[1]), x.ops[0].size));
const cvtss2si: Lift = (b, x) => b.write(x.ops[0], toInteger(b, 'f32', rounded(b, 'f32', scalarOf(b, 'f32', x.ops[1]), 'mxcsr'), x.ops[0].size));

const fromMmx: Lift = (b, x) => put(b, x.ops[0], mergeLow(b, vec(b, x.ops[0]), b.op('f32x4.convert_i32x4_s', vec(b, x.ops[1], 8)), 8));
/** A source in memory does not enter MMX mode (as AMD's processors do it). */
const cvtpi2ps: Lift = (b, x) => (isMmx(x) ? mmx(fromMmx) : fromMmx)(b, x);
const cvttps2pi: Lift = convert((b, a) => packedF32ToI32(b, a), 8);
const cvtps2pi: Lift = convert((b, a) => packedF32ToI32(b, rounded(b, 'f32x4', a, 'mxcsr')), 8);

const ldmxcsr: Lift = (b, x) => {
  const value = b.read(x.ops[0]);
  b.trapIf(b.op('i32.shr_u', value, b.i32(16)), 'gp');
  b.cpuStore('i32.store', CPU.mxcsr, value);
};
const stmxcsr: Lift = (b, x) => b.write(x.ops[0], b.cpuLoad('i32.load', CPU.mxcsr));

// biome-ignore format: a table
export const SSE: readonly Row[] = [
  i('movups',     'NP 0F 10 /r',     'Vps,Wps',      'SSE', move),
  i('movss',      'F3 0F 10 /r',     'Vss,Uss',      'SSE', moveLow(4)),
  i('movss',      'F3 0F 10 /r',     'Vss,Md',       'SSE', loadLow(4)),
  i('movups',     'NP 0F 11 /r',     'Wps,Vps',      'SSE', move),
  i('movss',      'F3 0F 11 /r',     'Uss,Vss',      'SSE', moveLow(4)),
  i('movss',      'F3 0F 11 /r',     'Md,Vss',       'SSE', storeLow(4)),
  i('movlps',     'NP 0F 12 /r',     'Vq,Mq',        'SSE', quads(2, 1)),
  i('movhlps',    'NP 0F 12 /r',     'Vq,Uq',        'SSE', quads(3, 1)),
  i('movlps',     'NP 0F 13 /r',     'Mq,Vq',        'SSE', storeLow(8)),
  i('unpcklps',   'NP 0F 14 /r',     'Vps,Wps',      'SSE', interleave(4, 'low')),
  i('unpckhps',   'NP 0F 15 /r',     'Vps,Wps',      'SSE', interleave(4, 'high')),
  i('movhps',     'NP 0F 16 /r',     'Vdq,Mq',       'SSE', quads(0, 2)),
  i('movlhps',    'NP 0F 16 /r',     'Vdq,Uq',       'SSE', quads(0, 2)),
  i('movhps',     'NP 0F 17 /r',     'Mq,Vq',        'SSE', storeHigh),
  i('movaps',     'NP 0F 28 /r',     'Vps,Wps',      'SSE', move),
  i('movaps',     'NP 0F 29 /r',     'Wps,Vps',      'SSE', move),
  i('cvtpi2ps',   'NP 0F 2A /r',     'Vps,Qpi',      'SSE', cvtpi2ps),
  i('cvtsi2ss',   'F3 0F 2A /r',     'Vss,Ey',       'SSE', cvtsi2ss),
  i('movntps',    'NP 0F 2B /r',     'Mps,Vps',      'SSE', move),
  i('cvttps2pi',  'NP 0F 2C /r',     'Ppi,Wq',       'SSE', mmx(cvttps2pi)),
  i('cvttss2si',  'F3 0F 2C /r',     'Gy,Wss',       'SSE', cvttss2si),
  i('cvtps2pi',   'NP 0F 2D /r',     'Ppi,Wq',       'SSE', mmx(cvtps2pi)),
  i('cvtss2si',   'F3 0F 2D /r',     'Gy,Wss',       'SSE', cvtss2si),
  i('ucomiss',    'NP 0F 2E /r',     'Vss,Wss',      'SSE', compareFlags('f32')),
  i('comiss',     'NP 0F 2F /r',     'Vss,Wss',      'SSE', compareFlags('f32')),
  i('movmskps',   'NP 0F 50 /r',     'Gy,Ups',       'SSE', signMask('i32x4.bitmask')),
  i('sqrtps',     'NP 0F 51 /r',     'Vps,Wps',      'SSE', map('f32x4.sqrt')),
  i('sqrtss',     'F3 0F 51 /r',     'Vss,Wss',      'SSE', scalarMap('f32', (b, a) => b.op('f32.sqrt', a))),
  i('rsqrtps',    'NP 0F 52 /r',     'Vps,Wps',      'SSE', convert(reciprocalRoot)),
  i('rsqrtss',    'F3 0F 52 /r',     'Vss,Wss',      'SSE', approximate(reciprocalRoot)),
  i('rcpps',      'NP 0F 53 /r',     'Vps,Wps',      'SSE', convert(reciprocal)),
  i('rcpss',      'F3 0F 53 /r',     'Vss,Wss',      'SSE', approximate(reciprocal)),
  i('andps',      'NP 0F 54 /r',     'Vps,Wps',      'SSE', lanes('v128.and')),
  i('andnps',     'NP 0F 55 /r',     'Vps,Wps',      'SSE', swapped('v128.andnot')),
  i('orps',       'NP 0F 56 /r',     'Vps,Wps',      'SSE', lanes('v128.or')),
  i('xorps',      'NP 0F 57 /r',     'Vps,Wps',      'SSE', lanes('v128.xor')),
  i('addps',      'NP 0F 58 /r',     'Vps,Wps',      'SSE', lanes('f32x4.add')),
  i('addss',      'F3 0F 58 /r',     'Vss,Wss',      'SSE', scalar('f32', 'f32.add')),
  i('mulps',      'NP 0F 59 /r',     'Vps,Wps',      'SSE', lanes('f32x4.mul')),
  i('mulss',      'F3 0F 59 /r',     'Vss,Wss',      'SSE', scalar('f32', 'f32.mul')),
  i('subps',      'NP 0F 5C /r',     'Vps,Wps',      'SSE', lanes('f32x4.sub')),
  i('subss',      'F3 0F 5C /r',     'Vss,Wss',      'SSE', scalar('f32', 'f32.sub')),
  i('minps',      'NP 0F 5D /r',     'Vps,Wps',      'SSE', swapped('f32x4.pmin')),
  i('minss',      'F3 0F 5D /r',     'Vss,Wss',      'SSE', lowOf('f32', (b, a, c) => b.op('f32x4.pmin', c, a))),
  i('divps',      'NP 0F 5E /r',     'Vps,Wps',      'SSE', lanes('f32x4.div')),
  i('divss',      'F3 0F 5E /r',     'Vss,Wss',      'SSE', scalar('f32', 'f32.div')),
  i('maxps',      'NP 0F 5F /r',     'Vps,Wps',      'SSE', swapped('f32x4.pmax')),
  i('maxss',      'F3 0F 5F /r',     'Vss,Wss',      'SSE', lowOf('f32', (b, a, c) => b.op('f32x4.pmax', c, a))),
  i('pshufw',     'NP 0F 70 /r ib',  'Pq,Qq,Ib',     'SSE', mmx(pshufw)),
  i('ldmxcsr',    'NP 0F AE /2',     'Md',           'SSE', ldmxcsr),
  i('stmxcsr',    'NP 0F AE /3',     'Md',           'SSE', stmxcsr),
  i('cmpps',      'NP 0F C2 /r ib',  'Vps,Wps,Ib',   'SSE', combine(compare('f32x4'))),
  i('cmpss',      'F3 0F C2 /r ib',  'Vss,Wss,Ib',   'SSE', lowOf('f32', compare('f32x4'))),
  i('pinsrw',     'NP 0F C4 /r ib',  'Pq,Rd,Ib',     'SSE', mmx(insertLane('i16x8', 2))),
  i('pinsrw',     'NP 0F C4 /r ib',  'Pq,Mw,Ib',     'SSE', mmx(insertLane('i16x8', 2))),
  i('pextrw',     'NP 0F C5 /r ib',  'Gy,Nq,Ib',     'SSE', mmx(extractLane('i16x8', 2))),
  i('shufps',     'NP 0F C6 /r ib',  'Vps,Wps,Ib',   'SSE', shufps),
  i('pmovmskb',   'NP 0F D7 /r',     'Gy,Nq',        'SSE', mmx(signMask('i8x16.bitmask'))),
  i('pminub',     'NP 0F DA /r',     'Pq,Qq',        'SSE', mmx(lanes('i8x16.min_u'))),
  i('pmaxub',     'NP 0F DE /r',     'Pq,Qq',        'SSE', mmx(lanes('i8x16.max_u'))),
  i('pavgb',      'NP 0F E0 /r',     'Pq,Qq',        'SSE', mmx(lanes('i8x16.avgr_u'))),
  i('pavgw',      'NP 0F E3 /r',     'Pq,Qq',        'SSE', mmx(lanes('i16x8.avgr_u'))),
  i('pmulhuw',    'NP 0F E4 /r',     'Pq,Qq',        'SSE', mmx(combine(mulHigh('u')))),
  i('movntq',     'NP 0F E7 /r',     'Mq,Pq',        'SSE', mmx(move)),
  i('pminsw',     'NP 0F EA /r',     'Pq,Qq',        'SSE', mmx(lanes('i16x8.min_s'))),
  i('pmaxsw',     'NP 0F EE /r',     'Pq,Qq',        'SSE', mmx(lanes('i16x8.max_s'))),
  i('psadbw',     'NP 0F F6 /r',     'Pq,Qq',        'SSE', mmx(combine(sumOfDifferences))),
  i('maskmovq',   'NP 0F F7 /r',     'Pq,Nq',        'SSE', mmx(maskedStore(8))),
];
