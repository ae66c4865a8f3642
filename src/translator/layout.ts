/**
 * What translated code, the runtime module and the executor agree on.
 *
 * A **unit** is guest code from one entry on, as a wasm function `(depth: i32) → (i64, i64)`: it starts with the registers
 * in the register file. It ends in one of two ways:
 * - *returned*, by the guest's `ret`: the results are rsp behind the popped return address, and rax; the other registers are
 *   in the register file. Where to go on is what lies below rsp: the return address itself.
 * - *left*: the first result is `LEFT`. All registers are in the register file, and `rip` says where to go on, which is the
 *   business of `Executor.run` (second result `TO_EXECUTOR`) or of the outer loop (`GO_ON`).
 *
 * A caller compares rsp and the return address with what it pushed: equal, it goes on; otherwise it returns the results
 * to its own caller, down to the outer loop. No state lives in wasm frames, so any frame may be dropped.
 *
 * Units of one module call one another directly, with the registers that the callee reads first as parameters
 * (`signature.ts`): `(depth, rsp, …) → (i64, i64)`.
 */

import { CPU } from '../x86/index.ts';

export const LEFT = -1n;
export const TO_EXECUTOR = 0n;
export const GO_ON = 1n;

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

/** Why a unit left for the executor (i32). */
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
/** Of so many depths, one looks whether the stack or the time slice is used up. */
export const DEPTH_STRIDE = 4;
/** Loop iterations that one activation runs before it leaves and comes back, possibly to better code. */
export const LOOP_BUDGET = 20000;
/** What the exhaustion of a loop budget costs of `CPU.fuel`; a unit entry costs 1. */
export const LOOP_FUEL = 500;
/** Fuel of a time slice. */
export const SLICE = 50000;

export function slotOf(pc: number): number {
  return Math.imul(pc, HASH_FACTOR) >>> (32 - SLOT_BITS);
}
