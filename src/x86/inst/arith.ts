/** Integer addition, subtraction, comparison and logic (SDM vol. 1 §7.3.2, §7.3.4). */

import type { Lift, Lifter, Value } from '../lift.ts';
import { i } from '../row.ts';
import type { Row } from '../row.ts';
import { AF } from '../state.ts';
import { addCarry, addOverflow, auxiliary, bit, constant, int, resultFlags, sameRegister, setFlags, sizeOf, subBorrow, subOverflow } from './integer.ts';
import type { IntSize } from './integer.ts';

type Binary = (b: Lifter, size: IntSize, a: Value, c: Value) => { readonly result: Value; readonly flags: () => void };

const addition: Binary = (b, size, a, c) => {
  const result = int(b, size, 'add', a, c);
  return { result, flags: () => b.flagsAdd(size, a, c, result) };
};
const subtraction: Binary = (b, size, a, c) => {
  const result = int(b, size, 'sub', a, c);
  return { result, flags: () => b.flagsSub(size, a, c, result) };
};
const logic = (op: 'and' | 'or' | 'xor'): Binary => (b, size, a, c) => {
  const result = int(b, size, op, a, c);
  return { result, flags: () => b.flagsLogic(size, result) };
};
const carryOf = (b: Lifter, size: IntSize): Value => (size === 8 ? b.op('i64.extend_i32_u', b.flag('cf')) : b.flag('cf'));
const additionWithCarry: Binary = (b, size, a, c) => {
  const result = int(b, size, 'add', int(b, size, 'add', a, c), carryOf(b, size));
  return {
    result,
    flags: () => setFlags(b, {
      ...resultFlags(b, size, result),
      cf: () => addCarry(b, size, a, c, result),
      of: () => addOverflow(b, size, a, c, result),
      af: () => auxiliary(b, size, a, c, result),
    }),
  };
};
const subtractionWithBorrow: Binary = (b, size, a, c) => {
  const result = int(b, size, 'sub', int(b, size, 'sub', a, c), carryOf(b, size));
  return {
    result,
    flags: () => setFlags(b, {
      ...resultFlags(b, size, result),
      cf: () => subBorrow(b, size, a, c, result),
      of: () => subOverflow(b, size, a, c, result),
      af: () => auxiliary(b, size, a, c, result),
    }),
  };
};

/** destination ← destination ∘ source */
const alu = (f: Binary): Lift => (b, x) => {
  const { result, flags } = f(b, sizeOf(x.ops[0]), b.read(x.ops[0]), b.read(x.ops[1]));
  b.write(x.ops[0], result);
  flags();
};
/** Flags only. */
const compare = (f: Binary): Lift => (b, x) => f(b, sizeOf(x.ops[0]), b.read(x.ops[0]), b.read(x.ops[1])).flags();

const add = alu(addition), or = alu(logic('or')), adc = alu(additionWithCarry), and = alu(logic('and')), sub = alu(subtraction);
/** `xor r,r` and `sub r,r` do not depend on the register. */
const xor: Lift = (b, x) => {
  if (!sameRegister(x.ops[0], x.ops[1])) return alu(logic('xor'))(b, x);
  const size = sizeOf(x.ops[0]);
  const zero = constant(b, size, 0);
  b.write(x.ops[0], zero);
  b.flagsLogic(size, zero);
};
/** `sbb r,r` is 0 − CF. */
const sbb: Lift = (b, x) => {
  if (!sameRegister(x.ops[0], x.ops[1])) return alu(subtractionWithBorrow)(b, x);
  const size = sizeOf(x.ops[0]);
  const zero = constant(b, size, 0);
  const carry = carryOf(b, size);
  const result = int(b, size, 'sub', zero, carry);
  b.write(x.ops[0], result);
  b.flagsSub(size, zero, carry, result);
};
const cmp = compare(subtraction), test = compare(logic('and'));

/** CF stays as it is. */
const step = (by: 1 | -1): Lift => (b, x) => {
  const size = sizeOf(x.ops[0]);
  const a = b.read(x.ops[0]);
  const result = int(b, size, 'add', a, constant(b, size, by));
  b.write(x.ops[0], result);
  const edge = size === 8 ? (by === 1 ? 0x8000_0000_0000_0000n : 0x7fff_ffff_ffff_ffffn) : undefined;
  const edge32 = by === 1 ? 2 ** (size * 8 - 1) : 2 ** (size * 8 - 1) - 1;
  setFlags(b, {
    ...resultFlags(b, size, result),
    of: () => (edge !== undefined ? b.op('i64.eq', result, b.i64(edge)) : b.op('i32.eq', result, b.i32(edge32 | 0))),
    af: () => bit(b, size, int(b, size, 'xor', a, result), 4),
  });
};
const inc = step(1), dec = step(-1);

const neg: Lift = (b, x) => {
  const size = sizeOf(x.ops[0]);
  const a = b.read(x.ops[0]);
  const zero = constant(b, size, 0);
  const result = int(b, size, 'sub', zero, a);
  b.write(x.ops[0], result);
  b.flagsSub(size, zero, a, result);
};
const not: Lift = (b, x) => {
  const size = sizeOf(x.ops[0]);
  b.write(x.ops[0], int(b, size, 'xor', b.read(x.ops[0]), constant(b, size, -1)));
};

const L = { lockable: true };
const U = { undefinedFlags: AF };
const LU = { lockable: true, undefinedFlags: AF };

// biome-ignore format: a table
export const ARITH: readonly Row[] = [
  i('add',  '00 /r',        'Eb,Gb',  'I386', add, L),
  i('add',  '01 /r',        'Ev,Gv',  'I386', add, L),
  i('add',  '02 /r',        'Gb,Eb',  'I386', add),
  i('add',  '03 /r',        'Gv,Ev',  'I386', add),
  i('add',  '04 ib',        'AL,Ib',  'I386', add),
  i('add',  '05 id',        'rAX,Iz', 'I386', add),
  i('or',   '08 /r',        'Eb,Gb',  'I386', or, LU),
  i('or',   '09 /r',        'Ev,Gv',  'I386', or, LU),
  i('or',   '0A /r',        'Gb,Eb',  'I386', or, U),
  i('or',   '0B /r',        'Gv,Ev',  'I386', or, U),
  i('or',   '0C ib',        'AL,Ib',  'I386', or, U),
  i('or',   '0D id',        'rAX,Iz', 'I386', or, U),
  i('adc',  '10 /r',        'Eb,Gb',  'I386', adc, L),
  i('adc',  '11 /r',        'Ev,Gv',  'I386', adc, L),
  i('adc',  '12 /r',        'Gb,Eb',  'I386', adc),
  i('adc',  '13 /r',        'Gv,Ev',  'I386', adc),
  i('adc',  '14 ib',        'AL,Ib',  'I386', adc),
  i('adc',  '15 id',        'rAX,Iz', 'I386', adc),
  i('sbb',  '18 /r',        'Eb,Gb',  'I386', sbb, L),
  i('sbb',  '19 /r',        'Ev,Gv',  'I386', sbb, L),
  i('sbb',  '1A /r',        'Gb,Eb',  'I386', sbb),
  i('sbb',  '1B /r',        'Gv,Ev',  'I386', sbb),
  i('sbb',  '1C ib',        'AL,Ib',  'I386', sbb),
  i('sbb',  '1D id',        'rAX,Iz', 'I386', sbb),
  i('and',  '20 /r',        'Eb,Gb',  'I386', and, LU),
  i('and',  '21 /r',        'Ev,Gv',  'I386', and, LU),
  i('and',  '22 /r',        'Gb,Eb',  'I386', and, U),
  i('and',  '23 /r',        'Gv,Ev',  'I386', and, U),
  i('and',  '24 ib',        'AL,Ib',  'I386', and, U),
  i('and',  '25 id',        'rAX,Iz', 'I386', and, U),
  i('sub',  '28 /r',        'Eb,Gb',  'I386', sub, L),
  i('sub',  '29 /r',        'Ev,Gv',  'I386', sub, L),
  i('sub',  '2A /r',        'Gb,Eb',  'I386', sub),
  i('sub',  '2B /r',        'Gv,Ev',  'I386', sub),
  i('sub',  '2C ib',        'AL,Ib',  'I386', sub),
  i('sub',  '2D id',        'rAX,Iz', 'I386', sub),
  i('xor',  '30 /r',        'Eb,Gb',  'I386', xor, LU),
  i('xor',  '31 /r',        'Ev,Gv',  'I386', xor, LU),
  i('xor',  '32 /r',        'Gb,Eb',  'I386', xor, U),
  i('xor',  '33 /r',        'Gv,Ev',  'I386', xor, U),
  i('xor',  '34 ib',        'AL,Ib',  'I386', xor, U),
  i('xor',  '35 id',        'rAX,Iz', 'I386', xor, U),
  i('cmp',  '38 /r',        'Eb,Gb',  'I386', cmp),
  i('cmp',  '39 /r',        'Ev,Gv',  'I386', cmp),
  i('cmp',  '3A /r',        'Gb,Eb',  'I386', cmp),
  i('cmp',  '3B /r',        'Gv,Ev',  'I386', cmp),
  i('cmp',  '3C ib',        'AL,Ib',  'I386', cmp),
  i('cmp',  '3D id',        'rAX,Iz', 'I386', cmp),
  i('add',  '80 /0 ib',     'Eb,Ib',  'I386', add, L),
  i('or',   '80 /1 ib',     'Eb,Ib',  'I386', or, LU),
  i('adc',  '80 /2 ib',     'Eb,Ib',  'I386', adc, L),
  i('sbb',  '80 /3 ib',     'Eb,Ib',  'I386', sbb, L),
  i('and',  '80 /4 ib',     'Eb,Ib',  'I386', and, LU),
  i('sub',  '80 /5 ib',     'Eb,Ib',  'I386', sub, L),
  i('xor',  '80 /6 ib',     'Eb,Ib',  'I386', xor, LU),
  i('cmp',  '80 /7 ib',     'Eb,Ib',  'I386', cmp),
  i('add',  '81 /0 id',     'Ev,Iz',  'I386', add, L),
  i('or',   '81 /1 id',     'Ev,Iz',  'I386', or, LU),
  i('adc',  '81 /2 id',     'Ev,Iz',  'I386', adc, L),
  i('sbb',  '81 /3 id',     'Ev,Iz',  'I386', sbb, L),
  i('and',  '81 /4 id',     'Ev,Iz',  'I386', and, LU),
  i('sub',  '81 /5 id',     'Ev,Iz',  'I386', sub, L),
  i('xor',  '81 /6 id',     'Ev,Iz',  'I386', xor, LU),
  i('cmp',  '81 /7 id',     'Ev,Iz',  'I386', cmp),
  i('add',  '83 /0 ib',     'Ev,sIb', 'I386', add, L),
  i('or',   '83 /1 ib',     'Ev,sIb', 'I386', or, LU),
  i('adc',  '83 /2 ib',     'Ev,sIb', 'I386', adc, L),
  i('sbb',  '83 /3 ib',     'Ev,sIb', 'I386', sbb, L),
  i('and',  '83 /4 ib',     'Ev,sIb', 'I386', and, LU),
  i('sub',  '83 /5 ib',     'Ev,sIb', 'I386', sub, L),
  i('xor',  '83 /6 ib',     'Ev,sIb', 'I386', xor, LU),
  i('cmp',  '83 /7 ib',     'Ev,sIb', 'I386', cmp),
  i('test', '84 /r',        'Eb,Gb',  'I386', test, U),
  i('test', '85 /r',        'Ev,Gv',  'I386', test, U),
  i('test', 'A8 ib',        'AL,Ib',  'I386', test, U),
  i('test', 'A9 id',        'rAX,Iz', 'I386', test, U),
  i('test', 'F6 /0 ib',     'Eb,Ib',  'I386', test, U),
  i('test', 'F6 /1 ib',     'Eb,Ib',  'I386', test, U),
  i('not',  'F6 /2',        'Eb',     'I386', not, L),
  i('neg',  'F6 /3',        'Eb',     'I386', neg, L),
  i('test', 'F7 /0 id',     'Ev,Iz',  'I386', test, U),
  i('test', 'F7 /1 id',     'Ev,Iz',  'I386', test, U),
  i('not',  'F7 /2',        'Ev',     'I386', not, L),
  i('neg',  'F7 /3',        'Ev',     'I386', neg, L),
  i('inc',  'FE /0',        'Eb',     'I386', inc, L),
  i('dec',  'FE /1',        'Eb',     'I386', dec, L),
  i('inc',  'FF /0',        'Ev',     'I386', inc, L),
  i('dec',  'FF /1',        'Ev',     'I386', dec, L),
];
