/** SSE4.1 (SDM vol. 1 §12.10). */

import type { Op } from '../../ops/index.ts';
import type { Insn } from '../insn.ts';
import type { Lift, Lifter, Value } from '../lift.ts';
import { i } from '../row.ts';
import type { Row } from '../row.ts';
import {
  combine, convert, extractLane, imm8, insertLane, lanes, lowOf, move, pack, put, rounded, shuffleLanes, vec, zero,
} from './simd.ts';
import type { Combine, Float } from './simd.ts';
import { mulEven } from './sse2.ts';

/** Takes the source where XMM0's lane has its sign bit set. */
const blendBySign = (op: Op, bits: number): Lift => (b, x) => {
  const mask = op === 'i64x2.shr_s'
    ? b.op('i32x4.shr_s', ((value: Value) => shuffleLanes(b, 4, [1, 1, 3, 3], value, value))(b.readXmm(0)), b.i32(31))
    : b.op(op, b.readXmm(0), b.i32(bits - 1));
  put(b, x.ops[0], b.op('v128.bitselect', vec(b, x.ops[1]), vec(b, x.ops[0]), mask));
};
/** Takes the source where the immediate has a bit set. */
const blendByImmediate = (width: number): Lift => combine((b, a, c, x) => {
  const count = 16 / width;
  return shuffleLanes(b, width, Array.from({ length: count }, (_, at) => (imm8(x) >> at & 1 ? count + at : at)), a, c);
});

/** The immediate's rounding mode; bit 2 means MXCSR's. */
const mode = (x: Insn): number | 'mxcsr' => (imm8(x) & 4 ? 'mxcsr' : imm8(x) & 3);
const roundAll = (lane: 'f32x4' | 'f64x2'): Lift => convert((b, a, x) => rounded(b, lane, a, mode(x)));
const roundLow = (type: Float, lane: 'f32x4' | 'f64x2'): Lift => lowOf(type, (b, _, c, x) => rounded(b, lane, c, mode(x)));

/** Widens the low lanes, doubling their width once for each operation. */
const widen = (bytes: 2 | 4 | 8, ...ops: readonly Op[]): Lift =>
  convert((b, a) => ops.reduce((value, op) => b.op(op, value), a), bytes);
const B2W = 'i16x8.extend_low_i8x16', W2D = 'i32x4.extend_low_i16x8', D2Q = 'i64x2.extend_low_i32x4';

/** `ptest`: ZF from the conjunction, CF from the source outside the destination. */
const ptest: Lift = (b, x) => {
  const a = vec(b, x.ops[0]);
  const c = vec(b, x.ops[1]);
  const none = (value: Value) => b.op('i32.eqz', b.op('v128.any_true', value));
  const no = () => b.i32(0);
  b.setFlag('zf', () => none(b.op('v128.and', a, c)));
  b.setFlag('cf', () => none(b.op('v128.andnot', c, a)));
  b.setFlag('pf', no);
  b.setFlag('af', no);
  b.setFlag('sf', no);
  b.setFlag('of', no);
};

/** The smallest word and its index, which rides in the low bits of a 32-bit lane. */
const phminposuw: Lift = convert((b, a) => {
  const index = (first: number) => b.v128(Array.from({ length: 16 }, (_, at) => (at & 3 ? 0 : first + (at >> 2))));
  const keyed = (op: Op, first: number) => b.op('v128.or', b.op('i32x4.shl', b.op(op, a), b.i32(3)), index(first));
  let least = b.op('i32x4.min_u', keyed('i32x4.extend_low_i16x8_u', 0), keyed('i32x4.extend_high_i16x8_u', 4));
  least = b.op('i32x4.min_u', least, shuffleLanes(b, 4, [2, 3, 0, 1], least, least));
  least = b.op('i32x4.min_u', least, shuffleLanes(b, 4, [1, 0, 3, 2], least, least));
  const key = b.lane('i32x4.extract_lane', 0, least);
  const word = b.op('i32.shr_u', key, b.i32(3));
  const position = b.op('i32.shl', b.op('i32.and', key, b.i32(7)), b.i32(16));
  return b.lane('i32x4.replace_lane', 0, zero(b), b.op('i32.or', word, position));
});

/** Eight sums of absolute differences: four bytes of the source against a sliding window of the destination. */
const mpsadbw: Lift = combine((b, a, c, x) => {
  const window = imm8(x) & 4;
  const block = (imm8(x) & 3) * 4;
  const words = (pick: (lane: number) => number, from: Value) =>
    b.shuffle(Array.from({ length: 16 }, (_, at) => (at & 1 ? 16 : pick(at >> 1))), from, zero(b));
  const difference = (k: number) =>
    b.op('i16x8.abs', b.op('i16x8.sub', words((lane) => window + lane + k, a), words(() => block + k, c)));
  const sum = (left: Value, right: Value) => b.op('i16x8.add', left, right);
  return sum(sum(difference(0), difference(1)), sum(difference(2), difference(3)));
});

const maskOf = (b: Lifter, width: number, bits: number): Value =>
  b.v128(Array.from({ length: 16 }, (_, at) => ((bits >> Math.floor(at / width)) & 1 ? 0xff : 0)));
/** Dot products: the immediate's high half selects products, its low half where the sum goes. */
const dpps: Combine = (b, a, c, x) => {
  const products = b.op('v128.and', b.op('f32x4.mul', a, c), maskOf(b, 4, imm8(x) >> 4));
  const pairs = b.op('f32x4.add', products, shuffleLanes(b, 4, [1, 0, 3, 2], products, products));
  const total = b.op('f32x4.add', pairs, shuffleLanes(b, 4, [2, 3, 0, 1], pairs, pairs));
  return b.op('v128.and', shuffleLanes(b, 4, [0, 0, 0, 0], total, total), maskOf(b, 4, imm8(x) & 15));
};
const dppd: Combine = (b, a, c, x) => {
  const products = b.op('v128.and', b.op('f64x2.mul', a, c), maskOf(b, 8, (imm8(x) >> 4) & 3));
  const total = b.op('f64x2.add', products, shuffleLanes(b, 8, [1, 0], products, products));
  return b.op('v128.and', shuffleLanes(b, 8, [0, 0], total, total), maskOf(b, 8, imm8(x) & 3));
};

const insertps: Lift = (b, x) => {
  const by = imm8(x);
  const [dst, src] = x.ops;
  const from = src.kind === 'mem' ? 4 : 4 + (by >> 6);
  const lane = (by >> 4) & 3;
  const indices = [0, 1, 2, 3].map((at) => (at === lane ? from : at));
  const merged = shuffleLanes(b, 4, indices, vec(b, dst), vec(b, src, 4));
  put(b, dst, b.op('v128.and', merged, maskOf(b, 4, ~by & 15)));
};

const pinsrd: Lift = (b, x) => (x.ops[1].size === 8 ? insertLane('i64x2', 8) : insertLane('i32x4', 4))(b, x);
const pextrd: Lift = (b, x) => (x.ops[0].size === 8 ? extractLane('i64x2', 8) : extractLane('i32x4', 4))(b, x);

// biome-ignore format: a table
export const SSE4_1: readonly Row[] = [
  i('pblendvb',   '66 0F 38 10 /r',    'Vdq,Wdq',       'SSE4_1', blendBySign('i8x16.shr_s', 8)),
  i('blendvps',   '66 0F 38 14 /r',    'Vdq,Wdq',       'SSE4_1', blendBySign('i32x4.shr_s', 32)),
  i('blendvpd',   '66 0F 38 15 /r',    'Vdq,Wdq',       'SSE4_1', blendBySign('i64x2.shr_s', 64)),
  i('ptest',      '66 0F 38 17 /r',    'Vx,Wx',         'SSE4_1', ptest),
  i('pmovsxbw',   '66 0F 38 20 /r',    'Vx,Udq/Mq',     'SSE4_1', widen(8, `${B2W}_s`)),
  i('pmovsxbd',   '66 0F 38 21 /r',    'Vx,Udq/Md',     'SSE4_1', widen(4, `${B2W}_s`, `${W2D}_s`)),
  i('pmovsxbq',   '66 0F 38 22 /r',    'Vx,Udq/Mw',     'SSE4_1', widen(2, `${B2W}_s`, `${W2D}_s`, `${D2Q}_s`)),
  i('pmovsxwd',   '66 0F 38 23 /r',    'Vx,Udq/Mq',     'SSE4_1', widen(8, `${W2D}_s`)),
  i('pmovsxwq',   '66 0F 38 24 /r',    'Vx,Udq/Md',     'SSE4_1', widen(4, `${W2D}_s`, `${D2Q}_s`)),
  i('pmovsxdq',   '66 0F 38 25 /r',    'Vx,Udq/Mq',     'SSE4_1', widen(8, `${D2Q}_s`)),
  i('pmuldq',     '66 0F 38 28 /r',    'Vx,Wx',         'SSE4_1', combine(mulEven('s'))),
  i('pcmpeqq',    '66 0F 38 29 /r',    'Vx,Wx',         'SSE4_1', lanes('i64x2.eq')),
  i('movntdqa',   '66 0F 38 2A /r',    'Vx,Mx',         'SSE4_1', move),
  i('packusdw',   '66 0F 38 2B /r',    'Vx,Wx',         'SSE4_1', pack('i16x8.narrow_i32x4_u')),
  i('pmovzxbw',   '66 0F 38 30 /r',    'Vx,Udq/Mq',     'SSE4_1', widen(8, `${B2W}_u`)),
  i('pmovzxbd',   '66 0F 38 31 /r',    'Vx,Udq/Md',     'SSE4_1', widen(4, `${B2W}_u`, `${W2D}_u`)),
  i('pmovzxbq',   '66 0F 38 32 /r',    'Vx,Udq/Mw',     'SSE4_1', widen(2, `${B2W}_u`, `${W2D}_u`, `${D2Q}_u`)),
  i('pmovzxwd',   '66 0F 38 33 /r',    'Vx,Udq/Mq',     'SSE4_1', widen(8, `${W2D}_u`)),
  i('pmovzxwq',   '66 0F 38 34 /r',    'Vx,Udq/Md',     'SSE4_1', widen(4, `${W2D}_u`, `${D2Q}_u`)),
  i('pmovzxdq',   '66 0F 38 35 /r',    'Vx,Udq/Mq',     'SSE4_1', widen(8, `${D2Q}_u`)),
  i('pminsb',     '66 0F 38 38 /r',    'Vx,Wx',         'SSE4_1', lanes('i8x16.min_s')),
  i('pminsd',     '66 0F 38 39 /r',    'Vx,Wx',         'SSE4_1', lanes('i32x4.min_s')),
  i('pminuw',     '66 0F 38 3A /r',    'Vx,Wx',         'SSE4_1', lanes('i16x8.min_u')),
  i('pminud',     '66 0F 38 3B /r',    'Vx,Wx',         'SSE4_1', lanes('i32x4.min_u')),
  i('pmaxsb',     '66 0F 38 3C /r',    'Vx,Wx',         'SSE4_1', lanes('i8x16.max_s')),
  i('pmaxsd',     '66 0F 38 3D /r',    'Vx,Wx',         'SSE4_1', lanes('i32x4.max_s')),
  i('pmaxuw',     '66 0F 38 3E /r',    'Vx,Wx',         'SSE4_1', lanes('i16x8.max_u')),
  i('pmaxud',     '66 0F 38 3F /r',    'Vx,Wx',         'SSE4_1', lanes('i32x4.max_u')),
  i('pmulld',     '66 0F 38 40 /r',    'Vx,Wx',         'SSE4_1', lanes('i32x4.mul')),
  i('phminposuw', '66 0F 38 41 /r',    'Vdq,Wdq',       'SSE4_1', phminposuw),
  i('roundps',    '66 0F 3A 08 /r ib', 'Vx,Wx,Ib',      'SSE4_1', roundAll('f32x4')),
  i('roundpd',    '66 0F 3A 09 /r ib', 'Vx,Wx,Ib',      'SSE4_1', roundAll('f64x2')),
  i('roundss',    '66 0F 3A 0A /r ib', 'Vss,Wss,Ib',    'SSE4_1', roundLow('f32', 'f32x4')),
  i('roundsd',    '66 0F 3A 0B /r ib', 'Vsd,Wsd,Ib',    'SSE4_1', roundLow('f64', 'f64x2')),
  i('blendps',    '66 0F 3A 0C /r ib', 'Vx,Wx,Ib',      'SSE4_1', blendByImmediate(4)),
  i('blendpd',    '66 0F 3A 0D /r ib', 'Vx,Wx,Ib',      'SSE4_1', blendByImmediate(8)),
  i('pblendw',    '66 0F 3A 0E /r ib', 'Vx,Wx,Ib',      'SSE4_1', blendByImmediate(2)),
  i('pextrb',     '66 0F 3A 14 /r ib', 'Rd/Mb,Vdq,Ib',  'SSE4_1', extractLane('i8x16', 1)),
  i('pextrw',     '66 0F 3A 15 /r ib', 'Rd/Mw,Vdq,Ib',  'SSE4_1', extractLane('i16x8', 2)),
  i('pextrd',     '66 0F 3A 16 /r ib', 'Ey,Vdq,Ib',     'SSE4_1', pextrd),
  i('extractps',  '66 0F 3A 17 /r ib', 'Ed,Vdq,Ib',     'SSE4_1', extractLane('i32x4', 4)),
  i('pinsrb',     '66 0F 3A 20 /r ib', 'Vdq,Rd/Mb,Ib',  'SSE4_1', insertLane('i8x16', 1)),
  i('insertps',   '66 0F 3A 21 /r ib', 'Vdq,Udq/Md,Ib', 'SSE4_1', insertps),
  i('pinsrd',     '66 0F 3A 22 /r ib', 'Vdq,Ey,Ib',     'SSE4_1', pinsrd),
  i('dpps',       '66 0F 3A 40 /r ib', 'Vx,Wx,Ib',      'SSE4_1', combine(dpps)),
  i('dppd',       '66 0F 3A 41 /r ib', 'Vdq,Wdq,Ib',    'SSE4_1', combine(dppd)),
  i('mpsadbw',    '66 0F 3A 42 /r ib', 'Vx,Wx,Ib',      'SSE4_1', mpsadbw),
];
