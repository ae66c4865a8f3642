/** Single bits, bit scans and counts (SDM vol. 1 §7.3.6). */

import type { Insn, Mem } from '../insn.ts';
import type { Lift, Lifter, Value } from '../lift.ts';
import { i } from '../row.ts';
import type { Row } from '../row.ts';
import { AF, CF, OF, PF, SF } from '../state.ts';
import { bitsOf, constant, int, isZero, loadInt, raw, resizeUnsigned, setFlags, sizeOf, signTo64, storeInt, zeroTo64 } from './integer.ts';

type Change = (b: Lifter, size: 2 | 4 | 8, a: Value, mask: Value) => Value;
const set: Change = (b, size, a, mask) => raw(b, size, 'or', a, mask);
const reset: Change = (b, size, a, mask) => raw(b, size, 'and', a, raw(b, size, 'xor', mask, constant(b, size, -1)));
const complement: Change = (b, size, a, mask) => raw(b, size, 'xor', a, mask);

/** With a register as bit number, memory is a string of bits: the number reaches beyond the operand, either way. */
function bitStringAddress(b: Lifter, x: Insn, size: 2 | 4 | 8): Value {
  const index = signTo64(b, size, b.read(x.ops[1]));
  const bytes = b.op('i64.shl', b.op('i64.shr_s', index, b.i64(Math.log2(bitsOf(size)))), b.i64(Math.log2(size)));
  const address = b.op('i64.add', b.address(x.ops[0] as Mem), bytes);
  return x.addressSize === 8 ? address : b.op('i64.and', address, b.i64(0xffff_ffff));
}

const bitOp = (change?: Change): Lift => (b, x) => {
  const size = sizeOf(x.ops[0]) as 2 | 4 | 8;
  const operand = x.ops[1];
  const by = operand.kind === 'imm' ? constant(b, size, Number(operand.value) & (bitsOf(size) - 1)) : raw(b, size, 'and', b.read(operand), constant(b, size, bitsOf(size) - 1));
  const address = x.ops[0].kind !== 'mem' ? undefined : operand.kind === 'imm' ? b.address(x.ops[0]) : bitStringAddress(b, x, size);
  const a = address === undefined ? b.read(x.ops[0]) : loadInt(b, size, address);
  if (change !== undefined) {
    const result = change(b, size, a, raw(b, size, 'shl', constant(b, size, 1), by));
    if (address === undefined) b.write(x.ops[0], result);
    else storeInt(b, size, address, result);
  }
  b.setFlag('cf', () => resizeUnsigned(b, size, 4, raw(b, size, 'and', raw(b, size, 'shr_u', a, by), constant(b, size, 1))));
};

/** A source of zero leaves the destination alone, all 64 bits of it. */
const scan = (direction: 'forward' | 'reverse'): Lift => (b, x) => {
  const size = sizeOf(x.ops[0]) as 2 | 4 | 8;
  const a = b.read(x.ops[1]);
  const zero = isZero(b, size, a);
  const width = size === 8 ? 63 : 31;
  const found = direction === 'forward' ? raw(b, size, 'ctz', a) : raw(b, size, 'xor', raw(b, size, 'clz', a), constant(b, size, width));
  const target = x.ops[0];
  if (size === 4 && target.kind === 'gpr') b.writeGpr(target.index, b.select(zero, b.readGpr(target.index), zeroTo64(b, 4, found)));
  else b.write(target, b.select(zero, b.read(target), found));
  b.setFlag('zf', () => zero);
};
const popcnt: Lift = (b, x) => {
  const size = sizeOf(x.ops[0]);
  const a = b.read(x.ops[1]);
  b.write(x.ops[0], int(b, size, 'popcnt', a));
  const off = (): Value => b.i32(0);
  setFlags(b, { cf: off, pf: off, af: off, sf: off, of: off, zf: () => isZero(b, size, a) });
};

const L = { lockable: true, undefinedFlags: OF | SF | AF | PF };
const U = { undefinedFlags: OF | SF | AF | PF };
const S = { undefinedFlags: CF | OF | SF | AF | PF };
const bt = bitOp(), bts = bitOp(set), btr = bitOp(reset), btc = bitOp(complement);

// biome-ignore format: a table
export const BIT: readonly Row[] = [
  i('bt',     '0F A3 /r',    'Ev,Gv', 'I386', bt, U),
  i('bts',    '0F AB /r',    'Ev,Gv', 'I386', bts, L),
  i('btr',    '0F B3 /r',    'Ev,Gv', 'I386', btr, L),
  i('popcnt', 'F3 0F B8 /r', 'Gv,Ev', 'POPCNT', popcnt),
  i('bt',     '0F BA /4 ib', 'Ev,Ib', 'I386', bt, U),
  i('bts',    '0F BA /5 ib', 'Ev,Ib', 'I386', bts, L),
  i('btr',    '0F BA /6 ib', 'Ev,Ib', 'I386', btr, L),
  i('btc',    '0F BA /7 ib', 'Ev,Ib', 'I386', btc, L),
  i('btc',    '0F BB /r',    'Ev,Gv', 'I386', btc, L),
  i('bsf',    '0F BC /r',    'Gv,Ev', 'I386', scan('forward'), S),
  i('bsr',    '0F BD /r',    'Gv,Ev', 'I386', scan('reverse'), S),
];
