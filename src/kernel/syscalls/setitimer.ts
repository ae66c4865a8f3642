/** getitimer(2), setitimer(2), alarm(2). */

import { ITIMER_PROF, ITIMER_REAL } from '../../abi/time.ts';
import { EINVAL } from '../errno.ts';
import { readTimeval, view, writeTimeval } from '../mm/guest.ts';
import type { Task } from '../task/task.ts';
import { type SignalTimer, timersOf } from '../time/itimer.ts';

function timer(task: Task, which: number): SignalTimer {
  if (which < ITIMER_REAL || which > ITIMER_PROF) throw EINVAL;
  return timersOf(task.process).interval[which];
}

function write(task: Task, address: number, intervalNs: number, remainingNs: number): void {
  writeTimeval(task.mm, address, intervalNs);
  writeTimeval(task.mm, address + 16, remainingNs === 0 ? 0 : Math.max(remainingNs, 1000));
}

export function sys_getitimer(task: Task, which: number, address: number): number {
  const { intervalNs, remainingNs } = timer(task, which);
  write(task, address, intervalNs, remainingNs);
  return 0;
}

export function sys_setitimer(task: Task, which: number, newAt: number, oldAt: number): number {
  const one = timer(task, which);
  const intervalNs = newAt === 0 ? 0 : readTimeval(task.mm, newAt);
  const valueNs = newAt === 0 ? 0 : readTimeval(task.mm, newAt + 16);
  if (oldAt !== 0) {
    view(task.mm, oldAt, 32, 'write');
    write(task, oldAt, one.intervalNs, one.remainingNs);
  }
  if (valueNs === 0) one.disarm();
  else one.arm(task.kernel.host.monotonicNs() + valueNs, intervalNs);
  return 0;
}

/** Seconds that were left, rounded up. */
export function sys_alarm(task: Task, seconds: number): number {
  const one = timersOf(task.process).interval[ITIMER_REAL];
  const left = one.remainingNs;
  if (seconds === 0) one.disarm();
  else one.arm(task.kernel.host.monotonicNs() + seconds * 1e9, 0);
  return left === 0 ? 0 : Math.max(Math.round(left / 1e9), 1);
}
