/**
 * Guest memory accesses as they are emitted.
 *
 * Where the host protects pages, an access is one instruction and a forbidden one traps by itself. Elsewhere
 * (`checked`) the permission byte of the first and last page touched is looked at before; a forbidden access
 * executes `unreachable`, which the executor treats alike.
 */

import { OPS, type Op } from '../ops/index.ts';
import type { FunctionBody } from '../wasm/index.ts';
import { GUEST, PERMISSIONS } from './layout.ts';

export interface AccessEmitter {
  /** Emits the load with its address; the value is left on the stack. */
  load(b: FunctionBody, op: Op, offset: number, address: () => void): void;
  store(b: FunctionBody, op: Op, offset: number, address: () => void, value: () => void): void;
}

const unchecked: AccessEmitter = {
  load(b, op, offset, address) {
    address();
    b.memory(op, offset, GUEST);
  },
  store(b, op, offset, address, value) {
    address();
    value();
    b.memory(op, offset, GUEST);
  },
};

const READ = 1;
const WRITE = 2;

function check(b: FunctionBody, address: number, offset: number, need: number): void {
  b.localGet(address);
  if (offset !== 0) {
    b.i64n(offset);
    b.op('i64.add');
  }
  b.i64n(12);
  b.op('i64.shr_u');
  b.op('i32.wrap_i64');
  b.memory('i32.load8_u', 0, PERMISSIONS);
  b.i32(need);
  b.op('i32.and');
  b.op('i32.eqz');
  b.if();
  b.unreachable();
  b.end();
}

function checkedAccess(b: FunctionBody, op: Op, offset: number, address: () => void, need: number): number {
  const at = b.local('i64');
  address();
  b.localSet(at);
  // Beyond the table nothing is mapped; the access itself would trap, the look-up must not alias.
  b.localGet(at);
  b.i64n(0x4_0000_0000 - 0x1_0000);
  b.op('i64.ge_u');
  b.if();
  b.unreachable();
  b.end();
  const { width } = OPS[op];
  check(b, at, offset, need);
  if (width > 1) check(b, at, offset + width - 1, need);
  return at;
}

const checked: AccessEmitter = {
  load(b, op, offset, address) {
    const at = checkedAccess(b, op, offset, address, READ);
    b.localGet(at);
    b.memory(op, offset, GUEST);
  },
  store(b, op, offset, address, value) {
    const at = checkedAccess(b, op, offset, address, WRITE);
    b.localGet(at);
    value();
    b.memory(op, offset, GUEST);
  },
};

export function accessEmitter(isChecked: boolean): AccessEmitter {
  return isChecked ? checked : unchecked;
}
