/**
 * What a system-call handler returns: a number ≥ 0, or a negative errno, or `BLOCKED`.
 *
 * Handlers throw an `Errno` singleton for errors (caught once, in the dispatcher); would-block and partial
 * transfers are values because they are ordinary. Numbers up to 2^53 serve for addresses and sizes.
 */

/** The task sleeps; its `resume` function will produce the result (see `task/`). Outside the range of any result. */
export const BLOCKED = -0x1_0000;
/** A transfer that cannot make progress now (never returned to the guest). */
export const WOULD_BLOCK = -0x1_0001;

export type SysResult = number;
