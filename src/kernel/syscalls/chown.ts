/** chown(2), fchown(2), lchown(2), fchownat(2). */

import { AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW } from '../../abi/fcntl.ts';
import { IN_ATTRIB } from '../../abi/inotify.ts';
import { S_ISGID, S_ISUID, S_IXGRP } from '../../abi/stat.ts';
import type { Fd, GuestAddr } from '../../base/flavor.ts';
import { EINVAL, EPERM } from '../errno.ts';
import { CAP, hasCap, inGroup } from '../task/creds.ts';
import type { Task } from '../task/task.ts';
import type { AttrChange, Inode } from '../vfs/inode.ts';
import type { Path } from '../vfs/mount.ts';
import { lookupFlags } from '../vfs/names.ts';
import { notify } from '../vfs/notify.ts';
import { needWritable } from '../vfs/perm.ts';

/** (uid_t) −1: leave it. */
const KEEP = 0xffff_ffff;

function change(task: Task, inode: Inode, path: Path | undefined, uid: number, gid: number): number {
  if (path !== undefined) needWritable(path.mount);
  const { creds } = task;
  if (!hasCap(creds, CAP.CHOWN)) {
    const owns = creds.fsuid === inode.uid;
    if (uid !== KEEP && !(owns && uid === inode.uid)) throw EPERM;
    if (gid !== KEEP && !(owns && (gid === inode.gid || inGroup(creds, gid)))) throw EPERM;
  }
  const next: AttrChange = {};
  if (uid !== KEEP) next.uid = uid;
  if (gid !== KEEP) next.gid = gid;
  const { mode } = inode;
  if (!inode.isDirectory && (mode & (S_ISUID | S_ISGID)) !== 0 && (uid !== KEEP || gid !== KEEP)) next.mode = mode & 0o7777 & ~(S_ISUID | ((mode & S_IXGRP) !== 0 ? S_ISGID : 0));
  inode.setattr(next);
  notify(path, IN_ATTRIB);
  return 0;
}

export function sys_fchown(task: Task, fd: Fd, uid: number, gid: number): number {
  const { inode, path } = task.fds.getUsable(fd);
  return change(task, inode, path, uid, gid);
}

export function sys_fchownat(task: Task, dirfd: Fd, address: GuestAddr, uid: number, gid: number, flags: number): number {
  if ((flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) !== 0) throw EINVAL;
  const path = lookupFlags(task, dirfd, address, flags);
  return change(task, path.inode, path, uid, gid);
}

export const sys_chown = (task: Task, path: GuestAddr, uid: number, gid: number): number => sys_fchownat(task, AT_FDCWD, path, uid, gid, 0);

export const sys_lchown = (task: Task, path: GuestAddr, uid: number, gid: number): number => sys_fchownat(task, AT_FDCWD, path, uid, gid, AT_SYMLINK_NOFOLLOW);
