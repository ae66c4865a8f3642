/** dup(2), dup2(2), dup3(2). */

import { O_CLOEXEC } from '../../abi/fcntl.ts';
import { RLIMIT } from '../../abi/resource.ts';
import type { Fd } from '../../base/flavor.ts';
import { EBADF, EINVAL } from '../errno.ts';
import type { SysResult } from '../result.ts';
import type { Task } from '../task/task.ts';

/** Descriptors are smaller (RLIMIT_NOFILE). */
export const openLimit = (task: Task): number => task.process.limits[RLIMIT.NOFILE].soft;

export function sys_dup(task: Task, fd: Fd): SysResult {
  return task.fds.install(task.fds.get(fd), task.process.limits[RLIMIT.NOFILE].soft, false);
}

function duplicate(task: Task, from: Fd, to: Fd, closeOnExec: boolean): SysResult {
  const file = task.fds.get(from);
  if (to < 0 || to >= task.process.limits[RLIMIT.NOFILE].soft) throw EBADF;
  task.fds.replace(to, file, closeOnExec);
  return to;
}

export function sys_dup2(task: Task, from: Fd, to: Fd): SysResult {
  if (from === to) {
    task.fds.get(from);
    return to;
  }
  return duplicate(task, from, to, false);
}

export function sys_dup3(task: Task, from: Fd, to: Fd, flags: number): SysResult {
  if (flags & ~O_CLOEXEC || from === to) throw EINVAL;
  return duplicate(task, from, to, (flags & O_CLOEXEC) !== 0);
}
