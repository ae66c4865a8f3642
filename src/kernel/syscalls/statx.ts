/** statx(2). */

import { AT_EMPTY_PATH, AT_NO_AUTOMOUNT, AT_STATX_SYNC_TYPE, AT_SYMLINK_NOFOLLOW } from '../../abi/fcntl.ts';
import { major, minor, STATX_BASIC_STATS, STATX_BYTES, STATX_MNT_ID, STATX_RESERVED } from '../../abi/stat.ts';
import type { Fd, GuestAddr } from '../../base/flavor.ts';
import { EINVAL } from '../errno.ts';
import { view } from '../mm/guest.ts';
import type { Task } from '../task/task.ts';
import { inodeAt } from './stat.ts';

const scratch = new DataView(new ArrayBuffer(STATX_BYTES));
const scratchBytes = new Uint8Array(scratch.buffer);

function putTime(at: number, ns: bigint): void {
  let sec = ns / 1_000_000_000n;
  let nsec = ns % 1_000_000_000n;
  if (nsec < 0n) {
    nsec += 1_000_000_000n;
    sec--;
  }
  scratch.setBigInt64(at, sec, true);
  scratch.setUint32(at + 8, Number(nsec), true);
}

export function sys_statx(task: Task, dirfd: Fd, path: GuestAddr, flags: number, mask: number, out: GuestAddr): number {
  if ((flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT | AT_STATX_SYNC_TYPE)) !== 0 || (flags & AT_STATX_SYNC_TYPE) === AT_STATX_SYNC_TYPE) throw EINVAL;
  if ((mask & STATX_RESERVED) !== 0) throw EINVAL;
  const inode = inodeAt(task, dirfd, path, flags);
  scratchBytes.fill(0);
  scratch.setUint32(0, STATX_BASIC_STATS | (mask & STATX_MNT_ID), true);
  scratch.setUint32(4, inode.blockSize, true);
  scratch.setUint32(16, inode.nlink, true);
  scratch.setUint32(20, inode.uid, true);
  scratch.setUint32(24, inode.gid, true);
  scratch.setUint16(28, inode.mode, true);
  scratch.setBigUint64(32, BigInt(inode.ino), true);
  scratch.setBigUint64(40, BigInt(inode.size), true);
  scratch.setBigUint64(48, BigInt(inode.blocks), true);
  putTime(64, inode.atimeNs);
  putTime(96, inode.ctimeNs);
  putTime(112, inode.mtimeNs);
  scratch.setUint32(128, major(inode.rdev), true);
  scratch.setUint32(132, minor(inode.rdev), true);
  scratch.setUint32(136, major(inode.dev), true);
  scratch.setUint32(140, minor(inode.dev), true);
  scratch.setBigUint64(144, 1n, true);
  view(task.mm, out, STATX_BYTES, 'write').set(scratchBytes);
  return 0;
}
