/** inotify_init(2), inotify_add_watch(2), inotify_rm_watch(2). */

import { AT_FDCWD, O_CLOEXEC, O_NONBLOCK } from '../../abi/fcntl.ts';
import { IN_ALL_EVENTS, IN_DONT_FOLLOW, IN_EXCL_UNLINK, IN_MASK_ADD, IN_MASK_CREATE, IN_ONESHOT, IN_ONLYDIR } from '../../abi/inotify.ts';
import type { Fd, GuestAddr } from '../../base/flavor.ts';
import { EINVAL, ENOTDIR } from '../errno.ts';
import { InotifyFile } from '../ipc/inotify.ts';
import { readCString } from '../mm/guest.ts';
import type { Task } from '../task/task.ts';
import { lookupAt } from '../vfs/names.ts';
import { MAY_READ, needAccess } from '../vfs/perm.ts';
import { openLimit } from './dup.ts';

const KNOWN = IN_ALL_EVENTS | IN_ONLYDIR | IN_DONT_FOLLOW | IN_EXCL_UNLINK | IN_MASK_CREATE | IN_MASK_ADD | IN_ONESHOT;

export function sys_inotify_init1(task: Task, flags: number): number {
  if ((flags & ~(O_CLOEXEC | O_NONBLOCK)) !== 0) throw EINVAL;
  return task.fds.install(new InotifyFile(flags & O_NONBLOCK), openLimit(task), (flags & O_CLOEXEC) !== 0);
}

export const sys_inotify_init = (task: Task): number => sys_inotify_init1(task, 0);

function instance(task: Task, fd: Fd): InotifyFile {
  const file = task.fds.getUsable(fd);
  if (!(file instanceof InotifyFile)) throw EINVAL;
  return file;
}

export function sys_inotify_add_watch(task: Task, fd: Fd, address: GuestAddr, mask: number): number {
  if ((mask & KNOWN) === 0 || (mask & (IN_MASK_ADD | IN_MASK_CREATE)) === (IN_MASK_ADD | IN_MASK_CREATE)) throw EINVAL;
  const inotify = instance(task, fd);
  const { inode } = lookupAt(task, AT_FDCWD, readCString(task.mm, address), (mask & IN_DONT_FOLLOW) !== 0 ? 'keep' : 'follow');
  if ((mask & IN_ONLYDIR) !== 0 && !inode.isDirectory) throw ENOTDIR;
  needAccess(task.creds, inode, MAY_READ);
  return inotify.watch(inode, mask);
}

export function sys_inotify_rm_watch(task: Task, fd: Fd, wd: number): number {
  instance(task, fd).remove(wd);
  return 0;
}
