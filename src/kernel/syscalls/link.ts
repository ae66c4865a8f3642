/** link(2), linkat(2). */

import { AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_FOLLOW } from '../../abi/fcntl.ts';
import type { Fd, GuestAddr } from '../../base/flavor.ts';
import { EINVAL, ENOENT } from '../errno.ts';
import { readCString } from '../mm/guest.ts';
import type { Task } from '../task/task.ts';
import { lookupAt, placeOf } from '../vfs/names.ts';
import { makeLink } from '../vfs/operations.ts';

export function sys_linkat(task: Task, fromFd: Fd, from: GuestAddr, toFd: Fd, to: GuestAddr, flags: number): number {
  if ((flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH)) !== 0) throw EINVAL;
  const name = readCString(task.mm, from);
  if (name === '' && (flags & AT_EMPTY_PATH) === 0) throw ENOENT;
  const source = name === '' ? placeOf(task, fromFd) : lookupAt(task, fromFd, name, (flags & AT_SYMLINK_FOLLOW) !== 0 ? 'follow' : 'keep');
  makeLink(task, source, toFd, readCString(task.mm, to));
  return 0;
}

export const sys_link = (task: Task, from: GuestAddr, to: GuestAddr): number => sys_linkat(task, AT_FDCWD, from, AT_FDCWD, to, 0);
