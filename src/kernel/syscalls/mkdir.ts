/** mkdir(2), mkdirat(2), rmdir(2). */

import { AT_FDCWD } from '../../abi/fcntl.ts';
import type { Fd, GuestAddr } from '../../base/flavor.ts';
import { readCString } from '../mm/guest.ts';
import type { Task } from '../task/task.ts';
import { makeDirectory, removeDirectory } from '../vfs/operations.ts';

export function sys_mkdirat(task: Task, dirfd: Fd, path: GuestAddr, mode: number): number {
  makeDirectory(task, dirfd, readCString(task.mm, path), mode);
  return 0;
}

export const sys_mkdir = (task: Task, path: GuestAddr, mode: number): number => sys_mkdirat(task, AT_FDCWD, path, mode);

export function sys_rmdir(task: Task, path: GuestAddr): number {
  removeDirectory(task, AT_FDCWD, readCString(task.mm, path));
  return 0;
}
