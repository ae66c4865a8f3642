/** readlink(2), readlinkat(2). */

import { AT_FDCWD } from '../../abi/fcntl.ts';
import { bytesOf } from '../../base/bytes.ts';
import type { Fd, GuestAddr } from '../../base/flavor.ts';
import { EINVAL, ENOENT } from '../errno.ts';
import { readCString, view } from '../mm/guest.ts';
import type { Task } from '../task/task.ts';
import { lookupAt, placeOf } from '../vfs/names.ts';

export function sys_readlinkat(task: Task, dirfd: Fd, path: GuestAddr, buffer: GuestAddr, size: number): number {
  if (size < 1 || size > 0x7fff_ffff) throw EINVAL;
  const name = readCString(task.mm, path);
  const { inode } = name === '' ? placeOf(task, dirfd) : lookupAt(task, dirfd, name, 'keep');
  if (!inode.isSymlink) throw name === '' ? ENOENT : EINVAL;
  const target = bytesOf(inode.readlink(task)).subarray(0, size);
  view(task.mm, buffer, target.length, 'write').set(target);
  return target.length;
}

export const sys_readlink = (task: Task, path: GuestAddr, buffer: GuestAddr, size: number): number => sys_readlinkat(task, AT_FDCWD, path, buffer, size);
