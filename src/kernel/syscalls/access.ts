/** access(2), faccessat(2), faccessat2(2). */

import { AT_EACCESS, AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW, F_OK, R_OK, W_OK, X_OK } from '../../abi/fcntl.ts';
import { MS_NOEXEC } from '../../abi/mount.ts';
import type { Fd, GuestAddr } from '../../base/flavor.ts';
import { EACCES, EINVAL, EROFS } from '../errno.ts';
import { ALL_CAPS, type Creds } from '../task/creds.ts';
import type { Task } from '../task/task.ts';
import { lookupFlags } from '../vfs/names.ts';
import { needAccess } from '../vfs/perm.ts';

/** access(2) asks for the real user: "as if" a set-user-ID program's invoker tried. */
function realCreds({ creds }: Task): Creds {
  if (creds.uid === creds.fsuid && creds.gid === creds.fsgid) return creds;
  return { ...creds, fsuid: creds.uid, fsgid: creds.gid, effective: creds.uid === 0 ? ALL_CAPS : 0n };
}

export function sys_faccessat2(task: Task, dirfd: Fd, path: GuestAddr, mode: number, flags: number): number {
  if ((mode & ~(R_OK | W_OK | X_OK)) !== F_OK || (flags & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) !== 0) throw EINVAL;
  const before = task.creds;
  const creds = (flags & AT_EACCESS) !== 0 ? before : realCreds(task);
  task.creds = creds;
  try {
    const { inode, mount } = lookupFlags(task, dirfd, path, flags);
    if (mode !== F_OK) {
      if ((mode & W_OK) !== 0 && mount.readOnly && (inode.isRegular || inode.isDirectory || inode.isSymlink)) throw EROFS;
      if ((mode & X_OK) !== 0 && inode.isRegular && (mount.flags & MS_NOEXEC) !== 0) throw EACCES;
      needAccess(creds, inode, mode);
    }
  } finally {
    task.creds = before;
  }
  return 0;
}

export const sys_faccessat = (task: Task, dirfd: Fd, path: GuestAddr, mode: number): number => sys_faccessat2(task, dirfd, path, mode, 0);

export const sys_access = (task: Task, path: GuestAddr, mode: number): number => sys_faccessat2(task, AT_FDCWD, path, mode, 0);
