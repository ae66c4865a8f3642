/** nanosleep(2), clock_nanosleep(2). */

import { CLOCK, TIMER_ABSTIME } from '../../abi/time.ts';
import { EINTR, EOPNOTSUPP } from '../errno.ts';
import { readTimespec, writeTimespec } from '../mm/guest.ts';
import { type SysResult, WOULD_BLOCK } from '../result.ts';
import { block } from '../task/block.ts';
import type { Task } from '../task/task.ts';
import { sleepClock, toMonotonic } from '../time/clock.ts';

function sleepUntil(task: Task, deadlineNs: number, remainingAt: number): SysResult {
  const { host } = task.kernel;
  return block(task, [], () => WOULD_BLOCK, {
    deadlineNs,
    timedOut: () => 0,
    restart: 'unlessHandler',
    interrupted: () => {
      if (remainingAt !== 0) writeTimespec(task.mm, remainingAt, Math.max(deadlineNs - host.monotonicNs(), 0));
      return -EINTR.errno;
    },
  });
}

export function sys_nanosleep(task: Task, timeAt: number, remainingAt: number): SysResult {
  return sys_clock_nanosleep(task, CLOCK.MONOTONIC, 0, timeAt, remainingAt);
}

export function sys_clock_nanosleep(task: Task, clock: number, flags: number, timeAt: number, remainingAt: number): SysResult {
  if (clock === CLOCK.THREAD_CPUTIME_ID) throw EOPNOTSUPP;
  sleepClock(clock);
  const ns = readTimespec(task.mm, timeAt);
  const absolute = (flags & TIMER_ABSTIME) !== 0;
  const now = task.kernel.host.monotonicNs();
  const deadlineNs = absolute ? toMonotonic(task, clock, ns) : now + ns;
  if (deadlineNs <= now && (absolute || ns === 0)) return 0;
  return sleepUntil(task, deadlineNs, absolute ? 0 : remainingAt);
}
