/**
 * Builders for the meaning of general-purpose instructions: integers of 1, 2, 4 and 8 bytes as `lift.ts` keeps
 * them (8 and 16 bits in a clean `i32`), and the status flags of SDM vol. 1 §3.4.3.1 that no `flags…` method covers.
 */

import type { Op } from '../../ops/index.ts';
import type { Mem, Operand } from '../insn.ts';
import type { Flag, Lifter, Value } from '../lift.ts';

export type IntSize = 1 | 2 | 4 | 8;
type IntOp = 'add' | 'sub' | 'mul' | 'and' | 'or' | 'xor' | 'shl' | 'shr_s' | 'shr_u' | 'rotl' | 'rotr' | 'div_s' | 'div_u' | 'rem_s' | 'rem_u' | 'eq' | 'ne' | 'eqz' | 'clz' | 'ctz' | 'popcnt';

export const sizeOf = (o: Operand): IntSize => o.size as IntSize;
export const bitsOf = (size: IntSize): number => size * 8;
const prefix = (size: IntSize): 'i32' | 'i64' => (size === 8 ? 'i64' : 'i32');

/** Applies `i32.op` or `i64.op`, without cleaning the result. */
export const raw = (b: Lifter, size: IntSize, op: IntOp, a: Value, c?: Value): Value => b.op(`${prefix(size)}.${op}` as Op, a, c);
/** Clears the bits above 8 or 16. */
export const clean = (b: Lifter, size: IntSize, a: Value): Value => (size >= 4 ? a : b.op('i32.and', a, b.i32(size === 1 ? 0xff : 0xffff)));
export const int = (b: Lifter, size: IntSize, op: IntOp, a: Value, c?: Value): Value => clean(b, size, raw(b, size, op, a, c));
export const constant = (b: Lifter, size: IntSize, value: number): Value => (size === 8 ? b.i64(value) : b.i32(value));
export const isZero = (b: Lifter, size: IntSize, a: Value): Value => raw(b, size, 'eqz', a);

/** Bit `n` of an integer, as i32 0 or 1. */
export function bit(b: Lifter, size: IntSize, a: Value, n: number): Value {
  if (size === 8) return b.op('i32.wrap_i64', b.op('i64.and', b.op('i64.shr_u', a, b.i64(n)), b.i64(1)));
  return b.op('i32.and', b.op('i32.shr_u', a, b.i32(n)), b.i32(1));
}
export const signBit = (b: Lifter, size: IntSize, a: Value): Value => bit(b, size, a, bitsOf(size) - 1);

/** To all 32 bits of an i32 (8 and 16 bits), the value itself otherwise. */
export function signExtended(b: Lifter, size: IntSize, a: Value): Value {
  return size === 1 ? b.op('i32.extend8_s', a) : size === 2 ? b.op('i32.extend16_s', a) : a;
}
export const zeroTo64 = (b: Lifter, size: IntSize, a: Value): Value => (size === 8 ? a : b.op('i64.extend_i32_u', a));
export const signTo64 = (b: Lifter, size: IntSize, a: Value): Value => (size === 8 ? a : b.op('i64.extend_i32_s', signExtended(b, size, a)));
/** From i64 down to a clean integer. */
export const narrow = (b: Lifter, size: IntSize, a: Value): Value => (size === 8 ? a : clean(b, size, b.op('i32.wrap_i64', a)));
/** A signed integer of one width as a clean one of another. */
export const resizeSigned = (b: Lifter, from: IntSize, to: IntSize, a: Value): Value =>
  to === 8 ? signTo64(b, from, a) : clean(b, to, signExtended(b, from, from === 8 ? b.op('i32.wrap_i64', a) : a));
export const resizeUnsigned = (b: Lifter, from: IntSize, to: IntSize, a: Value): Value =>
  to === 8 ? zeroTo64(b, from, a) : clean(b, to, from === 8 ? b.op('i32.wrap_i64', a) : a);

/** Even parity of the low byte (i32 0 or 1). */
export const parity = (b: Lifter, size: IntSize, a: Value): Value =>
  b.op('i32.eqz', b.op('i32.and', b.op('i32.popcnt', b.op('i32.and', size === 8 ? b.op('i32.wrap_i64', a) : a, b.i32(0xff))), b.i32(1)));

export type Thunks = Partial<Record<Flag, () => Value>>;
export function setFlags(b: Lifter, flags: Thunks): void {
  for (const name of Object.keys(flags) as Flag[]) b.setFlag(name, flags[name] as () => Value);
}
export const resultFlags = (b: Lifter, size: IntSize, r: Value): Thunks => ({
  sf: () => signBit(b, size, r),
  zf: () => isZero(b, size, r),
  pf: () => parity(b, size, r),
});
const xor3 = (b: Lifter, size: IntSize, a: Value, c: Value, r: Value): Value => raw(b, size, 'xor', raw(b, size, 'xor', a, c), r);
/** Carry out of bit 3: the same for sums and differences, with or without carry in. */
export const auxiliary = (b: Lifter, size: IntSize, a: Value, c: Value, r: Value): Value => bit(b, size, xor3(b, size, a, c, r), 4);
export const addOverflow = (b: Lifter, size: IntSize, a: Value, c: Value, r: Value): Value =>
  signBit(b, size, raw(b, size, 'and', raw(b, size, 'xor', a, r), raw(b, size, 'xor', c, r)));
export const subOverflow = (b: Lifter, size: IntSize, a: Value, c: Value, r: Value): Value =>
  signBit(b, size, raw(b, size, 'and', raw(b, size, 'xor', a, c), raw(b, size, 'xor', a, r)));
const not = (b: Lifter, size: IntSize, a: Value): Value => raw(b, size, 'xor', a, constant(b, size, -1));
/** Carry out of a + c + carry, from the result. */
export const addCarry = (b: Lifter, size: IntSize, a: Value, c: Value, r: Value): Value =>
  signBit(b, size, raw(b, size, 'or', raw(b, size, 'and', a, c), raw(b, size, 'and', raw(b, size, 'or', a, c), not(b, size, r))));
/** Borrow out of a − c − carry, from the result. */
export const subBorrow = (b: Lifter, size: IntSize, a: Value, c: Value, r: Value): Value =>
  signBit(b, size, raw(b, size, 'or', raw(b, size, 'and', not(b, size, a), c), raw(b, size, 'and', raw(b, size, 'or', not(b, size, a), c), r)));

/** Loads and stores an integer at an i64 address. */
export const loadInt = (b: Lifter, size: IntSize, address: Value): Value =>
  b.load(size === 1 ? 'i32.load8_u' : size === 2 ? 'i32.load16_u' : size === 4 ? 'i32.load' : 'i64.load', address);
export const storeInt = (b: Lifter, size: IntSize, address: Value, value: Value): void =>
  b.store(size === 1 ? 'i32.store8' : size === 2 ? 'i32.store16' : size === 4 ? 'i32.store' : 'i64.store', address, value);

export const sameRegister = (a: Operand, c: Operand): boolean => a.kind === 'gpr' && c.kind === 'gpr' && a.index === c.index && a.high === c.high;
export const at = (mem: Mem, more: Partial<Mem>): Mem => ({ ...mem, ...more });
