/** Clocks (clock_gettime(2)), in nanoseconds. Negative numbers are the CPU-time clocks of other processes and threads. */

import { CLOCK } from '../../abi/time.ts';
import { EINVAL } from '../errno.ts';
import { processTimes } from '../syscalls/getrusage.ts';
import type { Task } from '../task/task.ts';

const CPUCLOCK_PERTHREAD = 4,
  CPUCLOCK_SCHED = 2;

export function readClock(task: Task, clock: number): number {
  const { host } = task.kernel;
  switch (clock) {
    case CLOCK.REALTIME:
    case CLOCK.REALTIME_COARSE:
    case CLOCK.REALTIME_ALARM:
    case CLOCK.TAI:
      return host.realtimeNs();
    case CLOCK.MONOTONIC:
    case CLOCK.MONOTONIC_RAW:
    case CLOCK.MONOTONIC_COARSE:
    case CLOCK.BOOTTIME:
    case CLOCK.BOOTTIME_ALARM:
      return host.monotonicNs();
    case CLOCK.PROCESS_CPUTIME_ID:
      return cpuTime(task, task.process.times.userNs + [...task.process.tasks].reduce((sum, { times }) => sum + times.userNs, 0));
    case CLOCK.THREAD_CPUTIME_ID:
      return cpuTime(task, task.times.userNs);
    default: {
      if (clock >= 0 || (clock & 3) > CPUCLOCK_SCHED) throw EINVAL;
      const id = ~(clock >> 3);
      if (clock & CPUCLOCK_PERTHREAD) {
        const other = id === 0 ? task : task.kernel.tasks.get(id);
        if (other === undefined || other.process !== task.process) throw EINVAL;
        return other === task ? cpuTime(task, other.times.userNs) : other.times.userNs;
      }
      const process = id === 0 ? task.process : task.kernel.processes.get(id);
      if (process === undefined) throw EINVAL;
      const ns = processTimes(process).userNs;
      return process === task.process ? cpuTime(task, ns) : ns;
    }
  }
}

/** What the running task has used since it got the CPU is not in its times yet. */
const cpuTime = (task: Task, ns: number): number => ns + Math.max(task.kernel.host.monotonicNs() - task.kernel.ranSinceNs, 0);

/** Whether sleeping on a clock means CLOCK_REALTIME or CLOCK_MONOTONIC; EINVAL for clocks that nobody can sleep on. */
export function sleepClock(clock: number): 'realtime' | 'monotonic' {
  if (clock === CLOCK.REALTIME || clock === CLOCK.TAI || clock === CLOCK.REALTIME_ALARM) return 'realtime';
  if (clock === CLOCK.MONOTONIC || clock === CLOCK.BOOTTIME || clock === CLOCK.BOOTTIME_ALARM) return 'monotonic';
  throw EINVAL;
}

/** An absolute time of a clock on CLOCK_MONOTONIC. */
export function toMonotonic(task: Task, clock: number, ns: number): number {
  const { host } = task.kernel;
  return sleepClock(clock) === 'realtime' ? host.monotonicNs() + (ns - host.realtimeNs()) : ns;
}
