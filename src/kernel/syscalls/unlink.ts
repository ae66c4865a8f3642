/** unlink(2), unlinkat(2). */

import { AT_FDCWD, AT_REMOVEDIR } from '../../abi/fcntl.ts';
import type { Fd, GuestAddr } from '../../base/flavor.ts';
import { EINVAL } from '../errno.ts';
import { readCString } from '../mm/guest.ts';
import type { Task } from '../task/task.ts';
import { removeDirectory, removeFile } from '../vfs/operations.ts';

export function sys_unlinkat(task: Task, dirfd: Fd, path: GuestAddr, flags: number): number {
  if ((flags & ~AT_REMOVEDIR) !== 0) throw EINVAL;
  const name = readCString(task.mm, path);
  if (flags === AT_REMOVEDIR) removeDirectory(task, dirfd, name);
  else removeFile(task, dirfd, name);
  return 0;
}

export const sys_unlink = (task: Task, path: GuestAddr): number => sys_unlinkat(task, AT_FDCWD, path, 0);
