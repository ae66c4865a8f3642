/** open(2), openat(2), creat(2), openat2(2). */

import { AT_FDCWD, O_CLOEXEC, O_CREAT, O_KNOWN, O_TMPFILE, O_TRUNC, O_WRONLY, RESOLVE_BENEATH, RESOLVE_CACHED, RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS, RESOLVE_NO_XDEV } from '../../abi/fcntl.ts';
import { RLIMIT } from '../../abi/resource.ts';
import type { Fd, GuestAddr } from '../../base/flavor.ts';
import { E2BIG, EAGAIN, EINVAL } from '../errno.ts';
import { FifoFile } from '../ipc/fifo.ts';
import { getU8, getU64, readCString } from '../mm/guest.ts';
import { type SysResult, WOULD_BLOCK } from '../result.ts';
import { block } from '../task/block.ts';
import type { Task } from '../task/task.ts';
import { startOf } from '../vfs/names.ts';
import { openAt } from '../vfs/open.ts';

const RESOLVE_KNOWN = RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH | RESOLVE_IN_ROOT | RESOLVE_CACHED;
const OPEN_HOW_BYTES = 24;

function open(task: Task, dirfd: Fd, name: string, flags: number, mode: number, resolve = 0): SysResult {
  const limit = task.process.limits[RLIMIT.NOFILE].soft;
  task.fds.reserve(1, limit);
  const file = openAt(task, startOf(task, dirfd, name), name, flags, mode, resolve);
  const install = (): SysResult => task.fds.install(file, limit, (flags & O_CLOEXEC) !== 0);
  if (!(file instanceof FifoFile) || file.nonBlocking || !file.waiting) return install();
  file.retain();
  return block(task, file.canRead ? file.readQueues : file.writeQueues, () => (file.waiting ? WOULD_BLOCK : install()), { cleanup: () => file.release() });
}

export function sys_open(task: Task, address: GuestAddr, flags: number, mode: number): SysResult {
  return open(task, AT_FDCWD, readCString(task.mm, address), flags & O_KNOWN, mode);
}

export function sys_openat(task: Task, dirfd: Fd, address: GuestAddr, flags: number, mode: number): SysResult {
  return open(task, dirfd, readCString(task.mm, address), flags & O_KNOWN, mode);
}

export function sys_creat(task: Task, address: GuestAddr, mode: number): SysResult {
  return open(task, AT_FDCWD, readCString(task.mm, address), O_CREAT | O_WRONLY | O_TRUNC, mode);
}

/** Unlike the older calls it refuses what it does not know. */
export function sys_openat2(task: Task, dirfd: Fd, address: GuestAddr, how: GuestAddr, size: number): SysResult {
  if (size < OPEN_HOW_BYTES) throw EINVAL;
  for (let at = OPEN_HOW_BYTES; at < size; at++) if (getU8(task.mm, how + at) !== 0) throw E2BIG;
  const flags = getU64(task.mm, how);
  const mode = getU64(task.mm, how + 8);
  const resolve = getU64(task.mm, how + 16);
  if (flags > 0x7fff_ffff || (flags & ~O_KNOWN) !== 0 || resolve > 0xff || (resolve & ~RESOLVE_KNOWN) !== 0) throw EINVAL;
  const makes = (flags & O_CREAT) !== 0 || (flags & O_TMPFILE) === O_TMPFILE;
  if (mode > 0o7777 || (!makes && mode !== 0)) throw EINVAL;
  if ((resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT)) === (RESOLVE_BENEATH | RESOLVE_IN_ROOT)) throw EINVAL;
  if ((resolve & RESOLVE_CACHED) !== 0 && (makes || (flags & O_TRUNC) !== 0)) throw EAGAIN;
  return open(task, dirfd, readCString(task.mm, address), flags, mode, resolve);
}
