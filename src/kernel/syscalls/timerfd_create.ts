/** timerfd_create(2), timerfd_settime(2), timerfd_gettime(2). */

import { O_CLOEXEC, O_NONBLOCK } from '../../abi/fcntl.ts';
import { TFD_TIMER_ABSTIME, TFD_TIMER_CANCEL_ON_SET } from '../../abi/poll.ts';
import { CLOCK } from '../../abi/time.ts';
import type { Fd, GuestAddr } from '../../base/flavor.ts';
import { EINVAL, EPERM } from '../errno.ts';
import { TimerFile } from '../ipc/timerfd.ts';
import { readTimespec, view, writeTimespec } from '../mm/guest.ts';
import { CAP, hasCap } from '../task/creds.ts';
import type { Task } from '../task/task.ts';
import { toMonotonic } from '../time/clock.ts';
import { openLimit } from './dup.ts';

const CLOCKS: readonly number[] = [CLOCK.REALTIME, CLOCK.MONOTONIC, CLOCK.BOOTTIME, CLOCK.REALTIME_ALARM, CLOCK.BOOTTIME_ALARM];
/** sizeof(struct itimerspec): interval, value. */
const ITIMERSPEC_BYTES = 32;

export function sys_timerfd_create(task: Task, clock: number, flags: number): number {
  if ((flags & ~(O_CLOEXEC | O_NONBLOCK)) !== 0 || !CLOCKS.includes(clock)) throw EINVAL;
  if ((clock === CLOCK.REALTIME_ALARM || clock === CLOCK.BOOTTIME_ALARM) && !hasCap(task.creds, CAP.WAKE_ALARM)) throw EPERM;
  return task.fds.install(new TimerFile(task.kernel, clock, flags & O_NONBLOCK), openLimit(task), (flags & O_CLOEXEC) !== 0);
}

function timerFile(task: Task, fd: Fd): TimerFile {
  const file = task.fds.getUsable(fd);
  if (!(file instanceof TimerFile)) throw EINVAL;
  return file;
}

function writeTimer(task: Task, { timer }: TimerFile, address: GuestAddr): void {
  writeTimespec(task.mm, address, timer.intervalNs);
  writeTimespec(task.mm, address + 16, timer.remainingNs);
}

/** The clock of the enclave is never set, so there is nothing that could cancel a timer. */
export function sys_timerfd_settime(task: Task, fd: Fd, flags: number, newAt: GuestAddr, oldAt: GuestAddr): number {
  const intervalNs = readTimespec(task.mm, newAt);
  const valueNs = readTimespec(task.mm, newAt + 16);
  if ((flags & ~(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET)) !== 0) throw EINVAL;
  const file = timerFile(task, fd);
  if (oldAt !== 0) {
    view(task.mm, oldAt, ITIMERSPEC_BYTES, 'write');
    writeTimer(task, file, oldAt);
  }
  file.settimeFlags = flags;
  if (valueNs === 0) file.set(0, 0);
  else if ((flags & TFD_TIMER_ABSTIME) !== 0) file.set(Math.max(toMonotonic(task, file.clock, valueNs), 1), intervalNs);
  else file.set(task.kernel.host.monotonicNs() + valueNs, intervalNs);
  return 0;
}

export function sys_timerfd_gettime(task: Task, fd: Fd, address: GuestAddr): number {
  const file = timerFile(task, fd);
  view(task.mm, address, ITIMERSPEC_BYTES, 'write');
  writeTimer(task, file, address);
  return 0;
}
