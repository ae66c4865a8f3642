/** rename(2), renameat(2), renameat2(2). */

import { AT_FDCWD, RENAME_EXCHANGE, RENAME_NOREPLACE } from '../../abi/fcntl.ts';
import type { Fd, GuestAddr } from '../../base/flavor.ts';
import { EINVAL } from '../errno.ts';
import { readCString } from '../mm/guest.ts';
import type { Task } from '../task/task.ts';
import { renameEntry } from '../vfs/operations.ts';

export function sys_renameat2(task: Task, fromFd: Fd, from: GuestAddr, toFd: Fd, to: GuestAddr, flags: number): number {
  if ((flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE)) !== 0 || flags === (RENAME_NOREPLACE | RENAME_EXCHANGE)) throw EINVAL;
  renameEntry(task, fromFd, readCString(task.mm, from), toFd, readCString(task.mm, to), flags);
  return 0;
}

export const sys_renameat = (task: Task, fromFd: Fd, from: GuestAddr, toFd: Fd, to: GuestAddr): number => sys_renameat2(task, fromFd, from, toFd, to, 0);

export const sys_rename = (task: Task, from: GuestAddr, to: GuestAddr): number => sys_renameat2(task, AT_FDCWD, from, AT_FDCWD, to, 0);
