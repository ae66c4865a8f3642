/**
 * Shifts and rotates (SDM vol. 1 §7.3.5; the flags are in vol. 2, RCL…ROR, SAL…SHR, SHLD, SHRD).
 *
 * A count of zero leaves all flags alone. OF is defined for a count of one only; for others it is given as
 * that of the last single step, or as the same formula.
 */

import type { Insn } from '../insn.ts';
import type { Flag, Lift, Lifter, Value } from '../lift.ts';
import { i } from '../row.ts';
import type { Row } from '../row.ts';
import { AF, OF } from '../state.ts';
import { bit, bitsOf, clean, constant, narrow, raw, resizeUnsigned, resultFlags, setFlags, signBit, signExtended, sizeOf, zeroTo64 } from './integer.ts';
import type { IntSize, Thunks } from './integer.ts';

/** A masked shift count: a constant where the encoding has it, and as a value of the operand's type. */
interface Count {
  readonly known: number | undefined;
  readonly value: Value;
}

function countOf(b: Lifter, x: Insn, size: IntSize): Count {
  const operand = x.ops[x.ops.length - 1];
  const mask = size === 8 ? 63 : 31;
  if (operand.kind === 'imm') {
    const known = Number(operand.value) & mask;
    return { known, value: constant(b, size, known) };
  }
  const masked = b.op('i32.and', b.read(operand), b.i32(mask));
  return { known: undefined, value: resizeUnsigned(b, 4, size, masked) };
}

/** Sets the flags, unless the count is zero. */
function flagsUnlessZero(b: Lifter, size: IntSize, count: Count, flags: Thunks): void {
  if (count.known === 0) return;
  if (count.known !== undefined) return setFlags(b, flags);
  const zero = raw(b, size, 'eqz', count.value);
  const kept: Thunks = {};
  for (const name of Object.keys(flags) as Flag[]) {
    const old = b.flagLater(name);
    const fresh = flags[name] as () => Value;
    kept[name] = () => b.select(zero, old(), fresh());
  }
  setFlags(b, kept);
}

type Shift = (b: Lifter, size: IntSize, a: Value, count: Count) => { readonly result: Value; readonly flags: Thunks };

const lastOut = (b: Lifter, size: IntSize, op: 'shr_u' | 'shr_s', a: Value, count: Value): Value =>
  bit(b, size, raw(b, size, op, a, raw(b, size, 'sub', count, constant(b, size, 1))), 0);
const differ = (b: Lifter, a: Value, c: Value): Value => b.op('i32.xor', a, c);

const shl: Shift = (b, size, a, { value }) => {
  const shifted = raw(b, size, 'shl', a, value);
  const result = clean(b, size, shifted);
  const cf = (): Value =>
    size <= 2 ? bit(b, size, shifted, bitsOf(size)) : bit(b, size, raw(b, size, 'shr_u', a, raw(b, size, 'sub', constant(b, size, bitsOf(size)), value)), 0);
  return { result, flags: { ...resultFlags(b, size, result), cf, of: () => differ(b, signBit(b, size, result), cf()), af: () => b.i32(0) } };
};
const shr: Shift = (b, size, a, { value }) => {
  const result = raw(b, size, 'shr_u', a, value);
  return { result, flags: { ...resultFlags(b, size, result), cf: () => lastOut(b, size, 'shr_u', a, value), of: () => signBit(b, size, a), af: () => b.i32(0) } };
};
const sar: Shift = (b, size, a, { value }) => {
  const wide = signExtended(b, size, a);
  const result = clean(b, size, raw(b, size, 'shr_s', wide, value));
  return { result, flags: { ...resultFlags(b, size, result), cf: () => lastOut(b, size, 'shr_s', wide, value), of: () => b.i32(0), af: () => b.i32(0) } };
};

function rotated(b: Lifter, size: IntSize, direction: 'left' | 'right', a: Value, count: Value): Value {
  if (size >= 4) return raw(b, size, direction === 'left' ? 'rotl' : 'rotr', a, count);
  const bits = bitsOf(size);
  const by = b.op('i32.and', count, b.i32(bits - 1));
  const rest = b.op('i32.sub', b.i32(bits), by);
  const left = direction === 'left';
  return clean(b, size, b.op('i32.or', b.op('i32.shl', a, left ? by : rest), b.op('i32.shr_u', a, left ? rest : by)));
}
const rol: Shift = (b, size, a, { value }) => {
  const result = rotated(b, size, 'left', a, value);
  const cf = (): Value => bit(b, size, result, 0);
  return { result, flags: { cf, of: () => differ(b, signBit(b, size, result), cf()) } };
};
const ror: Shift = (b, size, a, { value }) => {
  const result = rotated(b, size, 'right', a, value);
  const cf = (): Value => signBit(b, size, result);
  return { result, flags: { cf, of: () => differ(b, cf(), bit(b, size, result, bitsOf(size) - 2)) } };
};

/** Rotates through CF: `bits + 1` bits in one i64 up to 32, spelled out for 64. */
const throughCarry = (direction: 'left' | 'right'): Shift => (b, size, a, { value }) => {
  const bits = bitsOf(size);
  const carry = b.op('i64.extend_i32_u', b.flag('cf'));
  const left = direction === 'left';
  let result: Value;
  let cf: Value;
  if (size === 8) {
    const none = b.op('i64.eqz', value);
    const rest = b.op('i64.sub', b.i64(64), value);
    const one = b.i64(1);
    if (left) {
      const moved = b.op('i64.or', b.op('i64.shl', a, value), b.op('i64.shl', carry, b.op('i64.sub', value, one)));
      result = b.select(none, a, b.op('i64.or', moved, b.op('i64.shr_u', b.op('i64.shr_u', a, one), rest)));
      cf = bit(b, 8, b.op('i64.shr_u', a, rest), 0);
    } else {
      const moved = b.op('i64.or', b.op('i64.shr_u', a, value), b.op('i64.shl', carry, rest));
      result = b.select(none, a, b.op('i64.or', moved, b.op('i64.shl', b.op('i64.shl', a, one), rest)));
      cf = bit(b, 8, b.op('i64.shr_u', a, b.op('i64.sub', value, one)), 0);
    }
  } else {
    const by = zeroTo64(b, 4, size === 4 ? value : b.op('i32.rem_u', value, b.i32(bits + 1)));
    const rest = b.op('i64.sub', b.i64(bits + 1), by);
    const whole = b.op('i64.or', b.op('i64.shl', carry, b.i64(bits)), b.op('i64.extend_i32_u', a));
    const turned = b.op('i64.or', b.op('i64.shl', whole, left ? by : rest), b.op('i64.shr_u', whole, left ? rest : by));
    result = narrow(b, size, turned);
    cf = bit(b, 8, turned, bits);
  }
  const second = (): Value => (left ? cf : bit(b, size, result, bits - 2));
  return { result, flags: { cf: () => cf, of: () => differ(b, signBit(b, size, result), second()) } };
};

const shift = (f: Shift): Lift => (b, x) => {
  const size = sizeOf(x.ops[0]);
  const count = countOf(b, x, size);
  const { result, flags } = f(b, size, b.read(x.ops[0]), count);
  b.write(x.ops[0], result);
  flagsUnlessZero(b, size, count, flags);
};

/** Bits of the second operand move in. The 16-bit form is undefined for counts above 16: the second operand comes in again, CF is 0. */
const double = (direction: 'left' | 'right'): Lift => (b, x) => {
  const size = sizeOf(x.ops[0]);
  const count = countOf(b, x, size);
  const a = b.read(x.ops[0]);
  const c = b.read(x.ops[1]);
  const left = direction === 'left';
  const bits = bitsOf(size);
  let result: Value;
  let cf: () => Value;
  if (size === 8) {
    const rest = b.op('i64.sub', b.i64(64), count.value);
    const moved = b.op('i64.or', b.op(left ? 'i64.shl' : 'i64.shr_u', a, count.value), b.op(left ? 'i64.shr_u' : 'i64.shl', c, rest));
    result = b.select(b.op('i64.eqz', count.value), a, moved);
    cf = () => bit(b, 8, b.op('i64.shr_u', a, left ? rest : b.op('i64.sub', count.value, b.i64(1))), 0);
  } else {
    const by = zeroTo64(b, 4, count.value);
    const wide = (v: Value, place: number): Value => b.op('i64.shl', b.op('i64.extend_i32_u', v), b.i64(place));
    const beyond = b.op('i32.ge_u', count.value, b.i32(17));
    const defined = (carry: Value): Value => (size === 2 ? b.select(beyond, b.i32(0), carry) : carry);
    const join = (...parts: Value[]): Value => parts.reduce((x1, x2) => b.op('i64.or', x1, x2));
    if (left) {
      const whole = size === 4 ? join(wide(a, 32), wide(c, 0)) : join(wide(a, 32), wide(c, 16), wide(c, 0));
      const moved = b.op('i64.shl', whole, by);
      result = narrow(b, size, b.op('i64.shr_u', moved, b.i64(32)));
      cf = () => defined(bit(b, 8, size === 4 ? b.op('i64.shr_u', wide(a, 0), b.op('i64.sub', b.i64(32), by)) : b.op('i64.shr_u', moved, b.i64(48)), 0));
    } else {
      const whole = size === 4 ? join(wide(a, 0), wide(c, 32)) : join(wide(a, 0), wide(c, 16), wide(c, 32));
      result = narrow(b, size, b.op('i64.shr_u', whole, by));
      cf = () => defined(bit(b, 8, b.op('i64.shr_u', whole, b.op('i64.sub', by, b.i64(1))), 0));
    }
  }
  b.write(x.ops[0], result);
  flagsUnlessZero(b, size, count, { ...resultFlags(b, size, result), cf, of: () => differ(b, bit(b, size, a, bits - 1), signBit(b, size, result)), af: () => b.i32(0) });
};

const SHIFTS: readonly (readonly [digit: number, mnemonic: string, lift: Lift, undefinedAf: number])[] = [
  [0, 'rol', shift(rol), 0],
  [1, 'ror', shift(ror), 0],
  [2, 'rcl', shift(throughCarry('left')), 0],
  [3, 'rcr', shift(throughCarry('right')), 0],
  [4, 'shl', shift(shl), AF],
  [5, 'shr', shift(shr), AF],
  [6, 'shl', shift(shl), AF],
  [7, 'sar', shift(sar), AF],
];
const group = (opcode: string, operands: string, undefinedFlags: number): readonly Row[] =>
  SHIFTS.map(([digit, mnemonic, lift, af]) =>
    i(mnemonic, opcode.replace('/n', `/${digit}`), operands, 'I386', lift, { undefinedFlags: undefinedFlags | af }));
const U = { undefinedFlags: AF | OF };

// biome-ignore format: a table
export const SHIFT: readonly Row[] = [
  ...group('C0 /n ib', 'Eb,Ib', OF),
  ...group('C1 /n ib', 'Ev,Ib', OF),
  ...group('D0 /n',    'Eb,1',  0),
  ...group('D1 /n',    'Ev,1',  0),
  ...group('D2 /n',    'Eb,CL', OF),
  ...group('D3 /n',    'Ev,CL', OF),
  i('shld', '0F A4 /r ib', 'Ev,Gv,Ib', 'I386', double('left'), U),
  i('shld', '0F A5 /r',    'Ev,Gv,CL', 'I386', double('left'), U),
  i('shrd', '0F AC /r ib', 'Ev,Gv,Ib', 'I386', double('right'), U),
  i('shrd', '0F AD /r',    'Ev,Gv,CL', 'I386', double('right'), U),
];
