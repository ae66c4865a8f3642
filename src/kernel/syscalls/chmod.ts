/** chmod(2), fchmod(2), fchmodat(2), fchmodat2(2). */

import { AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW } from '../../abi/fcntl.ts';
import { IN_ATTRIB } from '../../abi/inotify.ts';
import { S_ISGID } from '../../abi/stat.ts';
import type { Fd, GuestAddr } from '../../base/flavor.ts';
import { EINVAL, EOPNOTSUPP, EPERM } from '../errno.ts';
import { CAP, hasCap, inGroup } from '../task/creds.ts';
import type { Task } from '../task/task.ts';
import type { Inode } from '../vfs/inode.ts';
import type { Path } from '../vfs/mount.ts';
import { lookupFlags } from '../vfs/names.ts';
import { notify } from '../vfs/notify.ts';
import { isOwner, needWritable } from '../vfs/perm.ts';

function change(task: Task, inode: Inode, path: Path | undefined, mode: number): number {
  if (path !== undefined) needWritable(path.mount);
  if (!isOwner(task.creds, inode)) throw EPERM;
  let bits = mode & 0o7777;
  if (!inGroup(task.creds, inode.gid) && !hasCap(task.creds, CAP.FSETID)) bits &= ~S_ISGID;
  inode.setattr({ mode: bits });
  notify(path, IN_ATTRIB);
  return 0;
}

export function sys_fchmod(task: Task, fd: Fd, mode: number): number {
  const { inode, path } = task.fds.getUsable(fd);
  return change(task, inode, path, mode);
}

export function sys_fchmodat2(task: Task, dirfd: Fd, address: GuestAddr, mode: number, flags: number): number {
  if ((flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) !== 0) throw EINVAL;
  const path = lookupFlags(task, dirfd, address, flags);
  if (path.inode.isSymlink) throw EOPNOTSUPP;
  return change(task, path.inode, path, mode);
}

export const sys_fchmodat = (task: Task, dirfd: Fd, path: GuestAddr, mode: number): number => sys_fchmodat2(task, dirfd, path, mode, 0);

export const sys_chmod = (task: Task, path: GuestAddr, mode: number): number => sys_fchmodat2(task, AT_FDCWD, path, mode, 0);
