/** FXSAVE and FXRSTOR (SDM vol. 1 §10.5): the helper makes the first 160 bytes, XMM registers follow; bytes 416 to 511 stay untouched. */

import type { Mem } from '../insn.ts';
import type { Lift } from '../lift.ts';
import { i } from '../row.ts';
import type { Row } from '../row.ts';
import { CPU } from '../state.ts';
import { FXRSTOR, FXSAVE } from '../x87/transfer.ts';

const REGISTERS = 16;
const X87_PART = 160;

const fxsave: Lift = (b, x) => {
  const address = b.address(x.ops[0] as Mem);
  const at = (offset: number) => b.op('i64.add', address, b.i64(offset));
  b.trapIf(b.op('i32.and', b.op('i32.wrap_i64', address), b.i32(15)), 'gp');
  b.helper(FXSAVE);
  for (let n = 0; n < REGISTERS; n++) b.store('v128.store', at(X87_PART + 16 * n), b.readXmm(n));
  for (let offset = 0; offset < X87_PART; offset += 16) b.store('v128.store', at(offset), b.cpuLoad('v128.load', CPU.fxsave + offset));
};

const fxrstor: Lift = (b, x) => {
  const address = b.address(x.ops[0] as Mem);
  const at = (offset: number) => b.op('i64.add', address, b.i64(offset));
  b.trapIf(b.op('i32.and', b.op('i32.wrap_i64', address), b.i32(15)), 'gp');
  b.trapIf(b.op('i32.shr_u', b.load('i32.load', at(24)), b.i32(16)), 'gp');
  const xmm = Array.from({ length: REGISTERS }, (_, n) => b.load('v128.load', at(X87_PART + 16 * n)));
  for (let offset = 0; offset < X87_PART; offset += 16) b.cpuStore('v128.store', CPU.fxsave + offset, b.load('v128.load', at(offset)));
  b.helper(FXRSTOR);
  xmm.forEach((value, n) => b.writeXmm(n, value));
};

// biome-ignore format: a table
export const FXSR: readonly Row[] = [
  i('fxsave',     'NP 0F AE /0',        'M', 'FXSR', fxsave),
  i('fxsave64',   'NP REX.W 0F AE /0',  'M', 'FXSR', fxsave),
  i('fxrstor',    'NP 0F AE /1',        'M', 'FXSR', fxrstor),
  i('fxrstor64',  'NP REX.W 0F AE /1',  'M', 'FXSR', fxrstor),
];
