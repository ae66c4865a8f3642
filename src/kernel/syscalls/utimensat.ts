/** utimensat(2), utimes(2), futimesat(2), utime(2). */

import { AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW, UTIME_NOW, UTIME_OMIT } from '../../abi/fcntl.ts';
import { IN_ATTRIB } from '../../abi/inotify.ts';
import type { Fd, GuestAddr } from '../../base/flavor.ts';
import { EACCES, EFAULT, EINVAL, EPERM } from '../errno.ts';
import { getI64, readTimeval } from '../mm/guest.ts';
import type { Task } from '../task/task.ts';
import type { AttrChange, Inode } from '../vfs/inode.ts';
import type { Path } from '../vfs/mount.ts';
import { lookupFlags } from '../vfs/names.ts';
import { notify } from '../vfs/notify.ts';
import { isOwner, MAY_WRITE, mayAccess, needWritable } from '../vfs/perm.ts';
import { vfsOf } from '../vfs/vfs.ts';

type Stamp = bigint | 'now' | 'omit';

function apply(task: Task, inode: Inode, path: Path | undefined, atime: Stamp, mtime: Stamp): number {
  if (atime === 'omit' && mtime === 'omit') return 0;
  if (path !== undefined) needWritable(path.mount);
  if (!isOwner(task.creds, inode)) {
    if (atime !== 'now' || mtime !== 'now') throw EPERM;
    if (!mayAccess(task.creds, inode, MAY_WRITE)) throw EACCES;
  }
  const now = vfsOf(task).now();
  const next: AttrChange = {};
  if (atime !== 'omit') next.atimeNs = atime === 'now' ? now : atime;
  if (mtime !== 'omit') next.mtimeNs = mtime === 'now' ? now : mtime;
  inode.setattr(next);
  notify(path, IN_ATTRIB);
  return 0;
}

function readStamp(task: Task, address: GuestAddr): Stamp {
  const nanoseconds = getI64(task.mm, address + 8);
  if (nanoseconds === UTIME_NOW) return 'now';
  if (nanoseconds === UTIME_OMIT) return 'omit';
  if (nanoseconds < 0 || nanoseconds > 999_999_999) throw EINVAL;
  return BigInt(getI64(task.mm, address)) * 1_000_000_000n + BigInt(nanoseconds);
}

export function sys_utimensat(task: Task, dirfd: Fd, address: GuestAddr, times: GuestAddr, flags: number): number {
  if ((flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) !== 0) throw EINVAL;
  const atime = times === 0 ? 'now' : readStamp(task, times);
  const mtime = times === 0 ? 'now' : readStamp(task, times + 16);
  if (address === 0) {
    if (dirfd === AT_FDCWD) throw EFAULT;
    if (flags !== 0) throw EINVAL;
    const { inode, path } = task.fds.getUsable(dirfd);
    return apply(task, inode, path, atime, mtime);
  }
  const path = lookupFlags(task, dirfd, address, flags);
  return apply(task, path.inode, path, atime, mtime);
}

export function sys_futimesat(task: Task, dirfd: Fd, address: GuestAddr, times: GuestAddr): number {
  const atime = times === 0 ? 'now' : BigInt(readTimeval(task.mm, times));
  const mtime = times === 0 ? 'now' : BigInt(readTimeval(task.mm, times + 16));
  const path = lookupFlags(task, dirfd, address, 0);
  return apply(task, path.inode, path, atime, mtime);
}

export const sys_utimes = (task: Task, path: GuestAddr, times: GuestAddr): number => sys_futimesat(task, AT_FDCWD, path, times);

export function sys_utime(task: Task, address: GuestAddr, times: GuestAddr): number {
  const stamp = (at: number): Stamp => (times === 0 ? 'now' : BigInt(getI64(task.mm, times + at)) * 1_000_000_000n);
  const path = lookupFlags(task, AT_FDCWD, address, 0);
  return apply(task, path.inode, path, stamp(0), stamp(8));
}
