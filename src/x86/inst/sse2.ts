/** SSE2: double-precision and 128-bit integer vectors (SDM vol. 1 ch. 11). */

import type { Lift } from '../lift.ts';
import { i } from '../row.ts';
import type { Row } from '../row.ts';
import {
  combine, compare, compareFlags, convert, extractLane, imm8, insertLane, interleave, isMmx, lanes, lowOf, map, maskedStore, mmx, move, moveIn, moveOut, pack,
  packedF64ToI32, packedF32ToI32, put, putScalar, rounded, scalar, scalarMap, scalarOf, shift, shuffleLanes, signMask, swapped, toInteger, vec, zero,
} from './simd.ts';
import type { Combine } from './simd.ts';
import { loadLow, moveLow, mulHigh, quads, storeHigh, storeLow, sumOfDifferences } from './sse.ts';

/** 64-bit products of the even 32-bit lanes. */
export const mulEven = (sign: 's' | 'u'): Combine => (b, a, c) =>
  b.op(`i64x2.extmul_low_i32x4_${sign}`, shuffleLanes(b, 4, [0, 2, 0, 2], a, a), shuffleLanes(b, 4, [0, 2, 0, 2], c, c));

/** `psrldq` (1) and `pslldq` (-1). */
const shiftBytes = (direction: 1 | -1): Lift => (b, x) => {
  const by = Math.min(imm8(x), 16);
  const indices = Array.from({ length: 16 }, (_, at) => {
    const from = at + direction * by;
    return from >= 0 && from < 16 ? from : 16;
  });
  put(b, x.ops[0], b.shuffle(indices, vec(b, x.ops[0]), zero(b)));
};

const pshufd: Lift = convert((b, a, x) => {
  const by = imm8(x);
  return shuffleLanes(b, 4, [by & 3, (by >> 2) & 3, (by >> 4) & 3, (by >> 6) & 3], a, a);
});

/** `pshuflw` (from word 0) and `pshufhw` (from word 4). */
const shuffleWords = (first: 0 | 4): Lift => convert((b, a, x) => {
  const by = imm8(x);
  const indices = [0, 1, 2, 3, 4, 5, 6, 7];
  for (let at = 0; at < 4; at++) indices[first + at] = first + ((by >> (2 * at)) & 3);
  return shuffleLanes(b, 2, indices, a, a);
});

const shufpd: Lift = combine((b, a, c, x) => shuffleLanes(b, 8, [imm8(x) & 1, 2 + ((imm8(x) >> 1) & 1)], a, c));

/** `movq` between XMM registers or memory: the low half, the rest zero. */
const moveQuad: Lift = (b, x) => {
  const [dst, src] = x.ops;
  const value = vec(b, src, 8);
  if (src.kind === 'mem' || dst.kind === 'mem') put(b, dst, value, 8);
  else put(b, dst, shuffleLanes(b, 8, [0, 2], value, zero(b)));
};

const cvtsi2sd: Lift = (b, x) =>
  putScalar(b, 'f64', x.ops[0], b.op(x.ops[1].size === 8 ? 'f64.convert_i64_s' : 'f64.convert_i32_s', b.read(x.ops[1])));
const cvttsd2si: Lift = (b, x) => b.write(x.ops[0], toInteger(b, 'f64', scalarOf(b, 'f64', x.ops[1]), x.ops[0].size));
const cvtsd2si: Lift = (b, x) => b.write(x.ops[0], toInteger(b, 'f64', rounded(b, 'f64', scalarOf(b, 'f64', x.ops[1]), 'mxcsr'), x.ops[0].size));
const cvtss2sd: Lift = (b, x) => putScalar(b, 'f64', x.ops[0], b.op('f64.promote_f32', scalarOf(b, 'f32', x.ops[1])));
const cvtsd2ss: Lift = (b, x) => putScalar(b, 'f32', x.ops[0], b.op('f32.demote_f64', scalarOf(b, 'f64', x.ops[1])));
const cvtps2dq: Lift = convert((b, a) => packedF32ToI32(b, rounded(b, 'f32x4', a, 'mxcsr')));
const cvtpd2dq: Lift = convert((b, a) => packedF64ToI32(b, rounded(b, 'f64x2', a, 'mxcsr')));

/** Enters MMX mode only if the source is a register (SDM vol. 2A CVTPI2PD). */
const cvtpi2pd: Lift = (b, x) => {
  const lift = convert((l, a) => l.op('f64x2.convert_low_i32x4_s', a), 8);
  (isMmx(x) ? mmx(lift) : lift)(b, x);
};

// biome-ignore format: a table
export const SSE2: readonly Row[] = [
  i('movupd',     '66 0F 10 /r',      'Vpd,Wpd',     'SSE2', move),
  i('movsd',      'F2 0F 10 /r',      'Vsd,Usd',     'SSE2', moveLow(8)),
  i('movsd',      'F2 0F 10 /r',      'Vsd,Mq',      'SSE2', loadLow(8)),
  i('movupd',     '66 0F 11 /r',      'Wpd,Vpd',     'SSE2', move),
  i('movsd',      'F2 0F 11 /r',      'Usd,Vsd',     'SSE2', moveLow(8)),
  i('movsd',      'F2 0F 11 /r',      'Mq,Vsd',      'SSE2', storeLow(8)),
  i('movlpd',     '66 0F 12 /r',      'Vq,Mq',       'SSE2', quads(2, 1)),
  i('movlpd',     '66 0F 13 /r',      'Mq,Vq',       'SSE2', storeLow(8)),
  i('unpcklpd',   '66 0F 14 /r',      'Vpd,Wpd',     'SSE2', interleave(8, 'low')),
  i('unpckhpd',   '66 0F 15 /r',      'Vpd,Wpd',     'SSE2', interleave(8, 'high')),
  i('movhpd',     '66 0F 16 /r',      'Vdq,Mq',      'SSE2', quads(0, 2)),
  i('movhpd',     '66 0F 17 /r',      'Mq,Vq',       'SSE2', storeHigh),
  i('movapd',     '66 0F 28 /r',      'Vpd,Wpd',     'SSE2', move),
  i('movapd',     '66 0F 29 /r',      'Wpd,Vpd',     'SSE2', move),
  i('cvtpi2pd',   '66 0F 2A /r',      'Vpd,Qpi',     'SSE2', cvtpi2pd),
  i('cvtsi2sd',   'F2 0F 2A /r',      'Vsd,Ey',      'SSE2', cvtsi2sd),
  i('movntpd',    '66 0F 2B /r',      'Mpd,Vpd',     'SSE2', move),
  i('cvttpd2pi',  '66 0F 2C /r',      'Ppi,Wpd',     'SSE2', mmx(convert(packedF64ToI32))),
  i('cvttsd2si',  'F2 0F 2C /r',      'Gy,Wsd',      'SSE2', cvttsd2si),
  i('cvtpd2pi',   '66 0F 2D /r',      'Ppi,Wpd',     'SSE2', mmx(cvtpd2dq)),
  i('cvtsd2si',   'F2 0F 2D /r',      'Gy,Wsd',      'SSE2', cvtsd2si),
  i('ucomisd',    '66 0F 2E /r',      'Vsd,Wsd',     'SSE2', compareFlags('f64')),
  i('comisd',     '66 0F 2F /r',      'Vsd,Wsd',     'SSE2', compareFlags('f64')),
  i('movmskpd',   '66 0F 50 /r',      'Gy,Upd',      'SSE2', signMask('i64x2.bitmask')),
  i('sqrtpd',     '66 0F 51 /r',      'Vpd,Wpd',     'SSE2', map('f64x2.sqrt')),
  i('sqrtsd',     'F2 0F 51 /r',      'Vsd,Wsd',     'SSE2', scalarMap('f64', (b, a) => b.op('f64.sqrt', a))),
  i('andpd',      '66 0F 54 /r',      'Vpd,Wpd',     'SSE2', lanes('v128.and')),
  i('andnpd',     '66 0F 55 /r',      'Vpd,Wpd',     'SSE2', swapped('v128.andnot')),
  i('orpd',       '66 0F 56 /r',      'Vpd,Wpd',     'SSE2', lanes('v128.or')),
  i('xorpd',      '66 0F 57 /r',      'Vpd,Wpd',     'SSE2', lanes('v128.xor')),
  i('addpd',      '66 0F 58 /r',      'Vpd,Wpd',     'SSE2', lanes('f64x2.add')),
  i('addsd',      'F2 0F 58 /r',      'Vsd,Wsd',     'SSE2', scalar('f64', 'f64.add')),
  i('mulpd',      '66 0F 59 /r',      'Vpd,Wpd',     'SSE2', lanes('f64x2.mul')),
  i('mulsd',      'F2 0F 59 /r',      'Vsd,Wsd',     'SSE2', scalar('f64', 'f64.mul')),
  i('cvtps2pd',   'NP 0F 5A /r',      'Vpd,Wq',      'SSE2', convert((b, a) => b.op('f64x2.promote_low_f32x4', a), 8)),
  i('cvtpd2ps',   '66 0F 5A /r',      'Vps,Wpd',     'SSE2', map('f32x4.demote_f64x2_zero')),
  i('cvtss2sd',   'F3 0F 5A /r',      'Vsd,Wss',     'SSE2', cvtss2sd),
  i('cvtsd2ss',   'F2 0F 5A /r',      'Vss,Wsd',     'SSE2', cvtsd2ss),
  i('cvtdq2ps',   'NP 0F 5B /r',      'Vps,Wdq',     'SSE2', map('f32x4.convert_i32x4_s')),
  i('cvtps2dq',   '66 0F 5B /r',      'Vdq,Wps',     'SSE2', cvtps2dq),
  i('cvttps2dq',  'F3 0F 5B /r',      'Vdq,Wps',     'SSE2', convert(packedF32ToI32)),
  i('subpd',      '66 0F 5C /r',      'Vpd,Wpd',     'SSE2', lanes('f64x2.sub')),
  i('subsd',      'F2 0F 5C /r',      'Vsd,Wsd',     'SSE2', scalar('f64', 'f64.sub')),
  i('minpd',      '66 0F 5D /r',      'Vpd,Wpd',     'SSE2', swapped('f64x2.pmin')),
  i('minsd',      'F2 0F 5D /r',      'Vsd,Wsd',     'SSE2', lowOf('f64', (b, a, c) => b.op('f64x2.pmin', c, a))),
  i('divpd',      '66 0F 5E /r',      'Vpd,Wpd',     'SSE2', lanes('f64x2.div')),
  i('divsd',      'F2 0F 5E /r',      'Vsd,Wsd',     'SSE2', scalar('f64', 'f64.div')),
  i('maxpd',      '66 0F 5F /r',      'Vpd,Wpd',     'SSE2', swapped('f64x2.pmax')),
  i('maxsd',      'F2 0F 5F /r',      'Vsd,Wsd',     'SSE2', lowOf('f64', (b, a, c) => b.op('f64x2.pmax', c, a))),
  i('punpcklbw',  '66 0F 60 /r',      'Vx,Wx',       'SSE2', interleave(1, 'low')),
  i('punpcklwd',  '66 0F 61 /r',      'Vx,Wx',       'SSE2', interleave(2, 'low')),
  i('punpckldq',  '66 0F 62 /r',      'Vx,Wx',       'SSE2', interleave(4, 'low')),
  i('packsswb',   '66 0F 63 /r',      'Vx,Wx',       'SSE2', pack('i8x16.narrow_i16x8_s')),
  i('pcmpgtb',    '66 0F 64 /r',      'Vx,Wx',       'SSE2', lanes('i8x16.gt_s')),
  i('pcmpgtw',    '66 0F 65 /r',      'Vx,Wx',       'SSE2', lanes('i16x8.gt_s')),
  i('pcmpgtd',    '66 0F 66 /r',      'Vx,Wx',       'SSE2', lanes('i32x4.gt_s')),
  i('packuswb',   '66 0F 67 /r',      'Vx,Wx',       'SSE2', pack('i8x16.narrow_i16x8_u')),
  i('punpckhbw',  '66 0F 68 /r',      'Vx,Wx',       'SSE2', interleave(1, 'high')),
  i('punpckhwd',  '66 0F 69 /r',      'Vx,Wx',       'SSE2', interleave(2, 'high')),
  i('punpckhdq',  '66 0F 6A /r',      'Vx,Wx',       'SSE2', interleave(4, 'high')),
  i('packssdw',   '66 0F 6B /r',      'Vx,Wx',       'SSE2', pack('i16x8.narrow_i32x4_s')),
  i('punpcklqdq', '66 0F 6C /r',      'Vx,Wx',       'SSE2', interleave(8, 'low')),
  i('punpckhqdq', '66 0F 6D /r',      'Vx,Wx',       'SSE2', interleave(8, 'high')),
  i('movd',       '66 0F 6E /r',      'Vy,Ey',       'SSE2', moveIn),
  i('movdqa',     '66 0F 6F /r',      'Vx,Wx',       'SSE2', move),
  i('movdqu',     'F3 0F 6F /r',      'Vx,Wx',       'SSE2', move),
  i('pshufd',     '66 0F 70 /r ib',   'Vx,Wx,Ib',    'SSE2', pshufd),
  i('pshufhw',    'F3 0F 70 /r ib',   'Vx,Wx,Ib',    'SSE2', shuffleWords(4)),
  i('pshuflw',    'F2 0F 70 /r ib',   'Vx,Wx,Ib',    'SSE2', shuffleWords(0)),
  i('psrlw',      '66 0F 71 /2 ib',   'Ux,Ib',       'SSE2', shift('i16x8.shr_u', 16)),
  i('psraw',      '66 0F 71 /4 ib',   'Ux,Ib',       'SSE2', shift('i16x8.shr_s', 16)),
  i('psllw',      '66 0F 71 /6 ib',   'Ux,Ib',       'SSE2', shift('i16x8.shl', 16)),
  i('psrld',      '66 0F 72 /2 ib',   'Ux,Ib',       'SSE2', shift('i32x4.shr_u', 32)),
  i('psrad',      '66 0F 72 /4 ib',   'Ux,Ib',       'SSE2', shift('i32x4.shr_s', 32)),
  i('pslld',      '66 0F 72 /6 ib',   'Ux,Ib',       'SSE2', shift('i32x4.shl', 32)),
  i('psrlq',      '66 0F 73 /2 ib',   'Ux,Ib',       'SSE2', shift('i64x2.shr_u', 64)),
  i('psrldq',     '66 0F 73 /3 ib',   'Ux,Ib',       'SSE2', shiftBytes(1)),
  i('psllq',      '66 0F 73 /6 ib',   'Ux,Ib',       'SSE2', shift('i64x2.shl', 64)),
  i('pslldq',     '66 0F 73 /7 ib',   'Ux,Ib',       'SSE2', shiftBytes(-1)),
  i('pcmpeqb',    '66 0F 74 /r',      'Vx,Wx',       'SSE2', lanes('i8x16.eq')),
  i('pcmpeqw',    '66 0F 75 /r',      'Vx,Wx',       'SSE2', lanes('i16x8.eq')),
  i('pcmpeqd',    '66 0F 76 /r',      'Vx,Wx',       'SSE2', lanes('i32x4.eq')),
  i('movd',       '66 0F 7E /r',      'Ey,Vy',       'SSE2', moveOut),
  i('movq',       'F3 0F 7E /r',      'Vq,Wq',       'SSE2', moveQuad),
  i('movdqa',     '66 0F 7F /r',      'Wx,Vx',       'SSE2', move),
  i('movdqu',     'F3 0F 7F /r',      'Wx,Vx',       'SSE2', move),
  i('cmppd',      '66 0F C2 /r ib',   'Vpd,Wpd,Ib',  'SSE2', combine(compare('f64x2'))),
  i('cmpsd',      'F2 0F C2 /r ib',   'Vsd,Wsd,Ib',  'SSE2', lowOf('f64', compare('f64x2'))),
  i('pinsrw',     '66 0F C4 /r ib',   'Vdq,Rd,Ib',   'SSE2', insertLane('i16x8', 2)),
  i('pinsrw',     '66 0F C4 /r ib',   'Vdq,Mw,Ib',   'SSE2', insertLane('i16x8', 2)),
  i('pextrw',     '66 0F C5 /r ib',   'Gy,Udq,Ib',   'SSE2', extractLane('i16x8', 2)),
  i('shufpd',     '66 0F C6 /r ib',   'Vpd,Wpd,Ib',  'SSE2', shufpd),
  i('psrlw',      '66 0F D1 /r',      'Vx,Wx',       'SSE2', shift('i16x8.shr_u', 16)),
  i('psrld',      '66 0F D2 /r',      'Vx,Wx',       'SSE2', shift('i32x4.shr_u', 32)),
  i('psrlq',      '66 0F D3 /r',      'Vx,Wx',       'SSE2', shift('i64x2.shr_u', 64)),
  i('paddq',      '66 0F D4 /r',      'Vx,Wx',       'SSE2', lanes('i64x2.add')),
  i('paddq',      'NP 0F D4 /r',      'Pq,Qq',       'SSE2', mmx(lanes('i64x2.add'))),
  i('pmullw',     '66 0F D5 /r',      'Vx,Wx',       'SSE2', lanes('i16x8.mul')),
  i('movq',       '66 0F D6 /r',      'Wq,Vq',       'SSE2', moveQuad),
  i('movq2dq',    'F3 0F D6 /r',      'Vdq,Nq',      'SSE2', mmx(move)),
  i('movdq2q',    'F2 0F D6 /r',      'Pq,Uq',       'SSE2', mmx(move)),
  i('pmovmskb',   '66 0F D7 /r',      'Gy,Ux',       'SSE2', signMask('i8x16.bitmask')),
  i('psubusb',    '66 0F D8 /r',      'Vx,Wx',       'SSE2', lanes('i8x16.sub_sat_u')),
  i('psubusw',    '66 0F D9 /r',      'Vx,Wx',       'SSE2', lanes('i16x8.sub_sat_u')),
  i('pminub',     '66 0F DA /r',      'Vx,Wx',       'SSE2', lanes('i8x16.min_u')),
  i('pand',       '66 0F DB /r',      'Vx,Wx',       'SSE2', lanes('v128.and')),
  i('paddusb',    '66 0F DC /r',      'Vx,Wx',       'SSE2', lanes('i8x16.add_sat_u')),
  i('paddusw',    '66 0F DD /r',      'Vx,Wx',       'SSE2', lanes('i16x8.add_sat_u')),
  i('pmaxub',     '66 0F DE /r',      'Vx,Wx',       'SSE2', lanes('i8x16.max_u')),
  i('pandn',      '66 0F DF /r',      'Vx,Wx',       'SSE2', swapped('v128.andnot')),
  i('pavgb',      '66 0F E0 /r',      'Vx,Wx',       'SSE2', lanes('i8x16.avgr_u')),
  i('psraw',      '66 0F E1 /r',      'Vx,Wx',       'SSE2', shift('i16x8.shr_s', 16)),
  i('psrad',      '66 0F E2 /r',      'Vx,Wx',       'SSE2', shift('i32x4.shr_s', 32)),
  i('pavgw',      '66 0F E3 /r',      'Vx,Wx',       'SSE2', lanes('i16x8.avgr_u')),
  i('pmulhuw',    '66 0F E4 /r',      'Vx,Wx',       'SSE2', combine(mulHigh('u'))),
  i('pmulhw',     '66 0F E5 /r',      'Vx,Wx',       'SSE2', combine(mulHigh('s'))),
  i('cvtdq2pd',   'F3 0F E6 /r',      'Vpd,Wq',      'SSE2', convert((b, a) => b.op('f64x2.convert_low_i32x4_s', a), 8)),
  i('cvttpd2dq',  '66 0F E6 /r',      'Vdq,Wpd',     'SSE2', convert(packedF64ToI32)),
  i('cvtpd2dq',   'F2 0F E6 /r',      'Vdq,Wpd',     'SSE2', cvtpd2dq),
  i('movntdq',    '66 0F E7 /r',      'Mx,Vx',       'SSE2', move),
  i('psubsb',     '66 0F E8 /r',      'Vx,Wx',       'SSE2', lanes('i8x16.sub_sat_s')),
  i('psubsw',     '66 0F E9 /r',      'Vx,Wx',       'SSE2', lanes('i16x8.sub_sat_s')),
  i('pminsw',     '66 0F EA /r',      'Vx,Wx',       'SSE2', lanes('i16x8.min_s')),
  i('por',        '66 0F EB /r',      'Vx,Wx',       'SSE2', lanes('v128.or')),
  i('paddsb',     '66 0F EC /r',      'Vx,Wx',       'SSE2', lanes('i8x16.add_sat_s')),
  i('paddsw',     '66 0F ED /r',      'Vx,Wx',       'SSE2', lanes('i16x8.add_sat_s')),
  i('pmaxsw',     '66 0F EE /r',      'Vx,Wx',       'SSE2', lanes('i16x8.max_s')),
  i('pxor',       '66 0F EF /r',      'Vx,Wx',       'SSE2', lanes('v128.xor')),
  i('psllw',      '66 0F F1 /r',      'Vx,Wx',       'SSE2', shift('i16x8.shl', 16)),
  i('pslld',      '66 0F F2 /r',      'Vx,Wx',       'SSE2', shift('i32x4.shl', 32)),
  i('psllq',      '66 0F F3 /r',      'Vx,Wx',       'SSE2', shift('i64x2.shl', 64)),
  i('pmuludq',    '66 0F F4 /r',      'Vx,Wx',       'SSE2', combine(mulEven('u'))),
  i('pmuludq',    'NP 0F F4 /r',      'Pq,Qq',       'SSE2', mmx(combine(mulEven('u')))),
  i('pmaddwd',    '66 0F F5 /r',      'Vx,Wx',       'SSE2', lanes('i32x4.dot_i16x8_s')),
  i('psadbw',     '66 0F F6 /r',      'Vx,Wx',       'SSE2', combine(sumOfDifferences)),
  i('maskmovdqu', '66 0F F7 /r',      'Vdq,Udq',     'SSE2', maskedStore(16)),
  i('psubb',      '66 0F F8 /r',      'Vx,Wx',       'SSE2', lanes('i8x16.sub')),
  i('psubw',      '66 0F F9 /r',      'Vx,Wx',       'SSE2', lanes('i16x8.sub')),
  i('psubd',      '66 0F FA /r',      'Vx,Wx',       'SSE2', lanes('i32x4.sub')),
  i('psubq',      '66 0F FB /r',      'Vx,Wx',       'SSE2', lanes('i64x2.sub')),
  i('psubq',      'NP 0F FB /r',      'Pq,Qq',       'SSE2', mmx(lanes('i64x2.sub'))),
  i('paddb',      '66 0F FC /r',      'Vx,Wx',       'SSE2', lanes('i8x16.add')),
  i('paddw',      '66 0F FD /r',      'Vx,Wx',       'SSE2', lanes('i16x8.add')),
  i('paddd',      '66 0F FE /r',      'Vx,Wx',       'SSE2', lanes('i32x4.add')),
];
