/**
 * Calls and jumps from a unit to other units: to a function of the module directly, else by way of the table of code entries.
 *
 * The registers that are not passed are in the register file before. A call leaves its results in the locals of rax and
 * `returned`.
 */

import type { FunctionBody } from '../../wasm/index.ts';
import { RAX } from '../../x86/index.ts';
import { CPU_MEMORY, slotOf, TAGS } from '../layout.ts';
import type { InnerPlace } from '../lift.ts';
import { storeRip, storeRipFrom } from '../registerfile.ts';
import { hash } from '../runtime.ts';
import type { UnitContext } from './context.ts';

export type Transfer = 'call' | 'tail';

/** Leaves on the stack the parameter with which a unit is entered at one of its places: the number above the depth. */
export function depthAtPlace(b: FunctionBody, number: number): void {
  b.localGet(0);
  b.i32(number << 16);
  b.op('i32.or');
}

export class Transfers {
  readonly #context: UnitContext;

  constructor(context: UnitContext) {
    this.#context = context;
  }

  /** To a function of the module: `parameters` leaves those behind the depth on the stack. */
  toFunction(index: number, how: Transfer, parameters: () => void = () => {}): void {
    const b = this.#context.body;
    this.#depth(how);
    parameters();
    if (how === 'tail') b.returnCall(index);
    else {
      b.call(index);
      this.#keepResults();
    }
  }

  /** To the unit at a pc that is known. */
  toPc(pc: number, how: Transfer): void {
    const b = this.#context.body;
    const slot = slotOf(pc);
    this.#tagIs(slot, pc);
    this.#bySlot(
      how,
      () => b.i32(slot),
      () => storeRip(b, pc),
    );
  }

  /** To the unit at the pc in a local. */
  toPcIn(pc: number, how: Transfer): void {
    const { body: b, locals } = this.#context;
    const slot = locals.slot();
    hash(b, pc);
    b.localTee(slot);
    b.i32(3);
    b.op('i32.shl');
    b.memory('i64.load', TAGS, CPU_MEMORY);
    b.localGet(pc);
    b.op('i64.eq');
    this.#bySlot(
      how,
      () => b.localGet(slot),
      () => storeRipFrom(b, pc),
    );
  }

  /** Into the middle of another unit, if it is there: falls through where it is not. `rip` is stored. */
  toPlace({ root, number }: InnerPlace): void {
    const { body: b, unit } = this.#context;
    const slot = slotOf(root);
    this.#tagIs(slot, root);
    b.likely();
    b.if();
    depthAtPlace(b, number);
    b.i32(slot);
    b.returnCallIndirect(unit.imports.unitType);
    b.end();
  }

  /** To one of the unit's own places, in a fresh activation. `rip` is stored. */
  toOwnPlace(number: number): void {
    const { body: b, unit } = this.#context;
    depthAtPlace(b, number);
    b.returnCall(unit.imports.self);
  }

  /** Leaves on the stack whether the unit at a pc is in its slot of the table. */
  #tagIs(slot: number, pc: number): void {
    const b = this.#context.body;
    b.i32(0);
    b.memory('i64.load', TAGS + slot * 8, CPU_MEMORY);
    b.i64n(pc);
    b.op('i64.eq');
  }

  /** Through a slot of the table if the condition on the stack holds, else by way of the executor. */
  #bySlot(how: Transfer, slot: () => void, storePc: () => void): void {
    const { body: b, unit } = this.#context;
    b.likely();
    b.if();
    this.#depth(how);
    slot();
    if (how === 'tail') b.returnCallIndirect(unit.imports.unitType);
    else {
      b.callIndirect(unit.imports.unitType);
      this.#keepResults();
    }
    b.else();
    storePc();
    this.toFunction(unit.imports.dispatch, how);
    b.end();
    if (how === 'tail') b.unreachable();
  }

  #depth(how: Transfer): void {
    const b = this.#context.body;
    b.localGet(0);
    if (how === 'tail') return;
    b.i32(1);
    b.op('i32.sub');
  }

  #keepResults(): void {
    const { body: b, locals } = this.#context;
    b.localSet(locals.register(RAX));
    b.localSet(locals.returned());
  }
}
