/**
 * One unit as a wasm function: blocks in structured form (Ramsey 2022), registers in locals.
 *
 * Owns nothing beyond the function being written. The order inside a block: effects in program order, then the
 * condition, then the new values of the register locals, then the ways out.
 */

import type { Node, Terminator } from '../ir/index.ts';
import { FLAG_IDS, REG_FLAGS_A, REG_FLAGS_B, REG_FLAGS_CODE } from '../ir/index.ts';
import { FunctionBody } from '../wasm/index.ts';
import { CPU, RAX, RSP } from '../x86/index.ts';
import type { AccessEmitter } from './access.ts';
import { type Flow, isBackEdge } from './flow.ts';
import { CPU_MEMORY, DEPTH_STRIDE, GO_ON, GUEST, HASH_FACTOR, LEFT, LOOP_BUDGET, LOOP_FUEL, SLOT_BITS, slotOf, STOP_REASON, STOP_TRAP, SWITCH_INDEX, TAGS, TO_EXECUTOR, TRAP_KINDS } from './layout.ts';
import { type Faults, type InnerPlace, RESULTS, type UnitBlock, type UnitTerminator } from './lift.ts';
import type { BlockEffects, RegisterFlow } from './registers.ts';
import { spendFuel } from './runtime.ts';
import { type Signature, signatureOf } from './signature.ts';
import { loadRegister, registerPlace, storeRegister, Temporaries, ValueEmitter } from './values.ts';

/** Function and type indices of the module that the unit goes into. */
export interface UnitImports {
  readonly unitType: number;
  readonly dispatch: number;
  readonly reenter: number;
  readonly syscall: number;
  readonly tick: number;
  readonly stale: number;
  readonly keepFlags: number;
  helper(name: string): number;
  /** The function of a unit in the same module that takes parameters, if it is there. */
  direct(pc: number): { readonly index: number; readonly signature: Signature } | undefined;
  /** The unit being written, without parameters. */
  readonly self: number;
}

/** Source bytes that the guest can write to. */
export interface WritableRange {
  readonly start: number;
  readonly bytes: Uint8Array;
}

export interface FaultSite {
  /** Offset in the function's instructions. */
  readonly offset: number;
  readonly pc: number;
}

const MEMORY_OPS = /\.(load|store)/;

export class UnitWriter {
  readonly body: FunctionBody;
  readonly faults: FaultSite[] = [];
  readonly #blocks: readonly UnitBlock[];
  readonly #flow: Flow;
  readonly #registers: RegisterFlow;
  readonly #effects: readonly BlockEffects[];
  readonly #flagCalls: ReadonlySet<number>;
  readonly #imports: UnitImports;
  readonly #access: AccessEmitter;
  readonly #faults: Faults;
  readonly #parameters: readonly number[];
  readonly #entry: number;
  readonly #locals = new Int32Array(48).fill(-1);
  readonly #temporaries: Temporaries;
  readonly #values: ValueEmitter;
  /** Label of the block or loop that leads to a guest block, while open. */
  readonly #labels: Int32Array;
  #budget = -1;
  /** The block to be written behind the one being written. */
  #following = -1;
  #pcLocal = -1;
  #returnedLocal = -1;
  #slotLocal = -1;
  #routeLocal = -1;
  /** The index into each jump table, by the number of its dispatch. */
  readonly #indexLocals: number[] = [];

  constructor(
    entry: number,
    blocks: readonly UnitBlock[],
    flow: Flow,
    registers: RegisterFlow,
    effects: readonly BlockEffects[],
    flagCalls: ReadonlySet<number>,
    imports: UnitImports,
    access: AccessEmitter,
    faults: Faults,
    signature: Signature | undefined,
  ) {
    this.#parameters = signature?.registers ?? [];
    this.body = new FunctionBody(1 + this.#parameters.length, 8192);
    this.#parameters.forEach((id, at) => {
      this.#locals[id] = 1 + at;
    });
    this.#entry = entry;
    this.#blocks = blocks;
    this.#flow = flow;
    this.#registers = registers;
    this.#effects = effects;
    this.#flagCalls = flagCalls;
    this.#imports = imports;
    this.#access = access;
    this.#faults = faults;
    this.#labels = new Int32Array(blocks.length).fill(-1);
    this.#temporaries = new Temporaries(this.body);
    this.#values = new ValueEmitter(this.body, this.#temporaries, (id) => this.#local(id));
  }

  /** Leaves the unit; all registers and `rip` are in the register file. */
  #leave(how: bigint): void {
    const b = this.body;
    b.i64(LEFT);
    b.i64(how);
    b.return();
  }

  /** Takes fuel; when it is out, the kernel may stop the task. Registers and `rip` are stored, or `store` does it. */
  #mayStop(fuel: number, store: () => void = () => {}): void {
    const b = this.body;
    spendFuel(b, fuel);
    b.unlikely();
    b.if();
    store();
    b.call(this.#imports.tick);
    b.unlikely();
    b.if();
    this.#leave(TO_EXECUTOR);
    b.end();
    b.end();
  }

  /** At the entry: what was passed as parameters, into the register file, and the entry as `rip`. */
  #storeParameters(): void {
    for (const id of this.#parameters) {
      const { type, offset } = registerPlace(id);
      storeRegister(this.body, type, offset, () => this.body.localGet(this.#local(id)));
    }
    this.#storeRip(this.#entry);
  }

  /** `mayChange`: source bytes that the guest can write to. */
  write(mayChange: readonly WritableRange[]): void {
    const b = this.body;
    // Whoever enters in the middle has left everything in the register file.
    if (this.#faults === 'recovered' && this.#places().length === 0) this.#storeParameters();
    if (mayChange.length > 0) this.#lookForChanges(mayChange);
    const loops = this.#flow.loopHeader.some((flag) => flag === 1);
    if (this.#blocks.some(({ terminator }) => terminator.kind === 'call')) this.#prologue();
    if (loops) {
      this.#budget = b.local('i32');
      b.i32(LOOP_BUDGET);
      b.localSet(this.#budget);
    }
    const { low, high } = signatureOf(this.#parameters);
    this.#reload(0, low, high);
    this.#tree(0);
    // Every path has returned or branched.
    b.unreachable();
  }

  /**
   * Units that call are where recursion is bounded and preempted: at one depth in `DEPTH_STRIDE`, so that a chain of
   * updates to the fuel does not hold all calls up.
   */
  #prologue(): void {
    const b = this.body;
    b.localGet(0);
    // A re-entry at a dispatch has paid, and has another pc.
    b.i32((this.#places().length > 0 ? -0x10000 : 0) | (DEPTH_STRIDE - 1));
    b.op('i32.and');
    b.op('i32.eqz');
    b.unlikely();
    b.if();
    b.localGet(0);
    b.op('i32.eqz');
    b.unlikely();
    b.if();
    this.#storeParameters();
    this.#leave(GO_ON);
    b.end();
    this.#mayStop(DEPTH_STRIDE, () => this.#storeParameters());
    b.end();
  }

  /** Generated code may have been generated anew: then the unit is of no use, and goes on as another one. */
  #lookForChanges(ranges: readonly WritableRange[]): void {
    const b = this.body;
    b.i64(0n);
    for (const { start, bytes } of ranges) {
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
    this.#storeParameters();
    b.call(this.#imports.stale);
    b.localGet(0);
    b.i32(0xffff);
    b.op('i32.and');
    b.returnCall(this.#imports.dispatch);
    b.end();
  }

  #local(id: number): number {
    if (this.#locals[id] < 0) {
      const type = FLAG_IDS.includes(id) ? 'i32' : registerPlace(id).type;
      this.#locals[id] = this.body.local(type);
    }
    return this.#locals[id];
  }

  // Structure

  #tree(first: number): void {
    for (let block = first; block >= 0; ) block = this.#subtree(block);
  }

  /** Writes a block and what it dominates; returns what is left to be written right behind, -1 for nothing. */
  #subtree(block: number): number {
    const b = this.body;
    const { loopHeader, merge, dominated, rank } = this.#flow;
    const merges = dominated[block].filter((child) => merge[child]).sort((x, y) => rank[y] - rank[x]);
    if (loopHeader[block]) this.#labels[block] = b.loop();
    const looped = this.#labels[block];
    for (const child of merges) this.#labels[child] = b.block();
    this.#following = -1;
    this.#block(block);
    let next = this.#following;
    for (let at = merges.length - 1; at >= 0; at--) {
      this.#tree(next);
      b.end();
      this.#labels[merges[at]] = -1;
      next = merges[at];
    }
    if (!loopHeader[block]) return next;
    this.#tree(next);
    b.end();
    // Nothing falls out of a loop: its body always branches or returns.
    b.unreachable();
    this.#labels[block] = looped;
    return -1;
  }

  /** Goes on at another block of the unit: by a branch where it has a label, else by writing it: `last` where the block ends, or `inside` it. */
  #goto(from: number, to: number, place: 'last' | 'inside' = 'last'): void {
    const b = this.body;
    const back = isBackEdge(this.#flow, from, to);
    if (back) this.#spendBudget(from, to);
    const { loads } = this.#effects[from];
    if (loads?.to.includes(to)) this.#reload(to, ~loads.low, ~loads.high);
    if (back || this.#flow.merge[to]) b.br(this.#labels[to]);
    else if (place === 'last') this.#following = to;
    else this.#tree(to);
  }

  #spendBudget(from: number, to: number): void {
    const b = this.body;
    b.localGet(this.#budget);
    b.i32(1);
    b.op('i32.sub');
    b.localTee(this.#budget);
    b.op('i32.eqz');
    b.unlikely();
    b.if();
    this.#storeDirtyLocals(from);
    const { terminator: last } = this.#blocks[from];
    const target = last.kind === 'route' ? last.to : to;
    const { pc, terminator } = this.#blocks[target];
    const table = terminator.kind === 'switch' ? terminator.number : 0;
    const place = this.#places().find((each) => (terminator.kind === 'switch' ? each.number === table : each.pc === pc));
    this.#storeRipOf(target);
    if (place === undefined) {
      b.localGet(0);
      b.returnCall(this.#imports.reenter);
    } else {
      this.#mayStop(LOOP_FUEL);
      if (table > 0) storeRegister(b, 'i32', SWITCH_INDEX, () => b.localGet(this.#index(table)));
      b.localGet(0);
      b.i32(place.number << 16);
      b.op('i32.or');
      b.returnCall(this.#imports.self);
    }
    b.end();
  }

  /** Where the unit can be entered in the middle. */
  #places(): (UnitTerminator & { kind: 'enter' })['places'] {
    const { terminator } = this.#blocks[0];
    return terminator.kind === 'enter' ? terminator.places : [];
  }

  // Jump tables

  #index(number: number): number {
    this.#indexLocals[number] ??= this.body.local('i32');
    return this.#indexLocals[number];
  }

  #route(): number {
    if (this.#routeLocal < 0) this.#routeLocal = this.body.local('i32');
    return this.#routeLocal;
  }

  #switch(index: number, terminator: UnitTerminator & { kind: 'switch' }): void {
    const b = this.body;
    if (terminator.number > 0) this.#table(index, terminator);
    if (terminator.routes.length > 0) this.#routes(index, terminator);
    if (terminator.number === 0) {
      // A route is always one of those there are.
      b.unreachable();
      return;
    }
    this.#storeDirtyLocals(index);
    this.#dispatchTo(this.#pc(), 'tail');
  }

  #table(index: number, terminator: UnitTerminator & { kind: 'switch' }): void {
    const b = this.body;
    const cases = [...new Set(terminator.pcs.filter((_, at) => terminator.blocks[at] >= 0))];
    const other = b.block();
    const labels = new Map<number, number>();
    for (const pc of [...cases].reverse()) labels.set(pc, b.block());
    b.localGet(this.#index(terminator.number));
    b.brTable(
      terminator.pcs.map((pc) => labels.get(pc) ?? other),
      other,
    );
    for (const pc of cases) {
      b.end();
      b.localGet(this.#pc());
      b.i64n(pc);
      b.op('i64.ne');
      b.unlikely();
      b.brIf(other);
      this.#goto(index, terminator.blocks[terminator.pcs.indexOf(pc)], 'inside');
    }
    b.end();
  }

  /** Goes where a route has been set, which is reset; falls through where none is. */
  #routes(index: number, { routes }: UnitTerminator & { kind: 'switch' }): void {
    const b = this.body;
    const route = this.#temporaries.take('i32');
    const none = b.block();
    const labels = routes.map(() => b.block());
    b.localGet(this.#route());
    b.localSet(route);
    b.i32(0);
    b.localSet(this.#route());
    b.localGet(route);
    b.brTable([none, ...[...labels].reverse()], none);
    for (const to of routes) {
      b.end();
      this.#goto(index, to, 'inside');
    }
    b.end();
  }

  /** A jump through a table that another unit dispatches: goes on in the middle of that unit, if it is there. */
  #tableResume(index: number, block: UnitBlock, { target, index: entry, resume }: UnitTerminator & { kind: 'tableResume' }): void {
    const b = this.body;
    const pc = this.#pc();
    this.#values.emit(target);
    b.localSet(pc);
    this.#values.emit(entry);
    b.op('i32.wrap_i64');
    const at = this.#temporaries.take('i32');
    b.localSet(at);
    this.#storeDirty(index, block);
    storeRegister(b, 'i64', CPU.rip, () => b.localGet(pc));
    this.#mayStop(1);
    storeRegister(b, 'i32', SWITCH_INDEX, () => b.localGet(at));
    this.#enterElsewhere(resume);
    this.#dispatchTo(pc, 'tail');
  }

  /** Goes on in the middle of another unit, if it is there; all registers and `rip` are stored. */
  #enterElsewhere({ root, number }: InnerPlace): void {
    const b = this.body;
    const slot = slotOf(root);
    b.i32(0);
    b.memory('i64.load', TAGS + slot * 8, CPU_MEMORY);
    b.i64n(root);
    b.op('i64.eq');
    b.likely();
    b.if();
    b.localGet(0);
    b.i32(number << 16);
    b.op('i32.or');
    b.i32(slot);
    b.returnCallIndirect(this.#imports.unitType);
    b.end();
  }

  #enter(index: number): void {
    const places = this.#places();
    const { next } = this.#blocks[index];
    if (places.length === 0) {
      this.#goto(index, next);
      return;
    }
    const b = this.body;
    b.localGet(0);
    b.i32(0x10000);
    b.op('i32.ge_u');
    b.unlikely();
    b.if();
    const which = this.#temporaries.take('i32');
    b.localGet(0);
    b.i32(16);
    b.op('i32.shr_u');
    b.localSet(which);
    b.localGet(0);
    b.i32(0xffff);
    b.op('i32.and');
    b.localTee(0);
    b.op('i32.eqz');
    b.unlikely();
    b.if();
    // As in the prologue, which this way does not take. The register file is complete.
    this.#leave(GO_ON);
    b.end();
    for (const { number, block, pc } of places) {
      b.localGet(which);
      b.i32(number);
      b.op('i32.eq');
      if (pc !== 0) {
        // The number may be from a time when other code stood here. A dispatch looks at the pc in any case.
        loadRegister(b, 'i64', CPU.rip);
        b.i64n(pc);
        b.op('i64.eq');
        b.op('i32.and');
      }
      b.if();
      if (pc === 0) {
        loadRegister(b, 'i64', CPU.rip);
        b.localSet(this.#pc());
        loadRegister(b, 'i32', SWITCH_INDEX);
        b.localSet(this.#index(number));
      }
      this.#goto(index, block, 'inside');
      b.end();
    }
    // None of this unit's places.
    loadRegister(b, 'i64', CPU.rip);
    b.localSet(this.#pc());
    this.#dispatchTo(this.#pc(), 'tail');
    b.end();
    if (this.#faults === 'recovered') this.#storeParameters();
    this.#goto(index, next);
  }

  // Blocks

  /** Whether a branch leads to a part of the function that its compiler put far away, as hardly ever executed. */
  #isCold(from: number, taken: number, next: number): boolean {
    if (taken < 0 || next < 0) return false;
    const { pc } = this.#blocks[from];
    return Math.abs(this.#blocks[taken].pc - pc) > COLD && Math.abs(this.#blocks[next].pc - pc) <= COLD;
  }

  #block(index: number): void {
    const b = this.body;
    const block = this.#blocks[index];
    this.#temporaries.reset();
    const values = this.#values;
    this.#countUses(index, block);

    for (const effect of block.effects) this.#effect(index, block, effect);

    const { terminator } = block;
    switch (terminator.kind) {
      case 'jump':
      case 'fallthrough':
        this.#setLocals(index, block);
        if (this.#storeClean(index)) {
          if (block.next >= 0) this.#storeRipOf(block.next);
          else this.#storeRip(block.end);
        }
        this.#leaveOrGoto(index, block.next, terminator.kind === 'jump' ? terminator.target : block.end);
        return;
      case 'branch': {
        const taken = block.taken;
        if (taken >= 0 && taken === block.next) {
          // A jump to the next instruction: both ways are one edge.
          this.#setLocals(index, block);
          this.#goto(index, taken);
          return;
        }
        values.emit(terminator.condition);
        const condition = this.#temporaries.take('i32');
        b.localSet(condition);
        this.#setLocals(index, block);
        b.localGet(condition);
        if (this.#isCold(index, taken, block.next)) b.unlikely();
        b.if();
        this.#leaveOrGoto(index, taken, terminator.target, 'inside');
        b.end();
        this.#leaveOrGoto(index, block.next, block.end);
        return;
      }
      case 'jumpIndirect': {
        const pc = this.#pc();
        values.emit(terminator.target);
        b.localSet(pc);
        this.#storeDirty(index, block);
        this.#dispatchTo(pc, 'tail');
        return;
      }
      case 'tableJump': {
        values.emit(terminator.target);
        b.localSet(this.#pc());
        values.emit(terminator.index);
        b.op('i32.wrap_i64');
        b.localSet(this.#index(terminator.number));
        this.#setLocals(index, block);
        if (this.#storeClean(index)) storeRegister(b, 'i64', CPU.rip, () => b.localGet(this.#pc()));
        this.#goto(index, terminator.dispatch);
        return;
      }
      case 'tableResume':
        this.#tableResume(index, block, terminator);
        return;
      case 'switch':
        this.#switch(index, terminator);
        return;
      case 'route': {
        const { number } = this.#blocks[terminator.through].terminator as UnitTerminator & { kind: 'switch' };
        if (number > 0) {
          // Beyond every table.
          b.i32(-1);
          b.localSet(this.#index(number));
        }
        b.i32(terminator.index);
        b.localSet(this.#route());
        if (this.#storeClean(index)) this.#storeRipOf(terminator.to);
        this.#goto(index, terminator.through);
        return;
      }
      case 'enter':
        this.#enter(index);
        return;
      case 'call':
        this.#call(index, block, terminator);
        return;
      case 'return':
        this.#return(index, block, terminator);
        return;
      case 'syscall':
        this.#storeDirty(index, block);
        this.#storeRip(block.end);
        b.call(this.#imports.syscall);
        b.unlikely();
        b.if();
        this.#leave(TO_EXECUTOR);
        b.end();
        this.#continueAt(index, block);
        return;
      case 'trap':
        this.#storeDirty(index, block);
        this.#trap(terminator.trap, terminator.pc);
        return;
    }
  }

  #countUses(index: number, block: UnitBlock): void {
    const { terminator } = block;
    const values = this.#values;
    for (const effect of block.effects) {
      if (effect.a !== undefined) values.count(effect.a);
      if (effect.b !== undefined) values.count(effect.b);
      if (effect.op === 'trapIf' || (this.#faults === 'kept' && MEMORY_OPS.test(effect.op))) {
        for (const [, node] of block.definedBefore(effect)) values.count(node);
      }
      if (effect.op === 'helper') for (const [, node] of effect.args) values.count(node);
    }
    const needed = (id: number): boolean => isSet(this.#registers.neededLow[index], this.#registers.neededHigh[index], id);
    for (const [id, node] of block.defs) if (needed(id)) values.count(node);
    if (terminator.kind === 'branch') values.count(terminator.condition);
    else if (terminator.kind === 'tableJump' || terminator.kind === 'tableResume') {
      values.count(terminator.target);
      values.count(terminator.index);
    } else if (terminator.kind === 'jumpIndirect') values.count(terminator.target);
    else if (terminator.kind === 'return') {
      if (terminator.extraBytes === 0) this.#countPassed(block, RESULTS);
      else values.count(terminator.target);
    } else if (terminator.kind === 'call') {
      const { pushed, popped } = block.frame as NonNullable<UnitBlock['frame']>;
      values.count(pushed);
      values.count(popped);
      if (typeof terminator.target !== 'number') values.count(terminator.target);
      else {
        const callee = this.#imports.direct(terminator.target);
        if (callee !== undefined) this.#countPassed(block, callee.signature);
      }
    }
  }

  #countPassed(block: UnitBlock, { registers }: Signature): void {
    for (const id of registers) {
      const node = block.defs.get(id);
      if (node !== undefined) this.#values.count(node);
    }
  }

  #effect(index: number, block: UnitBlock, node: Node): void {
    const b = this.body;
    const values = this.#values;
    if (node.op === 'helper') {
      for (const [id, value] of node.args) {
        const { type, offset } = registerPlace(id);
        storeRegister(b, type, offset, () => values.emit(value));
      }
      // A string instruction that faults is located by the call.
      this.faults.push({ offset: b.length, pc: node.pc });
      b.call(this.#imports.helper(node.wide as string));
      return;
    }
    if (node.op === 'reg.reload') {
      if (node.uses === 0) return;
      const { type, offset } = registerPlace(node.imm);
      loadRegister(b, type, offset);
      values.keep(node);
      return;
    }
    if (node.op === 'trapIf') {
      const defined = [...block.definedBefore(node)];
      for (const [, value] of defined) values.materialize(value);
      values.emit(node.a as Node);
      b.unlikely();
      b.if();
      this.#storeSet(index, defined);
      this.#trap(node.wide as (typeof TRAP_KINDS)[number], node.pc);
      b.end();
      return;
    }
    if (node.op.startsWith('cpu.')) {
      const op = node.op.slice(4) as 'i64.load';
      b.i32(0);
      if (node.type !== undefined) {
        b.memory(op, node.imm, CPU_MEMORY);
        values.keep(node);
      } else {
        values.emit(node.a as Node);
        b.memory(op, node.imm, CPU_MEMORY);
      }
      return;
    }
    if (this.#faults === 'kept') this.#storeSet(index, [...block.definedBefore(node)]);
    const op = node.op as 'i64.load';
    if (node.type !== undefined) {
      this.#access.load(b, op, node.imm, () => {
        values.emit(node.a as Node);
        this.faults.push({ offset: b.length, pc: node.pc });
      });
      values.keep(node);
    } else {
      this.#access.store(
        b,
        op,
        node.imm,
        () => {
          values.emit(node.a as Node);
          this.faults.push({ offset: b.length, pc: node.pc });
        },
        () => {
          values.emit(node.b as Node);
          this.faults.push({ offset: b.length, pc: node.pc });
        },
      );
    }
  }

  /** New values into register locals, all at once: expressions read the old ones. */
  #setLocals(index: number, block: UnitBlock): void {
    const { neededLow, neededHigh } = this.#registers;
    const set: number[] = [];
    for (const [id, node] of block.defs) {
      if (!isSet(neededLow[index], neededHigh[index], id)) continue;
      this.#values.emit(node);
      set.push(this.#local(id));
    }
    for (let at = set.length - 1; at >= 0; at--) this.body.localSet(set[at]);
  }

  /** Ends the block towards `to`, or towards a pc outside the unit when `to` is -1; locals are set. */
  #leaveOrGoto(from: number, to: number, pc: number, place: 'last' | 'inside' = 'last'): void {
    if (to >= 0) {
      this.#goto(from, to, place);
      return;
    }
    const direct = this.#imports.direct(pc);
    this.#storeDirtyLocals(from, direct?.signature);
    if (direct === undefined) {
      this.#dispatchConst(pc, 'tail');
      return;
    }
    const b = this.body;
    b.localGet(0);
    for (const id of direct.signature.registers) b.localGet(this.#local(id));
    b.returnCall(direct.index);
  }

  /** Stores everything dirty from the locals (after `#setLocals`), but for what is passed. */
  #storeDirtyLocals(index: number, passed: { readonly low: number; readonly high: number } = { low: 0, high: 0 }): void {
    const { dirtyInLow, dirtyInHigh } = this.#registers;
    const { writesLow, writesHigh } = this.#blocks[index].flowEffects;
    this.#storeLocals((dirtyInLow[index] | writesLow) & ~passed.low, (dirtyInHigh[index] | writesHigh) & ~passed.high);
  }

  /** Stores what successors will load (after `#setLocals`). Returns whether that has to be everything. */
  #storeClean(index: number): boolean {
    const { cleanLow, cleanHigh, writesLow, writesHigh } = this.#effects[index];
    const { dirtyInLow, dirtyInHigh } = this.#registers;
    this.#storeLocals((dirtyInLow[index] | writesLow) & cleanLow, (dirtyInHigh[index] | writesHigh) & cleanHigh);
    return this.#faults === 'recovered' && cleanHigh !== 0;
  }

  /** Stores everything dirty at the end of a block, new values straight from their expressions. */
  #storeDirty(index: number, block: UnitBlock): void {
    const { writesLow, writesHigh, storedLow, storedHigh } = block.flowEffects;
    for (const [id, node] of block.defs) {
      if (FLAG_IDS.includes(id) || !isSet(storedLow, storedHigh, id)) continue;
      const { type, offset } = registerPlace(id);
      storeRegister(this.body, type, offset, () => this.#values.emit(node));
    }
    this.#storeLocals(this.#registers.dirtyInLow[index] & ~writesLow & storedLow, this.#registers.dirtyInHigh[index] & ~writesHigh & storedHigh);
  }

  /** Inside a block: the values defined so far, and what was dirty before it. */
  #storeSet(index: number, defined: readonly (readonly [number, Node])[]): void {
    let low = this.#registers.dirtyInLow[index];
    let high = this.#registers.dirtyInHigh[index];
    for (const [id, node] of defined) {
      if (FLAG_IDS.includes(id)) continue;
      const { type, offset } = registerPlace(id);
      storeRegister(this.body, type, offset, () => this.#values.emit(node));
      if (id < 32) low &= ~(1 << id);
      else high &= ~(1 << (id - 32));
    }
    this.#storeLocals(low, high);
  }

  #storeLocals(low: number, high: number): void {
    for (const id of idsOf(low, high)) {
      if (FLAG_IDS.includes(id)) continue;
      const { type, offset } = registerPlace(id);
      storeRegister(this.body, type, offset, () => this.body.localGet(this.#local(id)));
    }
  }

  #storeRip(pc: number): void {
    storeRegister(this.body, 'i64', CPU.rip, () => this.body.i64n(pc));
  }

  /** The pc of a block; of a dispatch, the one it goes to. */
  #storeRipOf(block: number): void {
    const { pc, terminator } = this.#blocks[block];
    if (terminator.kind === 'switch') storeRegister(this.body, 'i64', CPU.rip, () => this.body.localGet(this.#pc()));
    else this.#storeRip(pc);
  }

  #trap(kind: (typeof TRAP_KINDS)[number], pc: number): void {
    const b = this.body;
    b.i32(0);
    b.i32(STOP_TRAP + TRAP_KINDS.indexOf(kind));
    b.memory('i32.store', STOP_REASON, CPU_MEMORY);
    this.#storeRip(pc);
    this.#leave(TO_EXECUTOR);
  }

  /** Loads the register locals that a block needs from the register file, but for those that are newer. */
  #reload(block: number, newerLow: number, newerHigh: number): void {
    const b = this.body;
    const { liveInLow, liveInHigh } = this.#registers;
    let flags = false;
    for (const id of idsOf(liveInLow[block] & ~newerLow, liveInHigh[block] & ~newerHigh)) {
      if (FLAG_IDS.includes(id)) {
        flags = true;
        continue;
      }
      const { type, offset } = registerPlace(id);
      loadRegister(b, type, offset);
      b.localSet(this.#local(id));
    }
    if (flags) this.#reloadFlags(liveInLow[block]);
  }

  /** Flags that are read before they are set: computed from the lazy descriptor by a helper, which makes it explicit. */
  #reloadFlags(live: number): void {
    const b = this.body;
    b.call(this.#imports.helper('materialize_flags'));
    const word = this.#temporaries.take('i32');
    b.i32(0);
    b.memory('i32.load', CPU.flagsA, CPU_MEMORY);
    b.localSet(word);
    for (let at = 0; at < FLAG_IDS.length; at++) {
      const id = FLAG_IDS[at];
      if (((live >>> id) & 1) === 0) continue;
      b.localGet(word);
      b.i32(FLAG_BITS[at]);
      b.op('i32.shr_u');
      b.i32(1);
      b.op('i32.and');
      b.localSet(this.#local(id));
    }
    // The descriptor in the register file changed with it.
    for (const id of [REG_FLAGS_CODE, REG_FLAGS_A, REG_FLAGS_B]) {
      if (((live >>> id) & 1) === 0) continue;
      const { type, offset } = registerPlace(id);
      loadRegister(b, type, offset);
      b.localSet(this.#local(id));
    }
  }

  // Ways out

  #pc(): number {
    if (this.#pcLocal < 0) this.#pcLocal = this.body.local('i64');
    return this.#pcLocal;
  }

  #slot(): number {
    if (this.#slotLocal < 0) this.#slotLocal = this.body.local('i32');
    return this.#slotLocal;
  }

  /** Calls or tail-calls the unit at a constant pc by way of the table; a call leaves its results in locals. */
  #dispatchConst(pc: number, how: 'call' | 'tail'): void {
    const b = this.body;
    const slot = slotOf(pc);
    b.i32(0);
    b.memory('i64.load', TAGS + slot * 8, CPU_MEMORY);
    b.i64n(pc);
    b.op('i64.eq');
    this.#dispatch(
      how,
      () => b.i32(slot),
      () => this.#storeRip(pc),
    );
  }

  #dispatchTo(pc: number, how: 'call' | 'tail'): void {
    const b = this.body;
    const slot = this.#slot();
    b.localGet(pc);
    b.op('i32.wrap_i64');
    b.i32(HASH_FACTOR);
    b.op('i32.mul');
    b.i32(32 - SLOT_BITS);
    b.op('i32.shr_u');
    b.localTee(slot);
    b.i32(3);
    b.op('i32.shl');
    b.memory('i64.load', TAGS, CPU_MEMORY);
    b.localGet(pc);
    b.op('i64.eq');
    this.#dispatch(
      how,
      () => b.localGet(slot),
      () => storeRegister(b, 'i64', CPU.rip, () => b.localGet(pc)),
    );
  }

  /** Through a slot of the table if the condition on the stack holds, else by way of the executor. */
  #dispatch(how: 'call' | 'tail', slot: () => void, storeRip: () => void): void {
    const b = this.body;
    b.likely();
    b.if();
    this.#depth(how);
    slot();
    if (how === 'tail') b.returnCallIndirect(this.#imports.unitType);
    else {
      b.callIndirect(this.#imports.unitType);
      this.#keepResults();
    }
    b.else();
    storeRip();
    this.#depth(how);
    if (how === 'tail') b.returnCall(this.#imports.dispatch);
    else {
      b.call(this.#imports.dispatch);
      this.#keepResults();
    }
    b.end();
    if (how === 'tail') b.unreachable();
  }

  #keepResults(): void {
    const b = this.body;
    b.localSet(this.#local(RAX));
    b.localSet(this.#returned());
  }

  #returned(): number {
    if (this.#returnedLocal < 0) this.#returnedLocal = this.body.local('i64');
    return this.#returnedLocal;
  }

  #depth(how: 'call' | 'tail'): void {
    const b = this.body;
    b.localGet(0);
    if (how === 'tail') return;
    b.i32(1);
    b.op('i32.sub');
  }

  #call(index: number, block: UnitBlock, terminator: Terminator & { kind: 'call' }): void {
    const b = this.body;
    const values = this.#values;
    const { pushed, popped } = block.frame as NonNullable<UnitBlock['frame']>;
    values.materialize(pushed);
    values.materialize(popped);
    const direct = typeof terminator.target === 'number' ? this.#imports.direct(terminator.target) : undefined;
    if (this.#flagCalls.has(index)) {
      this.#callForFlags(index, block, terminator, direct?.signature.registers ?? []);
      return;
    }
    if (typeof terminator.target === 'number') {
      this.#storeDirty(index, block);
      if (direct === undefined) this.#dispatchConst(terminator.target, 'call');
      else {
        this.#depth('call');
        for (const id of direct.signature.registers) this.#registerValue(block, id);
        b.call(direct.index);
        this.#keepResults();
      }
    } else {
      const pc = this.#pc();
      values.emit(terminator.target);
      b.localSet(pc);
      this.#storeDirty(index, block);
      this.#dispatchTo(pc, 'call');
    }
    const returned = this.#returned();
    const good = b.block();
    const bad = b.block();
    b.localGet(returned);
    values.emit(popped);
    b.op('i64.ne');
    b.unlikely();
    b.brIf(bad);
    if (this.#faults === 'recovered') this.#checkpointAtReturn(block, popped);
    this.#access.load(b, 'i64.load', 0, () => {
      values.emit(pushed);
      this.faults.push({ offset: b.length, pc: block.end });
    });
    b.i64n(block.end);
    b.op('i64.ne');
    b.unlikely();
    b.brIf(bad);
    b.br(good);
    b.end();
    b.localGet(returned);
    b.localGet(this.#local(RAX));
    b.return();
    b.end();
    values.emit(popped);
    b.localSet(this.#local(RSP));
    this.#continueAt(index, block);
  }

  /** The callee has stored all but its results. */
  #checkpointAtReturn({ end }: UnitBlock, popped: Node): void {
    const b = this.body;
    storeRegister(b, 'i64', RSP * 8, () => this.#values.emit(popped));
    storeRegister(b, 'i64', RAX * 8, () => b.localGet(this.#local(RAX)));
    this.#storeRip(end);
  }

  /**
   * A call after which flags are read, of a unit that may not keep them: has all code made anew so that it does. It is
   * only then made: most such calls never return, and are never reached.
   */
  #callForFlags(index: number, block: UnitBlock, { target }: Terminator & { kind: 'call' }, passed: readonly number[]): void {
    const b = this.body;
    if (typeof target !== 'number') this.#values.materialize(target);
    this.#storeDirty(index, block);
    for (const id of passed) {
      const { type, offset } = registerPlace(id);
      storeRegister(b, type, offset, () => this.#registerValue(block, id));
    }
    if (typeof target === 'number') this.#storeRip(target);
    else storeRegister(b, 'i64', CPU.rip, () => this.#values.emit(target));
    b.call(this.#imports.keepFlags);
    this.#leave(TO_EXECUTOR);
  }

  /** The value of a register at the end of a block. */
  #registerValue(block: UnitBlock, id: number): void {
    const node = block.defs.get(id);
    if (node === undefined) this.body.localGet(this.#local(id));
    else this.#values.emit(node);
  }

  #return(index: number, block: UnitBlock, { target, extraBytes }: Terminator & { kind: 'return' }): void {
    const b = this.body;
    if (extraBytes === 0) {
      this.#storeDirty(index, block);
      this.#registerValue(block, RSP);
      this.#registerValue(block, RAX);
      b.return();
      return;
    }
    // The address first: storing registers does not change what it was computed from.
    this.#values.materialize(target);
    this.#storeDirty(index, block);
    storeRegister(b, 'i64', CPU.rip, () => this.#values.emit(target));
    this.#leave(GO_ON);
  }

  /** After something that left registers in the register file, all or all but results. */
  #continueAt(index: number, block: UnitBlock): void {
    const { resultsLow } = block.flowEffects;
    if (block.next < 0) {
      this.#storeLocals(resultsLow, 0);
      this.#dispatchConst(block.end, 'tail');
      return;
    }
    this.#reload(block.next, resultsLow, 0);
    this.#goto(index, block.next);
  }
}

/** Farther away than this is another section. */
const COLD = 0x10000;

const FLAG_BITS = [0, 2, 4, 6, 7, 11] as const;

function isSet(low: number, high: number, id: number): boolean {
  return ((id < 32 ? low >>> id : high >>> (id - 32)) & 1) === 1;
}

function* idsOf(low: number, high: number): Generator<number> {
  for (let id = 0; id < 32; id++) if ((low >>> id) & 1) yield id;
  for (let id = 32; id < 48; id++) if ((high >>> (id - 32)) & 1) yield id;
}
