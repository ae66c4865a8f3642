/** stat(2), fstat(2), lstat(2), newfstatat(2). */

import { AT_EMPTY_PATH, AT_FDCWD, AT_NO_AUTOMOUNT, AT_STATX_SYNC_TYPE, AT_SYMLINK_NOFOLLOW } from '../../abi/fcntl.ts';
import { STAT_BYTES } from '../../abi/stat.ts';
import type { Fd, GuestAddr } from '../../base/flavor.ts';
import { EINVAL } from '../errno.ts';
import { readCString, view } from '../mm/guest.ts';
import type { Task } from '../task/task.ts';
import type { Inode } from '../vfs/inode.ts';
import { lookupAt, lookupFlags } from '../vfs/names.ts';

const scratch = new DataView(new ArrayBuffer(STAT_BYTES));
const scratchBytes = new Uint8Array(scratch.buffer);

function put64(at: number, value: number): void {
  scratch.setUint32(at, value, true);
  scratch.setUint32(at + 4, Math.floor(value / 0x1_0000_0000), true);
}

function putTime(at: number, ns: bigint): void {
  let nsec = Number(ns % 1_000_000_000n);
  let sec = Number(ns / 1_000_000_000n);
  if (nsec < 0) {
    nsec += 1e9;
    sec--;
  }
  scratch.setUint32(at, sec, true);
  scratch.setInt32(at + 4, Math.floor(sec / 0x1_0000_0000), true);
  put64(at + 8, nsec);
}

export function writeStat(task: Task, address: GuestAddr, inode: Inode): number {
  put64(0, inode.dev);
  put64(8, inode.ino);
  put64(16, inode.nlink);
  scratch.setUint32(24, inode.mode, true);
  scratch.setUint32(28, inode.uid, true);
  scratch.setUint32(32, inode.gid, true);
  put64(40, inode.rdev);
  put64(48, inode.size);
  put64(56, inode.blockSize);
  put64(64, inode.blocks);
  putTime(72, inode.atimeNs);
  putTime(88, inode.mtimeNs);
  putTime(104, inode.ctimeNs);
  view(task.mm, address, STAT_BYTES, 'write').set(scratchBytes);
  return 0;
}

export const sys_stat = (task: Task, path: GuestAddr, out: GuestAddr): number => writeStat(task, out, lookupAt(task, AT_FDCWD, readCString(task.mm, path)).inode);

export const sys_lstat = (task: Task, path: GuestAddr, out: GuestAddr): number => writeStat(task, out, lookupAt(task, AT_FDCWD, readCString(task.mm, path), 'keep').inode);

export const sys_fstat = (task: Task, fd: Fd, out: GuestAddr): number => writeStat(task, out, task.fds.get(fd).inode);

export function sys_newfstatat(task: Task, dirfd: Fd, path: GuestAddr, out: GuestAddr, flags: number): number {
  if ((flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT | AT_STATX_SYNC_TYPE)) !== 0) throw EINVAL;
  return writeStat(task, out, inodeAt(task, dirfd, path, flags));
}

/** As the *at calls with AT_EMPTY_PATH want it: descriptors of any kind will do. */
export function inodeAt(task: Task, dirfd: Fd, path: GuestAddr, flags: number): Inode {
  if ((flags & AT_EMPTY_PATH) !== 0 && dirfd !== AT_FDCWD && (path === 0 || readCString(task.mm, path) === '')) return task.fds.get(dirfd).inode;
  return lookupFlags(task, dirfd, path, flags).inode;
}
