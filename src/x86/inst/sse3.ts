/** SSE3: horizontal floating-point arithmetic and duplicating moves (SDM vol. 1 §12.3). `fisttp` is in x87.ts. */

import type { Lift } from '../lift.ts';
import { i } from '../row.ts';
import type { Row } from '../row.ts';
import { combine, convert, horizontal, move, shuffleLanes } from './simd.ts';

/** Even lanes subtract, odd lanes add. */
const addsub = (lane: 'f32x4' | 'f64x2'): Lift => combine((b, a, c) => {
  const difference = b.op(`${lane}.sub`, a, c);
  const sum = b.op(`${lane}.add`, a, c);
  return lane === 'f64x2' ? shuffleLanes(b, 8, [0, 3], difference, sum) : shuffleLanes(b, 4, [0, 5, 2, 7], difference, sum);
});
const duplicate = (width: number, indices: readonly number[], bytes?: number): Lift => convert((b, a) => shuffleLanes(b, width, indices, a, a), bytes);

// biome-ignore format: a table
export const SSE3: readonly Row[] = [
  i('movsldup',   'F3 0F 12 /r',     'Vps,Wps',      'SSE3', duplicate(4, [0, 0, 2, 2])),
  i('movddup',    'F2 0F 12 /r',     'Vpd,Wq',       'SSE3', duplicate(8, [0, 0], 8)),
  i('movshdup',   'F3 0F 16 /r',     'Vps,Wps',      'SSE3', duplicate(4, [1, 1, 3, 3])),
  i('haddpd',     '66 0F 7C /r',     'Vpd,Wpd',      'SSE3', horizontal('f64x2.add', 8)),
  i('haddps',     'F2 0F 7C /r',     'Vps,Wps',      'SSE3', horizontal('f32x4.add', 4)),
  i('hsubpd',     '66 0F 7D /r',     'Vpd,Wpd',      'SSE3', horizontal('f64x2.sub', 8)),
  i('hsubps',     'F2 0F 7D /r',     'Vps,Wps',      'SSE3', horizontal('f32x4.sub', 4)),
  i('addsubpd',   '66 0F D0 /r',     'Vpd,Wpd',      'SSE3', addsub('f64x2')),
  i('addsubps',   'F2 0F D0 /r',     'Vps,Wps',      'SSE3', addsub('f32x4')),
  i('lddqu',      'F2 0F F0 /r',     'Vx,Mx',        'SSE3', move),
];
