/** All instructions, by family. A family's rows are clash-checked against the others when the decoder loads. */

import { compileRow } from '../table.ts';
import type { Form } from '../table.ts';
import type { Row } from '../row.ts';
import { ARITH } from './arith.ts';

// biome-ignore format: a table
export const FAMILIES: Readonly<Record<string, readonly Row[]>> = {
  arith: ARITH,
};

export const ROWS: readonly Row[] = Object.values(FAMILIES).flat();
export const FORMS: readonly Form[] = ROWS.map(compileRow);
