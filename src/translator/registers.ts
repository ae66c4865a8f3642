/**
 * Guest registers as wasm locals: which must be loaded where, and which must be stored where.
 *
 * Two data-flow problems over a unit's blocks, on sets of register ids (see `ir/`), each set two 32-bit words:
 * - *dirty* (forward, may): the local is newer than the register file. Emptied where everything is stored.
 * - *live* (backward): the local's value is needed. A store of a dirty register is a need, so a register that
 *   is dirty on one path only is loaded on the others.
 */

import { FLAG_IDS, REG_FLAGS_A, REG_FLAGS_B, REG_FLAGS_CODE } from '../ir/index.ts';
import type { Flow } from './flow.ts';

const maskOf = (ids: readonly number[]): number => ids.reduce((mask, id) => mask | (1 << id), 0);
/** All ids of flags, and of their descriptor. */
const FLAGS = maskOf([...FLAG_IDS, REG_FLAGS_CODE, REG_FLAGS_A, REG_FLAGS_B]);
/** What has a place in the register file: single flags have none. */
const STORABLE = ~maskOf(FLAG_IDS);

/** Whether an id is in a set. */
export function isSet(low: number, high: number, id: number): boolean {
  return ((id < 32 ? low >>> id : high >>> (id - 32)) & 1) === 1;
}

/** The ids in a set, ascending. */
export function* idsOf(low: number, high: number): Generator<number> {
  for (let id = 0; id < 32; id++) if ((low >>> id) & 1) yield id;
  for (let id = 32; id < 48; id++) if ((high >>> (id - 32)) & 1) yield id;
}

export interface EdgeLoads {
  /** The successors concerned. */
  readonly to: readonly number[];
  /** The registers that are loaded where they are live. */
  readonly low: number;
  readonly high: number;
  /** No register is newer in a local there. */
  readonly fresh: boolean;
}

export interface BlockEffects {
  /** Registers read before they are written. */
  readonly readsLow: number;
  readonly readsHigh: number;
  /** Read too if flags that the block writes are needed at its end (ids 0–31). */
  readonly flagReads: number;
  readonly writesLow: number;
  readonly writesHigh: number;
  /** The terminator stores all dirty registers, and successors reload what they need (call, system call). */
  readonly storesAtEnd: boolean;
  /** Those that are stored at the end where dirty: not the flags' descriptor where it is dead, nor what is passed in locals. */
  readonly storedLow: number;
  readonly storedHigh: number;
  /** Of ids 0–31, those that successors find in locals, newer than the register file, although the end stores: results of a call. */
  readonly resultsLow: number;
  /** Some way out of the block's end stores all dirty registers (leaving the unit, back edge, return). */
  readonly mayStoreAtEnd: boolean;
  /** Dirty registers that are stored at the end, before control goes on to successors that load them again. */
  readonly cleanLow: number;
  readonly cleanHigh: number;
  /** Edges on which registers are loaded from the register file. */
  readonly loads: EdgeLoads | undefined;
  /** Something inside the block may store all registers dirty so far (a trap, a precise fault). */
  readonly storesInside: boolean;
}

export interface RegisterFlow {
  readonly dirtyInLow: Int32Array;
  readonly dirtyInHigh: Int32Array;
  readonly liveInLow: Int32Array;
  readonly liveInHigh: Int32Array;
  /** Needed at the end of the block in locals, by successors or by the stores at its end. */
  readonly neededLow: Int32Array;
  readonly neededHigh: Int32Array;
}

/** `entryLow`, `entryHigh`: registers that are in locals only when the unit is entered, its parameters. */
export function analyzeRegisters(flow: Flow, effects: readonly BlockEffects[], entryLow: number, entryHigh: number): RegisterFlow {
  const count = effects.length;
  const words = (): Int32Array => new Int32Array(count);
  const r: RegisterFlow = { dirtyInLow: words(), dirtyInHigh: words(), liveInLow: words(), liveInHigh: words(), neededLow: words(), neededHigh: words() };

  r.dirtyInLow[0] = entryLow;
  r.dirtyInHigh[0] = entryHigh;
  for (let changed = true; changed; ) {
    changed = false;
    for (const block of flow.order) {
      const { storesAtEnd, resultsLow, writesLow, writesHigh, cleanLow, cleanHigh, loads } = effects[block];
      const low = storesAtEnd ? resultsLow : (r.dirtyInLow[block] | writesLow) & ~cleanLow;
      const high = storesAtEnd ? 0 : (r.dirtyInHigh[block] | writesHigh) & ~cleanHigh;
      for (const next of flow.successors[block]) {
        if (loads?.fresh === true && loads.to.includes(next)) continue;
        if ((r.dirtyInLow[next] | low) !== r.dirtyInLow[next] || (r.dirtyInHigh[next] | high) !== r.dirtyInHigh[next]) {
          r.dirtyInLow[next] |= low;
          r.dirtyInHigh[next] |= high;
          changed = true;
        }
      }
    }
  }

  for (let changed = true; changed; ) {
    changed = false;
    for (let at = flow.order.length - 1; at >= 0; at--) {
      const block = flow.order[at];
      const e = effects[block];
      let low = 0;
      let high = 0;
      if (!e.storesAtEnd) {
        for (const next of flow.successors[block]) {
          const loaded = e.loads !== undefined && e.loads.to.includes(next);
          low |= loaded ? r.liveInLow[next] & ~e.loads.low : r.liveInLow[next];
          high |= loaded ? r.liveInHigh[next] & ~e.loads.high : r.liveInHigh[next];
        }
        low |= (r.dirtyInLow[block] | e.writesLow) & e.cleanLow & STORABLE;
        high |= (r.dirtyInHigh[block] | e.writesHigh) & e.cleanHigh;
      }
      if (e.storesAtEnd || e.mayStoreAtEnd) {
        low |= (r.dirtyInLow[block] | e.writesLow) & e.storedLow & STORABLE;
        high |= (r.dirtyInHigh[block] | e.writesHigh) & e.storedHigh;
      }
      r.neededLow[block] = low;
      r.neededHigh[block] = high;
      const flagsNeeded = (low & e.writesLow & FLAGS) !== 0;
      low = (low & ~e.writesLow) | e.readsLow | (flagsNeeded ? e.flagReads : 0);
      high = (high & ~e.writesHigh) | e.readsHigh;
      if (e.storesInside) {
        low |= r.dirtyInLow[block];
        high |= r.dirtyInHigh[block];
      }
      if (low !== r.liveInLow[block] || high !== r.liveInHigh[block]) {
        r.liveInLow[block] = low;
        r.liveInHigh[block] = high;
        changed = true;
      }
    }
  }
  return r;
}
