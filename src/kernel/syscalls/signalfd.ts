/** signalfd(2). */

import { O_CLOEXEC, O_NONBLOCK } from '../../abi/fcntl.ts';
import type { Fd, GuestAddr } from '../../base/flavor.ts';
import { EINVAL } from '../errno.ts';
import { SignalFile } from '../ipc/signalfd.ts';
import { getBig } from '../mm/guest.ts';
import type { Task } from '../task/task.ts';
import { openLimit } from './dup.ts';

export function sys_signalfd4(task: Task, fd: Fd, maskAt: GuestAddr, size: number, flags: number): number {
  if (size !== 8) throw EINVAL;
  const mask = getBig(task.mm, maskAt);
  if ((flags & ~(O_CLOEXEC | O_NONBLOCK)) !== 0) throw EINVAL;
  if (fd === -1) return task.fds.install(new SignalFile(task.kernel, mask, flags & O_NONBLOCK), openLimit(task), (flags & O_CLOEXEC) !== 0);
  const file = task.fds.getUsable(fd);
  if (!(file instanceof SignalFile)) throw EINVAL;
  file.setMask(mask);
  return fd;
}

export const sys_signalfd = (task: Task, fd: Fd, maskAt: GuestAddr, size: number): number => sys_signalfd4(task, fd, maskAt, size, 0);
