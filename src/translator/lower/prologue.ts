/** What a unit does before its first block: it looks at its own code, at stack and fuel, and at where it is entered. */

import { CPU } from '../../x86/index.ts';
import { DEPTH_STRIDE, GO_ON, GUEST, SWITCH_INDEX } from '../layout.ts';
import { loadField } from '../registerfile.ts';
import type { UnitContext } from './context.ts';
import type { Exits } from './exits.ts';
import type { RegisterLocals } from './registers.ts';
import type { Structure } from './structure.ts';
import type { Transfers } from './transfers.ts';

/** Of the first parameter: the depth; above it is the number of the place that is entered, 0 for the beginning. */
const DEPTH_MASK = 0xffff;

export class Prologue {
  readonly #context: UnitContext;
  readonly #registers: RegisterLocals;
  readonly #exits: Exits;
  readonly #transfers: Transfers;
  readonly #structure: Structure;

  constructor(context: UnitContext, registers: RegisterLocals, exits: Exits, transfers: Transfers, structure: Structure) {
    this.#context = context;
    this.#registers = registers;
    this.#exits = exits;
    this.#transfers = transfers;
    this.#structure = structure;
  }

  write(): void {
    const { unit, places } = this.#context;
    // Whoever enters in the middle has left everything in the register file.
    if (unit.faults === 'recovered' && places.length === 0) this.#registers.storeParameters();
    if (unit.mayChange.length > 0) this.#lookForChanges();
    if (unit.blocks.some(({ terminator }) => terminator.kind === 'call')) this.#boundRecursion();
  }

  /** Generated code may have been generated anew: then the unit is of no use, and goes on as another one. */
  #lookForChanges(): void {
    const { body: b, unit } = this.#context;
    b.i64(0n);
    for (const { start, bytes } of unit.mayChange) {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      for (let at = 0; at < bytes.length; ) {
        const whole = at + 8 <= bytes.length;
        b.i64n(start + at);
        b.memory(whole ? 'i64.load' : 'i64.load8_u', 0, GUEST);
        b.i64(whole ? view.getBigInt64(at, true) : BigInt(bytes[at]));
        b.op('i64.xor');
        b.op('i64.or');
        at += whole ? 8 : 1;
      }
    }
    b.i64(0n);
    b.op('i64.ne');
    b.if();
    this.#registers.storeParameters();
    b.call(unit.imports.stale);
    b.localGet(0);
    b.i32(DEPTH_MASK);
    b.op('i32.and');
    b.returnCall(unit.imports.dispatch);
    b.end();
  }

  /**
   * Units that call are where recursion is bounded and preempted: at one depth in `DEPTH_STRIDE`, so that a chain of
   * updates to the fuel does not hold all calls up.
   */
  #boundRecursion(): void {
    const { body: b, places } = this.#context;
    b.localGet(0);
    // A re-entry at a dispatch has paid, and has another pc.
    b.i32((places.length > 0 ? ~DEPTH_MASK : 0) | (DEPTH_STRIDE - 1));
    b.op('i32.and');
    b.op('i32.eqz');
    b.unlikely();
    b.if();
    b.localGet(0);
    b.op('i32.eqz');
    this.#exits.leaveIf(GO_ON, () => this.#registers.storeParameters());
    this.#exits.mayStop(DEPTH_STRIDE, () => this.#registers.storeParameters());
    b.end();
  }

  /** The first block of a unit that can be entered in the middle. */
  enter(block: number): void {
    const { body: b, locals, temporaries, unit, places } = this.#context;
    const { next } = unit.blocks[block];
    if (places.length === 0) {
      this.#structure.goto(block, next);
      return;
    }
    b.localGet(0);
    b.i32(DEPTH_MASK + 1);
    b.op('i32.ge_u');
    b.unlikely();
    b.if();
    const which = temporaries.take('i32');
    b.localGet(0);
    b.i32(16);
    b.op('i32.shr_u');
    b.localSet(which);
    b.localGet(0);
    b.i32(DEPTH_MASK);
    b.op('i32.and');
    b.localTee(0);
    b.op('i32.eqz');
    // As where recursion is bounded, which this way does not pass. The register file is complete.
    this.#exits.leaveIf(GO_ON);
    for (const place of places) this.#enterAt(block, place, which);
    // None of this unit's places.
    loadField(b, 'i64', CPU.rip);
    b.localSet(locals.pc());
    this.#transfers.toPcIn(locals.pc(), 'tail');
    b.end();
    if (unit.faults === 'recovered') this.#registers.storeParameters();
    this.#structure.goto(block, next);
  }

  /** Goes on at a place if it is the one whose number is in the local `which`. */
  #enterAt(from: number, { number, block, pc }: UnitContext['places'][number], which: number): void {
    const { body: b, locals } = this.#context;
    b.localGet(which);
    b.i32(number);
    b.op('i32.eq');
    if (pc !== 0) {
      // The number may be from a time when other code stood here. A dispatch looks at the pc in any case.
      loadField(b, 'i64', CPU.rip);
      b.i64n(pc);
      b.op('i64.eq');
      b.op('i32.and');
    }
    b.if();
    if (pc === 0) {
      loadField(b, 'i64', CPU.rip);
      b.localSet(locals.pc());
      loadField(b, 'i32', SWITCH_INDEX);
      b.localSet(locals.index(number));
    }
    this.#structure.goto(from, block, 'inside');
    b.end();
  }
}
