/** clock_gettime(2), clock_getres(2), gettimeofday(2), time(2). */

import { CLOCK } from '../../abi/time.ts';
import { clearBytes, putU64, writeTimespec, writeTimeval } from '../mm/guest.ts';
import type { Task } from '../task/task.ts';
import { readClock } from '../time/clock.ts';

const COARSE_NS = 4_000_000;

export function sys_clock_gettime(task: Task, clock: number, address: number): number {
  writeTimespec(task.mm, address, readClock(task, clock));
  return 0;
}

export function sys_clock_getres(task: Task, clock: number, address: number): number {
  readClock(task, clock);
  if (address !== 0) writeTimespec(task.mm, address, clock === CLOCK.REALTIME_COARSE || clock === CLOCK.MONOTONIC_COARSE ? COARSE_NS : 1);
  return 0;
}

export function sys_gettimeofday(task: Task, timeAt: number, zoneAt: number): number {
  if (timeAt !== 0) writeTimeval(task.mm, timeAt, task.kernel.host.realtimeNs());
  if (zoneAt !== 0) clearBytes(task.mm, zoneAt, 8);
  return 0;
}

export function sys_time(task: Task, address: number): number {
  const seconds = Math.floor(task.kernel.host.realtimeNs() / 1e9);
  if (address !== 0) putU64(task.mm, address, seconds);
  return seconds;
}
