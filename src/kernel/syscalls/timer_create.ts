/** timer_create(2), timer_settime(2), timer_gettime(2), timer_getoverrun(2), timer_delete(2). */

import { NSIG, SIGALRM } from '../../abi/signal.ts';
import { CLOCK, SIGEV_NONE, SIGEV_SIGNAL, SIGEV_THREAD, SIGEV_THREAD_ID, TIMER_ABSTIME } from '../../abi/time.ts';
import { EINVAL } from '../errno.ts';
import { getBig, getI32, putU32, readTimespec, view, writeTimespec } from '../mm/guest.ts';
import type { Task } from '../task/task.ts';
import { readClock, toMonotonic } from '../time/clock.ts';
import { type PosixTimer, timersOf } from '../time/itimer.ts';

const isCpuClock = (clock: number): boolean => clock < 0 || clock === CLOCK.PROCESS_CPUTIME_ID || clock === CLOCK.THREAD_CPUTIME_ID;

export function sys_timer_create(task: Task, clock: number, eventAt: number, idAt: number): number {
  readClock(task, clock);
  const timers = timersOf(task.process);
  view(task.mm, idAt, 4, 'write');
  let made: PosixTimer;
  if (eventAt === 0) {
    made = timers.create(clock, { signal: SIGALRM, value: 0n, thread: undefined });
  } else {
    const value = getBig(task.mm, eventAt);
    const signal = getI32(task.mm, eventAt + 8);
    const notify = getI32(task.mm, eventAt + 12);
    let thread: Task | undefined;
    if (notify === SIGEV_THREAD_ID) {
      thread = task.kernel.tasks.get(getI32(task.mm, eventAt + 16));
      if (thread?.process !== task.process) throw EINVAL;
    } else if (notify !== SIGEV_SIGNAL && notify !== SIGEV_THREAD && notify !== SIGEV_NONE) throw EINVAL;
    if (notify !== SIGEV_NONE && (signal < 1 || signal > NSIG)) throw EINVAL;
    made = timers.create(clock, notify === SIGEV_NONE ? undefined : { signal, value, thread });
  }
  putU32(task.mm, idAt, made.id);
  return 0;
}

function find(task: Task, id: number): PosixTimer {
  const found = timersOf(task.process).posix.get(id);
  if (found === undefined) throw EINVAL;
  return found;
}

function write(task: Task, address: number, { timer }: PosixTimer): void {
  writeTimespec(task.mm, address, timer.intervalNs);
  writeTimespec(task.mm, address + 16, timer.remainingNs);
}

export function sys_timer_settime(task: Task, id: number, flags: number, newAt: number, oldAt: number): number {
  const found = find(task, id);
  const intervalNs = readTimespec(task.mm, newAt);
  const valueNs = readTimespec(task.mm, newAt + 16);
  if (oldAt !== 0) {
    view(task.mm, oldAt, 32, 'write');
    write(task, oldAt, found);
  }
  if (valueNs === 0) {
    found.timer.disarm();
    return 0;
  }
  const now = task.kernel.host.monotonicNs();
  const absolute = (flags & TIMER_ABSTIME) !== 0;
  found.timer.arm(!absolute ? now + valueNs : isCpuClock(found.clock) ? now + Math.max(valueNs - readClock(task, found.clock), 0) : toMonotonic(task, found.clock, valueNs), intervalNs);
  return 0;
}

export function sys_timer_gettime(task: Task, id: number, address: number): number {
  write(task, address, find(task, id));
  return 0;
}

export const sys_timer_getoverrun = (task: Task, id: number): number => find(task, id).overrun;

export function sys_timer_delete(task: Task, id: number): number {
  find(task, id).timer.disarm();
  timersOf(task.process).posix.delete(id);
  return 0;
}
