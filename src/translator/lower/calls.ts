/** The guest's calls, returns and system calls, and its jumps out of the unit. */

import type { Node } from '../../ir/index.ts';
import { CPU, RAX, RSP } from '../../x86/index.ts';
import { GO_ON, TO_EXECUTOR } from '../layout.ts';
import type { TerminatorOf, UnitBlock } from '../lift.ts';
import { storeField, storeRegister, storeRip } from '../registerfile.ts';
import type { UnitContext } from './context.ts';
import type { Exits } from './exits.ts';
import type { RegisterLocals } from './registers.ts';
import type { Structure } from './structure.ts';
import type { Transfers } from './transfers.ts';

export class Calls {
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

  /** A jump to a pc outside the unit, at the end of a block whose new values are in locals. */
  jump(block: number, pc: number): void {
    const { body: b, locals, unit } = this.#context;
    const direct = unit.imports.direct(pc);
    this.#registers.storeDirtyLocals(block, direct?.signature);
    if (direct === undefined) this.#transfers.toPc(pc, 'tail');
    else
      this.#transfers.toFunction(direct.index, 'tail', () => {
        for (const id of direct.signature.registers) b.localGet(locals.register(id));
      });
  }

  jumpIndirect(block: number, { target }: TerminatorOf<'jumpIndirect'>): void {
    this.#transfers.toPcIn(this.#evaluateTarget(block, target), 'tail');
  }

  call(block: number, terminator: TerminatorOf<'call'>): void {
    const { body: b, locals, values, unit } = this.#context;
    const { frame, end } = unit.blocks[block];
    const { pushed, popped } = frame as NonNullable<UnitBlock['frame']>;
    values.materialize(pushed);
    values.materialize(popped);
    if (unit.flagCalls.has(block)) {
      this.#callForFlags(block, terminator);
      return;
    }
    this.#enterCallee(block, terminator);
    const returned = locals.returned();
    const good = b.block();
    const bad = b.block();
    b.localGet(returned);
    values.emit(popped);
    b.op('i64.ne');
    b.unlikely();
    b.brIf(bad);
    if (unit.faults === 'recovered') this.#checkpointAtReturn(end, popped);
    unit.access.load(b, 'i64.load', 0, () => {
      values.emit(pushed);
      this.#context.markFault(end);
    });
    b.i64n(end);
    b.op('i64.ne');
    b.unlikely();
    b.brIf(bad);
    b.br(good);
    b.end();
    b.localGet(returned);
    b.localGet(locals.register(RAX));
    b.return();
    b.end();
    values.emit(popped);
    b.localSet(locals.register(RSP));
    this.#goOnBehind(block);
  }

  #enterCallee(block: number, { target }: TerminatorOf<'call'>): void {
    if (typeof target !== 'number') {
      this.#transfers.toPcIn(this.#evaluateTarget(block, target), 'call');
      return;
    }
    this.#registers.storeDirty(block);
    const direct = this.#context.unit.imports.direct(target);
    if (direct === undefined) this.#transfers.toPc(target, 'call');
    else
      this.#transfers.toFunction(direct.index, 'call', () => {
        for (const id of direct.signature.registers) this.#registers.valueAtEnd(block, id);
      });
  }

  /** Puts a computed target into the local of the pc, and stores the registers: locals keep what it was computed from. */
  #evaluateTarget(block: number, target: Node): number {
    const { body, locals, values } = this.#context;
    const pc = locals.pc();
    values.emit(target);
    body.localSet(pc);
    this.#registers.storeDirty(block);
    return pc;
  }

  /** The callee has stored all but its results. */
  #checkpointAtReturn(end: number, popped: Node): void {
    const { body: b, locals, values } = this.#context;
    storeRegister(b, RSP, () => values.emit(popped));
    storeRegister(b, RAX, () => b.localGet(locals.register(RAX)));
    storeRip(b, end);
  }

  /**
   * A call after which flags are read, of a unit that may not keep them: has all code made anew so that it does. It is
   * only then made: most such calls never return, and are never reached.
   */
  #callForFlags(block: number, { target }: TerminatorOf<'call'>): void {
    const { body: b, values, unit } = this.#context;
    if (typeof target !== 'number') values.materialize(target);
    this.#registers.storeDirty(block);
    if (typeof target !== 'number') storeField(b, 'i64', CPU.rip, () => values.emit(target));
    else {
      for (const id of unit.imports.direct(target)?.signature.registers ?? []) storeRegister(b, id, () => this.#registers.valueAtEnd(block, id));
      storeRip(b, target);
    }
    b.call(unit.imports.keepFlags);
    this.#exits.leave(TO_EXECUTOR);
  }

  return(block: number, { target, extraBytes }: TerminatorOf<'return'>): void {
    const { body: b, values } = this.#context;
    if (extraBytes === 0) {
      this.#registers.storeDirty(block);
      this.#registers.valueAtEnd(block, RSP);
      this.#registers.valueAtEnd(block, RAX);
      b.return();
      return;
    }
    // The address first: storing registers does not change what it was computed from.
    values.materialize(target);
    this.#registers.storeDirty(block);
    storeField(b, 'i64', CPU.rip, () => values.emit(target));
    this.#exits.leave(GO_ON);
  }

  syscall(block: number): void {
    const { body: b, unit } = this.#context;
    this.#registers.storeDirty(block);
    storeRip(b, unit.blocks[block].end);
    b.call(unit.imports.syscall);
    this.#exits.leaveIf(TO_EXECUTOR);
    this.#goOnBehind(block);
  }

  /** Behind what left registers in the register file, all or all but results. */
  #goOnBehind(block: number): void {
    const { next, end, flowEffects } = this.#context.unit.blocks[block];
    const { resultsLow } = flowEffects;
    if (next < 0) {
      this.#registers.store(resultsLow, 0);
      this.#transfers.toPc(end, 'tail');
      return;
    }
    this.#registers.reload(next, resultsLow, 0);
    this.#structure.goto(block, next);
  }
}
