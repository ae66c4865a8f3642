/** futex_wake(2), futex_wait(2), futex_requeue(2), futex_waitv(2): futexes with their sizes spelled out; 32-bit ones only. */

import { CLOCK } from '../../abi/time.ts';
import { EAGAIN, EINVAL, ETIMEDOUT } from '../errno.ts';
import { requeue, sleepAt, sleepAtAny, wakeAt } from '../futex/futex.ts';
import { getU32, getU64, readTimespec } from '../mm/guest.ts';
import type { SysResult } from '../result.ts';
import type { Task } from '../task/task.ts';
import { toMonotonic } from '../time/clock.ts';

const FUTEX2_SIZE_U32 = 2,
  FUTEX2_PRIVATE = 128;
const WAITV_BYTES = 24,
  WAITV_MAX = 128;

function checkFlags(flags: number): void {
  if (flags !== FUTEX2_SIZE_U32 && flags !== (FUTEX2_SIZE_U32 | FUTEX2_PRIVATE)) throw EINVAL;
}

const timedOut = (): number => -ETIMEDOUT.errno;

function deadline(task: Task, timeoutAt: number, clock: number): number {
  if (timeoutAt === 0) return Number.POSITIVE_INFINITY;
  if (clock !== CLOCK.REALTIME && clock !== CLOCK.MONOTONIC) throw EINVAL;
  return toMonotonic(task, clock, readTimespec(task.mm, timeoutAt));
}

/** Masks are 64 bits wide in the register, 32 of them count. */
function mask32(mask: number): number {
  if (mask === 0 || mask > 0xffff_ffff) throw EINVAL;
  return mask | 0;
}

export function sys_futex_wake(task: Task, address: number, mask: number, count: number, flags: number): number {
  checkFlags(flags);
  return wakeAt(task.mm, address, count, mask32(mask));
}

export function sys_futex_wait(task: Task, address: number, value: number, mask: number, flags: number, timeoutAt: number, clock: number): SysResult {
  checkFlags(flags);
  const bitset = mask32(mask);
  if (address % 4 !== 0 || value > 0xffff_ffff) throw EINVAL;
  const deadlineNs = deadline(task, timeoutAt, clock);
  if (getU32(task.mm, address) !== value) throw EAGAIN;
  return sleepAt(task, address, bitset, deadlineNs, timedOut);
}

interface Waitv {
  readonly value: number;
  readonly address: number;
}

function readWaitv(task: Task, at: number): Waitv {
  const { mm } = task;
  checkFlags(getU32(mm, at + 16));
  if (getU32(mm, at + 20) !== 0) throw EINVAL;
  const address = getU64(mm, at + 8);
  if (address % 4 !== 0) throw EINVAL;
  return { value: getU64(mm, at), address };
}

export function sys_futex_requeue(task: Task, waiters: number, flags: number, wake: number, move: number): number {
  if (flags !== 0 || wake < 0 || move < 0) throw EINVAL;
  const from = readWaitv(task, waiters);
  const to = readWaitv(task, waiters + WAITV_BYTES);
  if (getU32(task.mm, from.address) !== from.value) throw EAGAIN;
  const woken = wakeAt(task.mm, from.address, wake, -1);
  return woken + requeue(task.mm, from.address, to.address, move);
}

/** Returns the index of one that was woken. */
export function sys_futex_waitv(task: Task, waiters: number, count: number, flags: number, timeoutAt: number, clock: number): SysResult {
  if (flags !== 0 || count === 0 || count > WAITV_MAX) throw EINVAL;
  const all = Array.from({ length: count }, (_, index) => readWaitv(task, waiters + index * WAITV_BYTES));
  const deadlineNs = deadline(task, timeoutAt, clock);
  for (const { address, value } of all) if (getU32(task.mm, address) !== value) throw EAGAIN;
  return sleepAtAny(
    task,
    all.map(({ address }) => address),
    deadlineNs,
    timedOut,
  );
}
