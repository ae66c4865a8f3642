/** futex(2). */

import {
  FUTEX_BITSET_MATCH_ANY,
  FUTEX_CLOCK_REALTIME,
  FUTEX_CMP_REQUEUE,
  FUTEX_LOCK_PI,
  FUTEX_LOCK_PI2,
  FUTEX_PRIVATE_FLAG,
  FUTEX_REQUEUE,
  FUTEX_TID_MASK,
  FUTEX_TRYLOCK_PI,
  FUTEX_UNLOCK_PI,
  FUTEX_WAIT,
  FUTEX_WAITERS,
  FUTEX_WAIT_BITSET,
  FUTEX_WAKE,
  FUTEX_WAKE_BITSET,
  FUTEX_WAKE_OP,
} from '../../abi/futex.ts';
import { EAGAIN, EDEADLK, EINVAL, ENOSYS, EPERM, ETIMEDOUT } from '../errno.ts';
import { crowded, firstAt, requeue, rouse, sleepAt, wakeAt } from '../futex/futex.ts';
import { getI32, getU32, putU32, readTimespec } from '../mm/guest.ts';
import type { SysResult } from '../result.ts';
import type { Task } from '../task/task.ts';

const FOREVER = Number.POSITIVE_INFINITY;
const timedOut = (): number => -ETIMEDOUT.errno;

/** An absolute time of a clock as one of CLOCK_MONOTONIC. */
const absolute = (task: Task, ns: number, realtime: boolean): number => (realtime ? ns - task.kernel.host.realtimeNs() + task.kernel.host.monotonicNs() : ns);

export function sys_futex(task: Task, address: number, op: number, value: number, timeoutAt: number, address2: number, value3: number): SysResult {
  const { mm, kernel } = task;
  const command = op & ~(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME);
  const realtime = (op & FUTEX_CLOCK_REALTIME) !== 0;
  switch (command) {
    case FUTEX_WAIT: {
      const deadline = timeoutAt === 0 ? FOREVER : kernel.host.monotonicNs() + readTimespec(mm, timeoutAt);
      return wait(task, address, value, FUTEX_BITSET_MATCH_ANY, deadline);
    }
    case FUTEX_WAIT_BITSET:
      return wait(task, address, value, value3, timeoutAt === 0 ? FOREVER : absolute(task, readTimespec(mm, timeoutAt), realtime));
    case FUTEX_WAKE:
      return wakeAt(mm, address, Math.max(value | 0, 1), FUTEX_BITSET_MATCH_ANY);
    case FUTEX_WAKE_BITSET:
      if (value3 === 0) throw EINVAL;
      return wakeAt(mm, address, Math.max(value | 0, 1), value3);
    case FUTEX_REQUEUE:
    case FUTEX_CMP_REQUEUE: {
      // A pointer here, which is exact below 2^53: above it there are only negative counts.
      if ((value | 0) < 0 || (timeoutAt | 0) < 0 || timeoutAt > Number.MAX_SAFE_INTEGER) throw EINVAL;
      if (command === FUTEX_CMP_REQUEUE && getU32(mm, address) !== value3) throw EAGAIN;
      const woken = wakeAt(mm, address, value, FUTEX_BITSET_MATCH_ANY);
      return woken + requeue(mm, address, address2, timeoutAt);
    }
    case FUTEX_WAKE_OP:
      return wakeOp(task, address, value, timeoutAt, address2, value3);
    case FUTEX_LOCK_PI:
    case FUTEX_LOCK_PI2:
      return lockPi(task, address, timeoutAt === 0 ? FOREVER : absolute(task, readTimespec(mm, timeoutAt), command === FUTEX_LOCK_PI || realtime));
    case FUTEX_TRYLOCK_PI:
      if (tryPi(task, address)) return 0;
      throw EAGAIN;
    case FUTEX_UNLOCK_PI:
      return unlockPi(task, address);
    default:
      throw ENOSYS;
  }
}

function wait(task: Task, address: number, value: number, bitset: number, deadlineNs: number): SysResult {
  if (bitset === 0 || address % 4 !== 0) throw EINVAL;
  if (getU32(task.mm, address) !== value) throw EAGAIN;
  return sleepAt(task, address, bitset, deadlineNs, timedOut);
}

function wakeOp(task: Task, address: number, count: number, count2: number, address2: number, encoded: number): number {
  const { mm } = task;
  let argument = (encoded << 8) >> 20;
  if (encoded & 0x8000_0000) argument = 1 << (argument & 31);
  const compared = (encoded << 20) >> 20;
  const old = getI32(mm, address2);
  const results = [argument, old + argument, old | argument, old & ~argument, old ^ argument];
  const result = results[(encoded >>> 28) & 7];
  if (result === undefined) throw ENOSYS;
  putU32(mm, address2, result);
  let woken = wakeAt(mm, address, count, FUTEX_BITSET_MATCH_ANY);
  const tests = [old === compared, old !== compared, old < compared, old <= compared, old > compared, old >= compared];
  const test = tests[(encoded >>> 24) & 15];
  if (test === undefined) throw ENOSYS;
  if (test) woken += wakeAt(mm, address2, count2, FUTEX_BITSET_MATCH_ANY);
  return woken;
}

/** Takes a priority-inheritance lock if it is free. There are no priorities to inherit: tasks take turns. */
function tryPi(task: Task, address: number): boolean {
  const word = getU32(task.mm, address);
  const owner = word & FUTEX_TID_MASK;
  if (owner === task.tid) throw EDEADLK;
  if (owner !== 0 && task.kernel.tasks.has(owner)) return false;
  putU32(task.mm, address, (task.tid | (crowded(task.mm, address) ? FUTEX_WAITERS : 0)) >>> 0);
  return true;
}

function lockPi(task: Task, address: number, deadlineNs: number): SysResult {
  if (tryPi(task, address)) return 0;
  putU32(task.mm, address, (getU32(task.mm, address) | FUTEX_WAITERS) >>> 0);
  return sleepAt(task, address, FUTEX_BITSET_MATCH_ANY, deadlineNs, timedOut);
}

/** Hands the lock to whoever waits longest. */
function unlockPi(task: Task, address: number): number {
  const { mm } = task;
  if ((getU32(mm, address) & FUTEX_TID_MASK) !== task.tid) throw EPERM;
  const next = firstAt(mm, address);
  if (next === undefined) {
    putU32(mm, address, 0);
    return 0;
  }
  rouse(next);
  putU32(mm, address, (next.task.tid | (crowded(mm, address) ? FUTEX_WAITERS : 0)) >>> 0);
  return 0;
}
