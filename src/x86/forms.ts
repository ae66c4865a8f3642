/** Every row, compiled. Apart from the decoder, which compiles them when it first decodes: a run of translated code never does. */

import { ROWS } from './inst/index.ts';
import { compileRow, type Form } from './table.ts';

export const FORMS: readonly Form[] = ROWS.map(compileRow);
