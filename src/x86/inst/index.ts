/** All instructions, by family. A family's rows are clash-checked against the others when something is first decoded. */

import type { Row } from '../row.ts';
import { ARITH } from './arith.ts';
import { BIT } from './bit.ts';
import { CONTROL } from './control.ts';
import { FLAGS } from './flags.ts';
import { MISC } from './misc.ts';
import { MOV } from './mov.ts';
import { MULDIV } from './muldiv.ts';
import { SHIFT } from './shift.ts';
import { STACK } from './stack.ts';
import { STRING } from './string.ts';
import { SYSTEM } from './system.ts';
import { FXSR } from './fxsr.ts';
import { MMX } from './mmx.ts';
import { SSE } from './sse.ts';
import { SSE2 } from './sse2.ts';
import { SSE3 } from './sse3.ts';
import { SSE4_1 } from './sse41.ts';
import { SSE4_2 } from './sse42.ts';
import { SSSE3 } from './ssse3.ts';
import { X87_ROWS } from './x87.ts';

// biome-ignore format: a table
export const FAMILIES: Readonly<Record<string, readonly Row[]>> = {
  arith: ARITH,
  mov: MOV,
  stack: STACK,
  control: CONTROL,
  shift: SHIFT,
  bit: BIT,
  muldiv: MULDIV,
  string: STRING,
  flags: FLAGS,
  misc: MISC,
  system: SYSTEM,
  mmx: MMX,
  sse: SSE,
  sse2: SSE2,
  sse3: SSE3,
  ssse3: SSSE3,
  sse41: SSE4_1,
  sse42: SSE4_2,
  x87: X87_ROWS,
  fxsr: FXSR,
};

export const ROWS: readonly Row[] = Object.values(FAMILIES).flat();
