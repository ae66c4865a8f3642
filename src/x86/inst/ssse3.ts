/** SSSE3: horizontal integer arithmetic, byte shuffle, signs (SDM vol. 1 §12.6), each for MMX and XMM registers. */

import type { Op } from '../../ops/index.ts';
import type { Lift } from '../lift.ts';
import { i } from '../row.ts';
import type { Row } from '../row.ts';
import { combine, horizontal, imm8, isMmx, map, mmx, joinLow, splat16, splat8, vec, put, zero } from './simd.ts';
import type { Combine } from './simd.ts';

/** A set top bit clears the byte: `swizzle` gives zero for every index above 15. */
const pshufb: Combine = (b, a, c, x) => {
  if (!isMmx(x)) return b.op('i8x16.swizzle', a, b.op('v128.and', c, splat8(b, 0x8f)));
  return b.op('i8x16.swizzle', a, b.op('v128.and', c, splat8(b, 0x87)));
};

/** Unsigned bytes of the first times signed bytes of the second, neighbours added with saturation. */
const pmaddubsw: Combine = (b, a, c) => {
  const even = b.op('i16x8.mul', b.op('v128.and', a, splat16(b, 0x00ff)), b.op('i16x8.shr_s', b.op('i16x8.shl', c, b.i32(8)), b.i32(8)));
  const odd = b.op('i16x8.mul', b.op('i16x8.shr_u', a, b.i32(8)), b.op('i16x8.shr_s', c, b.i32(8)));
  return b.op('i16x8.add_sat_s', even, odd);
};

/** The first operand, negated where the second is negative, zero where it is zero. */
const sign = (lane: 'i8x16' | 'i16x8' | 'i32x4', width: number): Combine => (b, a, c) => {
  const negative = width === 1 ? b.op('i8x16.shr_s', c, b.i32(7)) : b.op(`${lane}.shr_s`, c, b.i32(8 * width - 1));
  const result = b.op(`${lane}.sub`, b.op('v128.xor', a, negative), negative);
  return b.op('v128.andnot', result, b.op(`${lane}.eq`, c, zero(b)));
};

/** `q15mulr_sat_s` saturates −1 × −1, which x86 wraps. */
const pmulhrsw: Combine = (b, a, c) => {
  const least = splat16(b, 0x8000);
  const both = b.op('v128.and', b.op('i16x8.eq', a, least), b.op('i16x8.eq', c, least));
  return b.op('v128.xor', b.op('i16x8.q15mulr_sat_s', a, c), both);
};

/** Bytes of destination:source from the immediate upwards. */
const palignr: Lift = (b, x) => {
  const by = imm8(x);
  const dst = vec(b, x.ops[0]);
  const src = vec(b, x.ops[1]);
  const [low, high, total] = isMmx(x) ? [joinLow(b, src, dst), zero(b), 16] : [src, dst, 32];
  const nothing = zero(b);
  const at = (n: number) => (by + n < total ? by + n : -1);
  const taken = Array.from({ length: 16 }, (_, n) => at(n));
  if (taken.every((n) => n >= 0)) return put(b, x.ops[0], b.shuffle(taken, low, high));
  // From here on the result ends in zeros, and only `high` (or the joined MMX operands) is left to take from.
  const last = isMmx(x) ? low : high;
  const base = isMmx(x) ? 0 : 16;
  put(b, x.ops[0], b.shuffle(taken.map((n) => (n >= base ? n - base : 16)), last, nothing));
};

/** The same for both kinds of registers. */
function both(mnemonic: string, opcode: string, lift: Lift, immediate = ''): Row[] {
  const ib = immediate === '' ? '' : ' ib';
  return [
    i(mnemonic, `NP 0F ${opcode} /r${ib}`, `Pq,Qq${immediate}`, 'SSSE3', mmx(lift)),
    i(mnemonic, `66 0F ${opcode} /r${ib}`, `Vx,Wx${immediate}`, 'SSSE3', lift),
  ];
}
const h = (op: Op, width: number): Lift => horizontal(op, width);

// biome-ignore format: a table
export const SSSE3: readonly Row[] = [
  ...both('pshufb',    '38 00', combine(pshufb)),
  ...both('phaddw',    '38 01', h('i16x8.add', 2)),
  ...both('phaddd',    '38 02', h('i32x4.add', 4)),
  ...both('phaddsw',   '38 03', h('i16x8.add_sat_s', 2)),
  ...both('pmaddubsw', '38 04', combine(pmaddubsw)),
  ...both('phsubw',    '38 05', h('i16x8.sub', 2)),
  ...both('phsubd',    '38 06', h('i32x4.sub', 4)),
  ...both('phsubsw',   '38 07', h('i16x8.sub_sat_s', 2)),
  ...both('psignb',    '38 08', combine(sign('i8x16', 1))),
  ...both('psignw',    '38 09', combine(sign('i16x8', 2))),
  ...both('psignd',    '38 0A', combine(sign('i32x4', 4))),
  ...both('pmulhrsw',  '38 0B', combine(pmulhrsw)),
  ...both('pabsb',     '38 1C', map('i8x16.abs')),
  ...both('pabsw',     '38 1D', map('i16x8.abs')),
  ...both('pabsd',     '38 1E', map('i32x4.abs')),
  ...both('palignr',   '3A 0F', palignr, ',Ib'),
];
