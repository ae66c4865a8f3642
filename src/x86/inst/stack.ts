/** Pushes, pops and stack frames (SDM vol. 1 §6.2, §6.5). */

import type { Operand } from '../insn.ts';
import type { Lift, Lifter, Value } from '../lift.ts';
import { i } from '../row.ts';
import type { Row } from '../row.ts';
import { RBP, RSP } from '../state.ts';
import { loadInt, sizeOf, storeInt } from './integer.ts';

/** Stores below the stack pointer, then moves it. */
function pushValue(b: Lifter, size: 2 | 8, value: Value): void {
  const top = b.op('i64.sub', b.readGpr(RSP), b.i64(size));
  storeInt(b, size, top, value);
  b.writeGpr(RSP, top);
}

const stackSize = (operand: Operand): 2 | 8 => (sizeOf(operand) === 2 ? 2 : 8);

const push: Lift = (b, x) => pushValue(b, stackSize(x.ops[0]), b.read(x.ops[0]));
/** The immediate is sign-extended to the operand size. */
const pushImmediate: Lift = (b, x) => {
  const [operand] = x.ops;
  if (operand.kind !== 'imm') throw new Error('push takes an immediate here');
  if (x.size === 2) return pushValue(b, 2, b.i32(Number(BigInt.asUintN(16, operand.value))));
  pushValue(b, 8, b.i64(BigInt.asIntN(operand.size * 8, operand.value)));
};
/** The stack pointer moves first: it may be the destination, or the base of its address. */
const pop: Lift = (b, x) => {
  const [operand] = x.ops;
  const size = stackSize(operand);
  const top = b.readGpr(RSP);
  const value = loadInt(b, size, top);
  const above = b.op('i64.add', top, b.i64(size));
  if (operand.kind === 'mem') {
    const address = operand.base === RSP ? b.op('i64.add', b.address(operand), b.i64(size)) : b.address(operand);
    storeInt(b, size, address, value);
    b.writeGpr(RSP, above);
  } else {
    b.writeGpr(RSP, above);
    b.write(operand, value);
  }
};
const leave: Lift = (b, x) => {
  const size = x.size === 2 ? 2 : 8;
  const frame = b.readGpr(RBP);
  const value = loadInt(b, size, frame);
  b.writeGpr(RSP, b.op('i64.add', frame, b.i64(size)));
  if (size === 8) b.writeGpr(RBP, value);
  else b.write({ kind: 'gpr', index: RBP, size: 2, high: false }, value);
};
/** Nesting levels above 0 copy frame pointers of outer procedures; no compiler makes them. */
const enter: Lift = (b, x) => {
  const [bytes, level] = x.ops;
  if (bytes.kind !== 'imm' || level.kind !== 'imm') throw new Error('enter takes two immediates');
  const depth = Number(level.value) & 31;
  const size = x.size === 2 ? 2 : 8;
  const sized = (value: Value): Value => (size === 8 ? value : b.op('i32.and', b.op('i32.wrap_i64', value), b.i32(0xffff)));
  const old = b.readGpr(RBP);
  const frame = b.op('i64.sub', b.readGpr(RSP), b.i64(size));
  storeInt(b, size, frame, sized(old));
  let top = frame;
  for (let at = 1; at < depth; at++) {
    top = b.op('i64.sub', top, b.i64(size));
    storeInt(b, size, top, loadInt(b, size, b.op('i64.sub', old, b.i64(size * at))));
  }
  if (depth > 0) {
    top = b.op('i64.sub', top, b.i64(size));
    storeInt(b, size, top, sized(frame));
  }
  b.write({ kind: 'gpr', index: RBP, size, high: false }, sized(frame));
  b.writeGpr(RSP, b.op('i64.sub', top, b.i64(Number(bytes.value))));
};

const N = { default64: true };

// biome-ignore format: a table
export const STACK: readonly Row[] = [
  i('push',  '50+r',     'Zv',    'I386', push, N),
  i('pop',   '58+r',     'Zv',    'I386', pop, N),
  i('push',  '68 id',    'Iz',    'I386', pushImmediate, N),
  i('push',  '6A ib',    'sIb',   'I386', pushImmediate, N),
  i('pop',   '8F /0',    'Ev',    'I386', pop, N),
  i('push',  'FF /6',    'Ev',    'I386', push, N),
  i('enter', 'C8 iw ib', 'Iw,Ib', 'I386', enter, N),
  i('leave', 'C9',       '',      'I386', leave, N),
];
