/** fcntl(2): a row for each command. */

import {
  F_DUPFD, F_DUPFD_CLOEXEC, F_DUPFD_QUERY, F_GETFD, F_GETFL, F_GETLEASE, F_GETLK, F_GETOWN, F_GETSIG, F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW, F_RDLCK, F_SETFD, F_SETFL, F_SETLK, F_SETLKW,
  F_SETOWN, F_SETSIG, F_UNLCK, F_WRLCK, FD_CLOEXEC, O_SETTABLE, SEEK_CUR, SEEK_END, SEEK_SET,
} from '../../abi/fcntl.ts';
import { RLIMIT } from '../../abi/resource.ts';
import type { Fd } from '../../base/flavor.ts';
import { EAGAIN, EBADF, EINVAL } from '../errno.ts';
import { getI16, getI64, putU16, putU32, putU64 } from '../mm/guest.ts';
import { type SysResult, WOULD_BLOCK } from '../result.ts';
import { block } from '../task/block.ts';
import type { Task } from '../task/task.ts';
import type { OpenFile } from '../vfs/file.ts';
import { FileLocks, type LockOwner, type RecordLock } from '../vfs/locks.ts';

type Command = (task: Task, file: OpenFile, fd: Fd, argument: number) => SysResult;

const duplicate = (closeOnExec: boolean): Command => (task, file, _fd, from) => {
  const limit = task.process.limits[RLIMIT.NOFILE].soft;
  if (from < 0 || from >= limit) throw EINVAL;
  return task.fds.install(file, limit, closeOnExec, from);
};

const setFlags: Command = (_task, file, _fd, flags) => {
  file.flags = (file.flags & ~O_SETTABLE) | (flags & O_SETTABLE);
  return 0;
};

/** struct flock: type, whence, start, length, pid. */
function readLock(task: Task, file: OpenFile, address: number, owner: LockOwner): { type: number; lock: RecordLock } {
  const type = getI16(task.mm, address);
  const whence = getI16(task.mm, address + 2);
  const length = getI64(task.mm, address + 16);
  const base = whence === SEEK_SET ? 0 : whence === SEEK_CUR ? file.position : whence === SEEK_END ? file.inode.size : -1;
  if (base < 0 || (type !== F_RDLCK && type !== F_WRLCK && type !== F_UNLCK)) throw EINVAL;
  const first = base + getI64(task.mm, address + 8);
  const start = length < 0 ? first + length : first;
  if (start < 0) throw EINVAL;
  const end = length === 0 ? Number.POSITIVE_INFINITY : length < 0 ? first : first + length;
  return { type, lock: { owner, pid: owner === file ? -1 : task.process.pid, exclusive: type === F_WRLCK, start, end } };
}

const getLock = (ofd: boolean): Command => (task, file, _fd, address) => {
  const { type, lock } = readLock(task, file, address, ofd ? file : task.fds);
  if (type === F_UNLCK) throw EINVAL;
  const held = file.inode.locks?.conflict(lock);
  if (held === undefined) {
    putU16(task.mm, address, F_UNLCK);
    return 0;
  }
  putU16(task.mm, address, held.exclusive ? F_WRLCK : F_RDLCK);
  putU16(task.mm, address + 2, SEEK_SET);
  putU64(task.mm, address + 8, held.start);
  putU64(task.mm, address + 16, held.end === Number.POSITIVE_INFINITY ? 0 : held.end - held.start);
  putU32(task.mm, address + 24, held.pid);
  return 0;
};

const setLock = (ofd: boolean, waits: boolean): Command => (task, file, _fd, address) => {
  const { type, lock } = readLock(task, file, address, ofd ? file : task.fds);
  if (type === F_UNLCK) {
    file.inode.locks?.clear(lock.owner, lock.start, lock.end);
    return 0;
  }
  if (type === F_RDLCK ? !file.canRead : !file.canWrite) throw EBADF;
  file.inode.locks ??= new FileLocks();
  const { locks } = file.inode;
  const attempt = (): SysResult => {
    if (locks.conflict(lock) !== undefined) return WOULD_BLOCK;
    locks.set(lock);
    return 0;
  };
  const result = attempt();
  if (result !== WOULD_BLOCK) return result;
  if (!waits) throw EAGAIN;
  return block(task, [locks.queue], attempt);
};

// biome-ignore format: a table
const COMMANDS: Readonly<Record<number, Command>> = {
  [F_DUPFD]:         duplicate(false),
  [F_GETFD]:         (task, _file, fd) => (task.fds.isCloseOnExec(fd) ? FD_CLOEXEC : 0),
  [F_SETFD]:         (task, _file, fd, flags) => { task.fds.setCloseOnExec(fd, (flags & FD_CLOEXEC) !== 0); return 0; },
  [F_GETFL]:         (_task, file) => file.flags,
  [F_SETFL]:         setFlags,
  [F_GETLK]:         getLock(false),
  [F_SETLK]:         setLock(false, false),
  [F_SETLKW]:        setLock(false, true),
  [F_SETOWN]:        (_task, file, _fd, pid) => { file.owner = pid | 0; return 0; },
  [F_GETOWN]:        (_task, file) => file.owner,
  [F_SETSIG]:        (_task, file, _fd, signal) => { file.ownerSignal = signal; return 0; },
  [F_GETSIG]:        (_task, file) => file.ownerSignal,
  [F_OFD_GETLK]:     getLock(true),
  [F_OFD_SETLK]:     setLock(true, false),
  [F_OFD_SETLKW]:    setLock(true, true),
  [F_GETLEASE]:      () => F_UNLCK,
  [F_DUPFD_QUERY]:   (task, file, _fd, other) => (task.fds.has(other) && task.fds.get(other) === file ? 1 : 0),
  [F_DUPFD_CLOEXEC]: duplicate(true),
};

/** What a descriptor made with O_PATH may be asked. */
const ON_PATHS = new Set([F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL, F_DUPFD_QUERY]);

export function sys_fcntl(task: Task, fd: Fd, command: number, argument: number): SysResult {
  const file = task.fds.get(fd);
  const row = COMMANDS[command];
  if (file.isPath && !ON_PATHS.has(command)) throw EBADF;
  // Pipe sizes, seals and leases are the file's own business.
  return row === undefined ? file.fcntl(task, command, argument) : row(task, file, fd, argument);
}
