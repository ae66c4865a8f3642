/**
 * What translated code, the runtime module and the executor agree on.
 *
 * A **unit** is a wasm function `(depth: i32) → i64`: it runs guest code from its entry with the registers in
 * the register file and returns the guest pc to go on at, registers stored again. `STOPPED` instead of a pc
 * means that everything unwinds to `Executor.run`, and that `rip` in the register file says where to go on.
 * A caller compares the result with the return address it pushed: equal, it reloads registers and goes on;
 * otherwise it returns the pc to its own caller. No state lives in wasm frames, so any frame may be dropped.
 */

import { CPU } from '../x86/index.ts';

export const STOPPED = -1n;

/** Wasm memories, in import order. */
export const GUEST = 0;
export const CPU_MEMORY = 1;
/** Page permissions, imported only where the host does not protect guest pages. */
export const PERMISSIONS = 2;

/** Code entries by hash of the guest pc: table slot i runs the unit whose pc is in tag i. */
export const SLOT_BITS = 15;
export const SLOTS = 1 << SLOT_BITS;
export const HASH_FACTOR = 0x9e3779b1;
export const TAGS = 0x10000;
export const CPU_PAGES = (TAGS + SLOTS * 8) / 65536;

/** Why a unit stopped (i32), written before `STOPPED` is returned. */
export const STOP_REASON = CPU.engine;
export const STOP_HOOK = 0;
/** Table index of a dispatch that is left and entered again (i32). */
export const SWITCH_INDEX = CPU.engine + 8;
/** `STOP_TRAP + index into TRAP_KINDS`. */
export const STOP_TRAP = 1;
export const TRAP_KINDS = ['de', 'db', 'bp', 'of', 'ud', 'gp', 'mf', 'xm'] as const;
/** A fetch from an address that is not executable. */
export const STOP_FETCH = 100;

/** Guest calls that may nest as wasm calls before the wasm stack is unwound. */
export const MAX_DEPTH = 4000;
/** Loop iterations that one activation runs before it leaves and comes back, possibly to better code. */
export const LOOP_BUDGET = 20000;
/** What the exhaustion of a loop budget costs of `CPU.fuel`; a unit entry costs 1. */
export const LOOP_FUEL = 500;
/** Fuel of a time slice. */
export const SLICE = 50000;

export function slotOf(pc: number): number {
  return Math.imul(pc % 0x1_0000_0000 | 0, HASH_FACTOR) >>> (32 - SLOT_BITS);
}
