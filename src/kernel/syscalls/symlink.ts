/** symlink(2), symlinkat(2). */

import { AT_FDCWD } from '../../abi/fcntl.ts';
import type { Fd, GuestAddr } from '../../base/flavor.ts';
import { readCString } from '../mm/guest.ts';
import type { Task } from '../task/task.ts';
import { makeSymlink } from '../vfs/operations.ts';

export function sys_symlinkat(task: Task, target: GuestAddr, dirfd: Fd, path: GuestAddr): number {
  makeSymlink(task, readCString(task.mm, target), dirfd, readCString(task.mm, path));
  return 0;
}

export const sys_symlink = (task: Task, target: GuestAddr, path: GuestAddr): number => sys_symlinkat(task, target, AT_FDCWD, path);
