/** System instructions beyond those of `control.ts`: a user program gets #GP or #UD (SDM vol. 3 §5.9). */

import type { Lift } from '../lift.ts';
import { i } from '../row.ts';
import type { Row } from '../row.ts';

const gp: Lift = (b) => b.trap('gp');
const ud: Lift = (b) => b.trap('ud');
const P = { privileged: true };

// biome-ignore format: a table
export const SYSTEM: readonly Row[] = [
  i('ins',    '6C',       'Yb,DX', 'I386',   gp, P),
  i('ins',    '6D',       'Yz,DX', 'I386',   gp, P),
  i('outs',   '6E',       'DX,Xb', 'I386',   gp, P),
  i('outs',   '6F',       'DX,Xz', 'I386',   gp, P),
  i('lldt',   '0F 00 /2', 'Ew',    'I386',   gp, P),
  i('ltr',    '0F 00 /3', 'Ew',    'I386',   gp, P),
  i('lgdt',   '0F 01 /2', 'M',     'I386',   gp, P),
  i('lidt',   '0F 01 /3', 'M',     'I386',   gp, P),
  i('lmsw',   '0F 01 /6', 'Ew',    'I386',   gp, P),
  i('invlpg', '0F 01 /7', 'M',     'I386',   gp, P),
  i('swapgs', '0F 01 F8', '',      'X86_64', gp, P),
  i('mov',    '0F 20 /r', 'Rq,Cq', 'I386',   gp, P),
  i('mov',    '0F 21 /r', 'Rq,Dq', 'I386',   gp, P),
  i('mov',    '0F 22 /r', 'Cq,Rq', 'I386',   gp, P),
  i('mov',    '0F 23 /r', 'Dq,Rq', 'I386',   gp, P),
  i('rdpmc',  '0F 33',    '',      'I386',   gp, P),
  i('ud1',    '0F B9 /r', 'Gv,Ev', 'I386',   ud, P),
  i('ud0',    '0F FF /r', 'Gv,Ev', 'I386',   ud, P),
];
