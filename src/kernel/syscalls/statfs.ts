/** statfs(2), fstatfs(2). */

import { AT_FDCWD } from '../../abi/fcntl.ts';
import { MS_NOATIME, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RELATIME, STATFS_BYTES } from '../../abi/mount.ts';
import type { Fd, GuestAddr } from '../../base/flavor.ts';
import { readCString, view } from '../mm/guest.ts';
import type { Task } from '../task/task.ts';
import type { FileSystem } from '../vfs/inode.ts';
import { lookupAt } from '../vfs/names.ts';

const ST_VALID = 0x20;

function writeStatfs(task: Task, out: GuestAddr, fs: FileSystem, mountFlags: number, readOnly: boolean): number {
  const { magic, blockSize, blocks, blocksFree, files, filesFree } = fs.statfs();
  const words = new BigUint64Array(STATFS_BYTES / 8);
  const flags = (mountFlags & (MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_RELATIME)) | (readOnly ? 1 : 0) | ST_VALID;
  words.set([magic, blockSize, blocks, blocksFree, blocksFree, files, filesFree, fs.dev, 255, blockSize, flags].map((value) => BigInt(value)));
  view(task.mm, out, STATFS_BYTES, 'write').set(new Uint8Array(words.buffer));
  return 0;
}

export function sys_statfs(task: Task, path: GuestAddr, out: GuestAddr): number {
  const { mount } = lookupAt(task, AT_FDCWD, readCString(task.mm, path));
  return writeStatfs(task, out, mount.fs, mount.flags, mount.readOnly);
}

export function sys_fstatfs(task: Task, fd: Fd, out: GuestAddr): number {
  const { inode, path } = task.fds.get(fd);
  return writeStatfs(task, out, inode.fs, path?.mount.flags ?? 0, path?.mount.readOnly ?? false);
}
