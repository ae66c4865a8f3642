/**
 * The register locals: set at the end of a block, stored to the register file, loaded from it.
 *
 * Which registers are *dirty* and *live* where is decided in `../registers.ts`. Single flags have no place in the register
 * file: what is stored is their descriptor, and from it they are loaded.
 */

import { FLAG_IDS, type Node, REG_FLAGS_A, REG_FLAGS_B, REG_FLAGS_CODE } from '../../ir/index.ts';
import { CPU } from '../../x86/index.ts';
import { loadField, loadRegister, storeRegister, storeRip, storeRipFrom } from '../registerfile.ts';
import { idsOf, isSet } from '../registers.ts';
import type { UnitContext } from './context.ts';

const FLAG_BITS = [0, 2, 4, 6, 7, 11] as const;
const DESCRIPTOR = [REG_FLAGS_CODE, REG_FLAGS_A, REG_FLAGS_B] as const;

export class RegisterLocals {
  readonly #context: UnitContext;

  constructor(context: UnitContext) {
    this.#context = context;
  }

  /** At the entry: what was passed as parameters, and the entry as `rip`. */
  storeParameters(): void {
    const { body, unit } = this.#context;
    for (const id of unit.signature.registers) this.#storeLocal(id);
    storeRip(body, unit.entry);
  }

  /** The pc of a block as `rip`; of a dispatch, the one it goes to. */
  storeRipOf(block: number): void {
    const { body, locals, unit } = this.#context;
    const { pc, terminator } = unit.blocks[block];
    if (terminator.kind === 'switch') storeRipFrom(body, locals.pc());
    else storeRip(body, pc);
  }

  /** Everything dirty at the end of a block whose new values are not in locals yet: straight from their expressions. */
  storeDirty(block: number): void {
    const { body, values, unit } = this.#context;
    const { defs, flowEffects } = unit.blocks[block];
    const { writesLow, writesHigh, storedLow, storedHigh } = flowEffects;
    for (const [id, node] of defs) {
      if (FLAG_IDS.includes(id) || !isSet(storedLow, storedHigh, id)) continue;
      storeRegister(body, id, () => values.emit(node));
    }
    const { dirtyInLow, dirtyInHigh } = unit.registers;
    this.store(dirtyInLow[block] & ~writesLow & storedLow, dirtyInHigh[block] & ~writesHigh & storedHigh);
  }

  /** Everything dirty at the end of a block whose new values are in locals, but for what is passed. */
  storeDirtyLocals(block: number, passed: { readonly low: number; readonly high: number } = { low: 0, high: 0 }): void {
    const { registers, blocks } = this.#context.unit;
    const { writesLow, writesHigh } = blocks[block].flowEffects;
    this.store((registers.dirtyInLow[block] | writesLow) & ~passed.low, (registers.dirtyInHigh[block] | writesHigh) & ~passed.high);
  }

  /**
   * What is dirty at the end of a block, its new values in locals, and is loaded by successors. Returns whether that makes a
   * checkpoint, for which `rip` has to be stored too.
   */
  storeClean(block: number): boolean {
    const { registers, effects, faults } = this.#context.unit;
    const { cleanLow, cleanHigh, writesLow, writesHigh } = effects[block];
    this.store((registers.dirtyInLow[block] | writesLow) & cleanLow, (registers.dirtyInHigh[block] | writesHigh) & cleanHigh);
    return faults === 'recovered' && cleanHigh !== 0;
  }

  /** Everything dirty inside a block: the values defined so far, and what was dirty before it. */
  storeInside(block: number, defined: readonly (readonly [number, Node])[]): void {
    const { body, values, unit } = this.#context;
    let low = unit.registers.dirtyInLow[block];
    let high = unit.registers.dirtyInHigh[block];
    for (const [id, node] of defined) {
      if (FLAG_IDS.includes(id)) continue;
      storeRegister(body, id, () => values.emit(node));
      if (id < 32) low &= ~(1 << id);
      else high &= ~(1 << (id - 32));
    }
    this.store(low, high);
  }

  /** Of a set of registers those that have a place in the register file. */
  store(low: number, high: number): void {
    for (const id of idsOf(low, high)) if (!FLAG_IDS.includes(id)) this.#storeLocal(id);
  }

  #storeLocal(id: number): void {
    const { body, locals } = this.#context;
    storeRegister(body, id, () => body.localGet(locals.register(id)));
  }

  /** New values at the end of a block into locals, all at once: expressions read the old ones. */
  set(block: number): void {
    const { body, locals, values, unit } = this.#context;
    const { neededLow, neededHigh } = unit.registers;
    const set: number[] = [];
    for (const [id, node] of unit.blocks[block].defs) {
      if (!isSet(neededLow[block], neededHigh[block], id)) continue;
      values.emit(node);
      set.push(locals.register(id));
    }
    for (let at = set.length - 1; at >= 0; at--) body.localSet(set[at]);
  }

  /** Leaves the value of a register at the end of a block on the stack. */
  valueAtEnd(block: number, id: number): void {
    const { body, locals, values, unit } = this.#context;
    const node = unit.blocks[block].defs.get(id);
    if (node === undefined) body.localGet(locals.register(id));
    else values.emit(node);
  }

  /** Loads the register locals that a block needs, but for those that are newer than the register file. */
  reload(block: number, newerLow: number, newerHigh: number): void {
    const { liveInLow, liveInHigh } = this.#context.unit.registers;
    let flags = false;
    for (const id of idsOf(liveInLow[block] & ~newerLow, liveInHigh[block] & ~newerHigh)) {
      if (FLAG_IDS.includes(id)) flags = true;
      else this.#reloadLocal(id);
    }
    if (flags) this.#reloadFlags(liveInLow[block]);
  }

  #reloadLocal(id: number): void {
    const { body, locals } = this.#context;
    loadRegister(body, id);
    body.localSet(locals.register(id));
  }

  /** Flags that are read before they are set: computed from the lazy descriptor by a helper, which makes it explicit. */
  #reloadFlags(live: number): void {
    const { body: b, locals, temporaries, unit } = this.#context;
    b.call(unit.imports.helper('materialize_flags'));
    const word = temporaries.take('i32');
    loadField(b, 'i32', CPU.flagsA);
    b.localSet(word);
    for (let at = 0; at < FLAG_IDS.length; at++) {
      const id = FLAG_IDS[at];
      if (!isSet(live, 0, id)) continue;
      b.localGet(word);
      b.i32(FLAG_BITS[at]);
      b.op('i32.shr_u');
      b.i32(1);
      b.op('i32.and');
      b.localSet(locals.register(id));
    }
    // The descriptor in the register file changed with it.
    for (const id of DESCRIPTOR) if (isSet(live, 0, id)) this.#reloadLocal(id);
  }
}
