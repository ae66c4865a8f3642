/** MMX: 64-bit integer vectors in the significands of the x87 registers (SDM vol. 1 ch. 9). */

import type { Lift } from '../lift.ts';
import { i } from '../row.ts';
import type { Row } from '../row.ts';
import { CPU } from '../state.ts';
import { combine, interleave, lanes, mmx, move, moveIn, moveOut, pack, shift, swapped } from './simd.ts';
import { mulHigh } from './sse.ts';

/** Empties the registers; TOP is 0 already unless x87 code ran since (AMD's processors clear it, Intel's manual keeps it). */
const emms: Lift = (b, x) => {
  mmx(() => {})(b, x);
  b.cpuStore('i32.store', CPU.x87Tag, b.i32(0));
};

// biome-ignore format: a table
export const MMX: readonly Row[] = [
  i('punpcklbw',  'NP 0F 60 /r',      'Pq,Qd',       'MMX', mmx(interleave(1, 'low'))),
  i('punpcklwd',  'NP 0F 61 /r',      'Pq,Qd',       'MMX', mmx(interleave(2, 'low'))),
  i('punpckldq',  'NP 0F 62 /r',      'Pq,Qd',       'MMX', mmx(interleave(4, 'low'))),
  i('packsswb',   'NP 0F 63 /r',      'Pq,Qq',       'MMX', mmx(pack('i8x16.narrow_i16x8_s'))),
  i('pcmpgtb',    'NP 0F 64 /r',      'Pq,Qq',       'MMX', mmx(lanes('i8x16.gt_s'))),
  i('pcmpgtw',    'NP 0F 65 /r',      'Pq,Qq',       'MMX', mmx(lanes('i16x8.gt_s'))),
  i('pcmpgtd',    'NP 0F 66 /r',      'Pq,Qq',       'MMX', mmx(lanes('i32x4.gt_s'))),
  i('packuswb',   'NP 0F 67 /r',      'Pq,Qq',       'MMX', mmx(pack('i8x16.narrow_i16x8_u'))),
  i('punpckhbw',  'NP 0F 68 /r',      'Pq,Qq',       'MMX', mmx(interleave(1, 'high'))),
  i('punpckhwd',  'NP 0F 69 /r',      'Pq,Qq',       'MMX', mmx(interleave(2, 'high'))),
  i('punpckhdq',  'NP 0F 6A /r',      'Pq,Qq',       'MMX', mmx(interleave(4, 'high'))),
  i('packssdw',   'NP 0F 6B /r',      'Pq,Qq',       'MMX', mmx(pack('i16x8.narrow_i32x4_s'))),
  i('movd',       'NP 0F 6E /r',      'Pd,Ey',       'MMX', mmx(moveIn)),
  i('movq',       'NP 0F 6F /r',      'Pq,Qq',       'MMX', mmx(move)),
  i('psrlw',      'NP 0F 71 /2 ib',   'Nq,Ib',       'MMX', mmx(shift('i16x8.shr_u', 16))),
  i('psraw',      'NP 0F 71 /4 ib',   'Nq,Ib',       'MMX', mmx(shift('i16x8.shr_s', 16))),
  i('psllw',      'NP 0F 71 /6 ib',   'Nq,Ib',       'MMX', mmx(shift('i16x8.shl', 16))),
  i('psrld',      'NP 0F 72 /2 ib',   'Nq,Ib',       'MMX', mmx(shift('i32x4.shr_u', 32))),
  i('psrad',      'NP 0F 72 /4 ib',   'Nq,Ib',       'MMX', mmx(shift('i32x4.shr_s', 32))),
  i('pslld',      'NP 0F 72 /6 ib',   'Nq,Ib',       'MMX', mmx(shift('i32x4.shl', 32))),
  i('psrlq',      'NP 0F 73 /2 ib',   'Nq,Ib',       'MMX', mmx(shift('i64x2.shr_u', 64))),
  i('psllq',      'NP 0F 73 /6 ib',   'Nq,Ib',       'MMX', mmx(shift('i64x2.shl', 64))),
  i('pcmpeqb',    'NP 0F 74 /r',      'Pq,Qq',       'MMX', mmx(lanes('i8x16.eq'))),
  i('pcmpeqw',    'NP 0F 75 /r',      'Pq,Qq',       'MMX', mmx(lanes('i16x8.eq'))),
  i('pcmpeqd',    'NP 0F 76 /r',      'Pq,Qq',       'MMX', mmx(lanes('i32x4.eq'))),
  i('emms',       'NP 0F 77',         '',            'MMX', emms),
  i('movd',       'NP 0F 7E /r',      'Ey,Pd',       'MMX', mmx(moveOut)),
  i('movq',       'NP 0F 7F /r',      'Qq,Pq',       'MMX', mmx(move)),
  i('psrlw',      'NP 0F D1 /r',      'Pq,Qq',       'MMX', mmx(shift('i16x8.shr_u', 16))),
  i('psrld',      'NP 0F D2 /r',      'Pq,Qq',       'MMX', mmx(shift('i32x4.shr_u', 32))),
  i('psrlq',      'NP 0F D3 /r',      'Pq,Qq',       'MMX', mmx(shift('i64x2.shr_u', 64))),
  i('pmullw',     'NP 0F D5 /r',      'Pq,Qq',       'MMX', mmx(lanes('i16x8.mul'))),
  i('psubusb',    'NP 0F D8 /r',      'Pq,Qq',       'MMX', mmx(lanes('i8x16.sub_sat_u'))),
  i('psubusw',    'NP 0F D9 /r',      'Pq,Qq',       'MMX', mmx(lanes('i16x8.sub_sat_u'))),
  i('pand',       'NP 0F DB /r',      'Pq,Qq',       'MMX', mmx(lanes('v128.and'))),
  i('paddusb',    'NP 0F DC /r',      'Pq,Qq',       'MMX', mmx(lanes('i8x16.add_sat_u'))),
  i('paddusw',    'NP 0F DD /r',      'Pq,Qq',       'MMX', mmx(lanes('i16x8.add_sat_u'))),
  i('pandn',      'NP 0F DF /r',      'Pq,Qq',       'MMX', mmx(swapped('v128.andnot'))),
  i('psraw',      'NP 0F E1 /r',      'Pq,Qq',       'MMX', mmx(shift('i16x8.shr_s', 16))),
  i('psrad',      'NP 0F E2 /r',      'Pq,Qq',       'MMX', mmx(shift('i32x4.shr_s', 32))),
  i('pmulhw',     'NP 0F E5 /r',      'Pq,Qq',       'MMX', mmx(combine(mulHigh('s')))),
  i('psubsb',     'NP 0F E8 /r',      'Pq,Qq',       'MMX', mmx(lanes('i8x16.sub_sat_s'))),
  i('psubsw',     'NP 0F E9 /r',      'Pq,Qq',       'MMX', mmx(lanes('i16x8.sub_sat_s'))),
  i('por',        'NP 0F EB /r',      'Pq,Qq',       'MMX', mmx(lanes('v128.or'))),
  i('paddsb',     'NP 0F EC /r',      'Pq,Qq',       'MMX', mmx(lanes('i8x16.add_sat_s'))),
  i('paddsw',     'NP 0F ED /r',      'Pq,Qq',       'MMX', mmx(lanes('i16x8.add_sat_s'))),
  i('pxor',       'NP 0F EF /r',      'Pq,Qq',       'MMX', mmx(lanes('v128.xor'))),
  i('psllw',      'NP 0F F1 /r',      'Pq,Qq',       'MMX', mmx(shift('i16x8.shl', 16))),
  i('pslld',      'NP 0F F2 /r',      'Pq,Qq',       'MMX', mmx(shift('i32x4.shl', 32))),
  i('psllq',      'NP 0F F3 /r',      'Pq,Qq',       'MMX', mmx(shift('i64x2.shl', 64))),
  i('pmaddwd',    'NP 0F F5 /r',      'Pq,Qq',       'MMX', mmx(lanes('i32x4.dot_i16x8_s'))),
  i('psubb',      'NP 0F F8 /r',      'Pq,Qq',       'MMX', mmx(lanes('i8x16.sub'))),
  i('psubw',      'NP 0F F9 /r',      'Pq,Qq',       'MMX', mmx(lanes('i16x8.sub'))),
  i('psubd',      'NP 0F FA /r',      'Pq,Qq',       'MMX', mmx(lanes('i32x4.sub'))),
  i('paddb',      'NP 0F FC /r',      'Pq,Qq',       'MMX', mmx(lanes('i8x16.add'))),
  i('paddw',      'NP 0F FD /r',      'Pq,Qq',       'MMX', mmx(lanes('i16x8.add'))),
  i('paddd',      'NP 0F FE /r',      'Pq,Qq',       'MMX', mmx(lanes('i32x4.add'))),
];
