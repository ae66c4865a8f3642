/**
 * One unit as a wasm function: blocks in structured form, registers in locals.
 *
 * Owns nothing beyond the function being written. The order inside a block: effects in program order, then the condition,
 * then the new values of the register locals, then the ways out. Blocks and their effects are written here, the rest in `lower/`:
 *
 * - `structure.ts`: where blocks stand, and branches between them;
 * - `registers.ts`, `locals.ts`: register locals and the register file; which locals there are;
 * - `prologue.ts`: what comes before the first block, and entries in the middle;
 * - `tables.ts`: jumps through tables, and loops with several entries;
 * - `calls.ts`: the guest's calls, returns and system calls;
 * - `transfers.ts`, `exits.ts`: to other units, and out to the executor;
 * - `context.ts`: what all of them share.
 */

import type { Node } from '../ir/index.ts';
import type { Op } from '../ops/index.ts';
import type { FunctionBody } from '../wasm/index.ts';
import { CPU_MEMORY, type TRAP_KINDS } from './layout.ts';
import { RESULTS, type TerminatorOf, type UnitBlock } from './lift.ts';
import { Calls } from './lower/calls.ts';
import { type FaultSite, UnitContext, type UnitPlan } from './lower/context.ts';
import { Exits } from './lower/exits.ts';
import { Prologue } from './lower/prologue.ts';
import { RegisterLocals } from './lower/registers.ts';
import { Structure } from './lower/structure.ts';
import { Tables } from './lower/tables.ts';
import { Transfers } from './lower/transfers.ts';
import { loadRegister, storeRegister, storeRip } from './registerfile.ts';
import { isSet } from './registers.ts';
import type { Signature } from './signature.ts';

export type { FaultSite, UnitImports, UnitPlan, WritableRange } from './lower/context.ts';

export interface LoweredUnit {
  readonly body: FunctionBody;
  /** In the order of their offsets. */
  readonly faultSites: readonly FaultSite[];
}

export function lowerUnit(unit: UnitPlan): LoweredUnit {
  const context = new UnitContext(unit);
  new UnitWriter(context).write();
  return context;
}

const MEMORY_OPS = /\.(load|store)/;

/** Farther away than this is another section. */
const COLD = 0x10000;

class UnitWriter {
  readonly #context: UnitContext;
  readonly #registers: RegisterLocals;
  readonly #exits: Exits;
  readonly #structure: Structure;
  readonly #prologue: Prologue;
  readonly #tables: Tables;
  readonly #calls: Calls;

  constructor(context: UnitContext) {
    const registers = new RegisterLocals(context);
    const exits = new Exits(context);
    const transfers = new Transfers(context);
    const structure = new Structure(context, registers, exits, transfers, (block) => this.#block(block));
    this.#context = context;
    this.#registers = registers;
    this.#exits = exits;
    this.#structure = structure;
    this.#prologue = new Prologue(context, registers, exits, transfers, structure);
    this.#tables = new Tables(context, registers, exits, transfers, structure);
    this.#calls = new Calls(context, registers, exits, transfers, structure);
  }

  write(): void {
    this.#prologue.write();
    this.#structure.write();
  }

  #block(index: number): void {
    const { temporaries, unit } = this.#context;
    const { effects, terminator } = unit.blocks[index];
    temporaries.reset();
    this.#countUses(index);
    for (const effect of effects) this.#effect(index, effect);
    switch (terminator.kind) {
      case 'jump':
      case 'fallthrough':
        return this.#goOn(index, terminator);
      case 'branch':
        return this.#branch(index, terminator);
      case 'jumpIndirect':
        return this.#calls.jumpIndirect(index, terminator);
      case 'tableJump':
        return this.#tables.jump(index, terminator);
      case 'tableResume':
        return this.#tables.resume(index, terminator);
      case 'switch':
        return this.#tables.dispatch(index, terminator);
      case 'route':
        return this.#tables.route(index, terminator);
      case 'enter':
        return this.#prologue.enter(index);
      case 'call':
        return this.#calls.call(index, terminator);
      case 'return':
        return this.#calls.return(index, terminator);
      case 'syscall':
        return this.#calls.syscall(index);
      case 'trap':
        this.#registers.storeDirty(index);
        this.#exits.trap(terminator.trap, terminator.pc);
    }
  }

  #goOn(index: number, terminator: TerminatorOf<'jump' | 'fallthrough'>): void {
    const { body, unit } = this.#context;
    const { next, end } = unit.blocks[index];
    this.#registers.set(index);
    if (this.#registers.storeClean(index)) {
      if (next >= 0) this.#registers.storeRipOf(next);
      else storeRip(body, end);
    }
    this.#gotoOrJump(index, next, terminator.kind === 'jump' ? terminator.target : end);
  }

  #branch(index: number, { condition, target }: TerminatorOf<'branch'>): void {
    const { body: b, temporaries, values, unit } = this.#context;
    const { taken, next, end } = unit.blocks[index];
    if (taken >= 0 && taken === next) {
      // A jump to the next instruction: both ways are one edge.
      this.#registers.set(index);
      this.#structure.goto(index, taken);
      return;
    }
    values.emit(condition);
    const holds = temporaries.take('i32');
    b.localSet(holds);
    this.#registers.set(index);
    b.localGet(holds);
    if (this.#isCold(index, taken, next)) b.unlikely();
    b.if();
    this.#gotoOrJump(index, taken, target, 'inside');
    b.end();
    this.#gotoOrJump(index, next, end);
  }

  /** Whether a branch leads to a part of the function that its compiler put far away, as hardly ever executed. */
  #isCold(from: number, taken: number, next: number): boolean {
    if (taken < 0 || next < 0) return false;
    const { blocks } = this.#context.unit;
    const { pc } = blocks[from];
    return Math.abs(blocks[taken].pc - pc) > COLD && Math.abs(blocks[next].pc - pc) <= COLD;
  }

  /** Goes on at the block `to`, or at a pc outside the unit when it is -1; locals are set. */
  #gotoOrJump(from: number, to: number, pc: number, place: 'last' | 'inside' = 'last'): void {
    if (to >= 0) this.#structure.goto(from, to, place);
    else this.#calls.jump(from, pc);
  }

  #countUses(index: number): void {
    const { values, unit } = this.#context;
    const { neededLow, neededHigh } = unit.registers;
    const block = unit.blocks[index];
    for (const effect of block.effects) {
      if (effect.a !== undefined) values.count(effect.a);
      if (effect.b !== undefined) values.count(effect.b);
      if (effect.op === 'trapIf' || (unit.faults === 'kept' && MEMORY_OPS.test(effect.op))) {
        for (const [, node] of block.definedBefore(effect)) values.count(node);
      }
      if (effect.op === 'helper') for (const [, node] of effect.args) values.count(node);
    }
    for (const [id, node] of block.defs) if (isSet(neededLow[index], neededHigh[index], id)) values.count(node);
    this.#countUsesAtEnd(block);
  }

  #countUsesAtEnd(block: UnitBlock): void {
    const { values, unit } = this.#context;
    const { terminator } = block;
    switch (terminator.kind) {
      case 'branch':
        return values.count(terminator.condition);
      case 'tableJump':
      case 'tableResume':
        values.count(terminator.target);
        return values.count(terminator.index);
      case 'jumpIndirect':
        return values.count(terminator.target);
      case 'return':
        if (terminator.extraBytes === 0) this.#countPassed(block, RESULTS);
        else values.count(terminator.target);
        return;
      case 'call': {
        const { pushed, popped } = block.frame as NonNullable<UnitBlock['frame']>;
        values.count(pushed);
        values.count(popped);
        if (typeof terminator.target !== 'number') return values.count(terminator.target);
        const callee = unit.imports.direct(terminator.target);
        if (callee !== undefined) this.#countPassed(block, callee.signature);
      }
    }
  }

  #countPassed({ defs }: UnitBlock, { registers }: Signature): void {
    for (const id of registers) {
      const node = defs.get(id);
      if (node !== undefined) this.#context.values.count(node);
    }
  }

  #effect(index: number, node: Node): void {
    const { op } = node;
    if (op === 'helper') this.#helper(node);
    else if (op === 'reg.reload') this.#reload(node);
    else if (op === 'trapIf') this.#trapIf(index, node);
    else if (op.startsWith('cpu.')) this.#cpuField(node);
    else this.#access(index, node);
  }

  #helper(node: Node): void {
    const { body: b, values, unit } = this.#context;
    for (const [id, value] of node.args) storeRegister(b, id, () => values.emit(value));
    // A string instruction that faults is located by the call.
    this.#context.markFault(node.pc);
    b.call(unit.imports.helper(node.wide as string));
  }

  #reload(node: Node): void {
    const { body, values } = this.#context;
    if (node.uses === 0) return;
    loadRegister(body, node.imm);
    values.keep(node);
  }

  #trapIf(index: number, node: Node): void {
    const { body: b, values, unit } = this.#context;
    const defined = [...unit.blocks[index].definedBefore(node)];
    for (const [, value] of defined) values.materialize(value);
    values.emit(node.a as Node);
    b.unlikely();
    b.if();
    this.#registers.storeInside(index, defined);
    this.#exits.trap(node.wide as (typeof TRAP_KINDS)[number], node.pc);
    b.end();
  }

  #cpuField(node: Node): void {
    const { body: b, values } = this.#context;
    const op = node.op.slice(4) as Op;
    b.i32(0);
    if (node.type === undefined) values.emit(node.a as Node);
    b.memory(op, node.imm, CPU_MEMORY);
    if (node.type !== undefined) values.keep(node);
  }

  #access(index: number, node: Node): void {
    const { body: b, values, unit } = this.#context;
    if (unit.faults === 'kept') this.#registers.storeInside(index, [...unit.blocks[index].definedBefore(node)]);
    const op = node.op as Op;
    if (node.type === undefined) {
      unit.access.store(
        b,
        op,
        node.imm,
        () => this.#operand(node.a as Node, node.pc),
        () => this.#operand(node.b as Node, node.pc),
      );
    } else {
      unit.access.load(b, op, node.imm, () => this.#operand(node.a as Node, node.pc));
      values.keep(node);
    }
  }

  /** Whichever operand comes last, the access is right behind it. */
  #operand(value: Node, pc: number): void {
    this.#context.values.emit(value);
    this.#context.markFault(pc);
  }
}
