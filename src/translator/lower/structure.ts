/**
 * Blocks in structured form, by the tree of dominators (Ramsey, "Beyond Relooper", ICFP 2022): a block that several lead to
 * is written behind a wasm block which they branch out of, the header of a loop within a wasm loop.
 */

import { isBackEdge } from '../flow.ts';
import { LOOP_BUDGET, LOOP_FUEL, SWITCH_INDEX } from '../layout.ts';
import { storeField } from '../registerfile.ts';
import type { UnitContext } from './context.ts';
import type { Exits } from './exits.ts';
import type { RegisterLocals } from './registers.ts';
import type { Transfers } from './transfers.ts';

export class Structure {
  readonly #context: UnitContext;
  readonly #registers: RegisterLocals;
  readonly #exits: Exits;
  readonly #transfers: Transfers;
  readonly #writeBlock: (block: number) => void;
  /** Label of the block or loop that leads to a guest block, while open. */
  readonly #labels: Int32Array;
  #budget = -1;
  /** The block to be written behind the one being written. */
  #following = -1;

  /** `writeBlock` writes a block of the unit, and goes on at others by `goto`. */
  constructor(context: UnitContext, registers: RegisterLocals, exits: Exits, transfers: Transfers, writeBlock: (block: number) => void) {
    this.#context = context;
    this.#registers = registers;
    this.#exits = exits;
    this.#transfers = transfers;
    this.#writeBlock = writeBlock;
    this.#labels = new Int32Array(context.unit.blocks.length).fill(-1);
  }

  /** Writes all blocks of the unit. */
  write(): void {
    const { body: b, unit } = this.#context;
    if (unit.flow.loopHeader.includes(1)) {
      this.#budget = b.local('i32');
      b.i32(LOOP_BUDGET);
      b.localSet(this.#budget);
    }
    this.#registers.reload(0, unit.signature.low, unit.signature.high);
    this.#tree(0);
    // Every path has returned or branched.
    b.unreachable();
  }

  /** Goes on at another block of the unit: by a branch where it has a label, else by writing it: `last` where the block ends, or `inside` it. */
  goto(from: number, to: number, place: 'last' | 'inside' = 'last'): void {
    const { body: b, unit } = this.#context;
    const back = isBackEdge(unit.flow, from, to);
    if (back) this.#spendBudget(from, to);
    const { loads } = unit.effects[from];
    if (loads?.to.includes(to)) this.#registers.reload(to, ~loads.low, ~loads.high);
    if (back || unit.flow.merge[to]) b.br(this.#labels[to]);
    else if (place === 'last') this.#following = to;
    else this.#tree(to);
  }

  #tree(first: number): void {
    for (let block = first; block >= 0; ) block = this.#subtree(block);
  }

  /** Writes a block and what it dominates; returns what is left to be written right behind, -1 for nothing. */
  #subtree(block: number): number {
    const { body: b, unit } = this.#context;
    const { loopHeader, merge, dominated, rank } = unit.flow;
    const merges = dominated[block].filter((child) => merge[child]).sort((x, y) => rank[y] - rank[x]);
    if (loopHeader[block]) this.#labels[block] = b.loop();
    const looped = this.#labels[block];
    for (const child of merges) this.#labels[child] = b.block();
    this.#following = -1;
    this.#writeBlock(block);
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

  /** On a back edge: when the budget of the activation is used up, the loop goes on in a fresh one, if the task is not stopped. */
  #spendBudget(from: number, to: number): void {
    const { body: b, locals, unit, places } = this.#context;
    b.localGet(this.#budget);
    b.i32(1);
    b.op('i32.sub');
    b.localTee(this.#budget);
    b.op('i32.eqz');
    b.unlikely();
    b.if();
    this.#registers.storeDirtyLocals(from);
    const { terminator: last } = unit.blocks[from];
    const target = last.kind === 'route' ? last.to : to;
    const { pc, terminator } = unit.blocks[target];
    const table = terminator.kind === 'switch' ? terminator.number : 0;
    const place = places.find((each) => (terminator.kind === 'switch' ? each.number === table : each.pc === pc));
    this.#registers.storeRipOf(target);
    if (place === undefined) this.#transfers.toFunction(unit.imports.reenter, 'tail');
    else {
      this.#exits.mayStop(LOOP_FUEL);
      if (table > 0) storeField(b, 'i32', SWITCH_INDEX, () => b.localGet(locals.index(table)));
      this.#transfers.toOwnPlace(place.number);
    }
    b.end();
  }
}
