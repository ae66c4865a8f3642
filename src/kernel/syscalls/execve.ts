/** execve(2), execveat(2). */

import { EINVAL } from '../errno.ts';
import { execTask } from '../loader/exec.ts';
import { readCString, readStringArray } from '../mm/guest.ts';
import type { Task } from '../task/task.ts';

const AT_FDCWD = -100,
  AT_SYMLINK_NOFOLLOW = 0x100,
  AT_EMPTY_PATH = 0x1000;
const ARG_BUDGET = 6 * 1024 * 1024;

export const sys_execve = (task: Task, path: number, argv: number, envp: number): number => exec(task, AT_FDCWD, path, argv, envp, 0);

export function sys_execveat(task: Task, dirfd: number, path: number, argv: number, envp: number, flags: number): number {
  if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) throw EINVAL;
  return exec(task, dirfd, path, argv, envp, flags);
}

function exec(task: Task, dirfd: number, pathAt: number, argvAt: number, envAt: number, flags: number): number {
  const { mm, kernel } = task;
  const path = readCString(mm, pathAt);
  const file = kernel.openExec(task, dirfd, path, flags);
  try {
    const argv = readStringArray(mm, argvAt, ARG_BUDGET);
    const env = readStringArray(mm, envAt, ARG_BUDGET);
    const name = dirfd === AT_FDCWD || path.startsWith('/') ? path : path === '' ? `/dev/fd/${dirfd}` : `/dev/fd/${dirfd}/${path}`;
    execTask(task, file, name, argv, env);
  } finally {
    file.release?.();
  }
  return 0;
}
