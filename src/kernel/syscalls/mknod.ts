/** mknod(2), mknodat(2). */

import { AT_FDCWD } from '../../abi/fcntl.ts';
import type { Fd, GuestAddr } from '../../base/flavor.ts';
import { readCString } from '../mm/guest.ts';
import type { Task } from '../task/task.ts';
import { makeNode } from '../vfs/operations.ts';

export function sys_mknodat(task: Task, dirfd: Fd, path: GuestAddr, mode: number, device: number): number {
  makeNode(task, dirfd, readCString(task.mm, path), mode, device);
  return 0;
}

export const sys_mknod = (task: Task, path: GuestAddr, mode: number, device: number): number => sys_mknodat(task, AT_FDCWD, path, mode, device);
