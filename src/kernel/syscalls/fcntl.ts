/** fcntl(2): one row for each command. */

import {
  F_ADD_SEALS,
  F_DUPFD,
  F_DUPFD_CLOEXEC,
  F_DUPFD_QUERY,
  F_GETFD,
  F_GETFL,
  F_GETLEASE,
  F_GETLK,
  F_GETOWN,
  F_GETOWN_EX,
  F_GETPIPE_SZ,
  F_GETSIG,
  F_GET_SEALS,
  F_OFD_GETLK,
  F_OFD_SETLK,
  F_OFD_SETLKW,
  F_RDLCK,
  F_SEAL_SEAL,
  F_SEAL_WRITE,
  F_SETFD,
  F_SETFL,
  F_SETLEASE,
  F_SETLK,
  F_SETLKW,
  F_SETOWN,
  F_SETOWN_EX,
  F_SETPIPE_SZ,
  F_SETSIG,
  F_UNLCK,
  F_WRLCK,
  FD_CLOEXEC,
  O_APPEND,
  O_ASYNC,
  O_CLOEXEC,
  O_DIRECT,
  O_NOATIME,
  O_NONBLOCK,
  O_PATH,
  O_SETTABLE,
} from '../../abi/fcntl.ts';
import type { Fd, GuestAddr } from '../../base/flavor.ts';
import { EAGAIN, EBADF, EBUSY, EDEADLK, EINVAL, EOVERFLOW, EPERM, ESRCH } from '../errno.ts';
import { TmpfsInode } from '../fs/tmpfs.ts';
import { PIPE_MAX_SIZE, PipeFile } from '../ipc/pipe.ts';
import { getI32, getI64, getU16, putU16, putU32, putU64 } from '../mm/guest.ts';
import { type SysResult, WOULD_BLOCK } from '../result.ts';
import { block } from '../task/block.ts';
import { CAP, hasCap } from '../task/creds.ts';
import type { Task } from '../task/task.ts';
import type { OpenFile } from '../vfs/file.ts';
import { FileLocks, type LockOwner, type RecordLock } from '../vfs/locks.ts';
import { isOwner } from '../vfs/perm.ts';
import { openLimit } from './dup.ts';

type Command = (task: Task, file: OpenFile, argument: number, fd: Fd) => SysResult;

function duplicate(task: Task, file: OpenFile, from: number, closeOnExec: boolean): SysResult {
  const limit = openLimit(task);
  if (from < 0 || from >= limit) throw EINVAL;
  return task.fds.install(file, limit, closeOnExec, from);
}

function setFlags(task: Task, file: OpenFile, flags: number): SysResult {
  if ((flags & O_NOATIME) !== 0 && (file.flags & O_NOATIME) === 0 && !isOwner(task.creds, file.inode)) throw EPERM;
  file.flags = (file.flags & ~O_SETTABLE) | (flags & (O_APPEND | O_NONBLOCK | O_ASYNC | O_DIRECT | O_NOATIME));
  return 0;
}

/** struct flock on x86-64: l_type, l_whence, l_start, l_len, l_pid. */
function readLock(task: Task, file: OpenFile, address: GuestAddr, owner: LockOwner, pid: number): RecordLock & { readonly type: number } {
  const type = getU16(task.mm, address);
  const whence = getU16(task.mm, address + 2);
  let start = getI64(task.mm, address + 8);
  const length = getI64(task.mm, address + 16);
  if (whence > 2 || (type !== F_RDLCK && type !== F_WRLCK && type !== F_UNLCK)) throw EINVAL;
  start += whence === 1 ? file.position : whence === 2 ? file.inode.size : 0;
  let end = length === 0 ? Number.POSITIVE_INFINITY : start + length;
  if (length < 0) [start, end] = [start + length, start];
  if (start < 0) throw EINVAL;
  if (end !== Number.POSITIVE_INFINITY && end > Number.MAX_SAFE_INTEGER) throw EOVERFLOW;
  return { type, owner, pid, exclusive: type === F_WRLCK, start, end };
}

const locksOf = (file: OpenFile): FileLocks => (file.inode.locks ??= new FileLocks());

function getLock(task: Task, file: OpenFile, address: GuestAddr, owner: LockOwner, pid: number): SysResult {
  const want = readLock(task, file, address, owner, pid);
  if (want.type === F_UNLCK) throw EINVAL;
  const held = file.inode.locks?.conflict(want);
  if (held === undefined) {
    putU16(task.mm, address, F_UNLCK);
    return 0;
  }
  putU16(task.mm, address, held.exclusive ? F_WRLCK : F_RDLCK);
  putU16(task.mm, address + 2, 0);
  putU64(task.mm, address + 8, held.start);
  putU64(task.mm, address + 16, held.end === Number.POSITIVE_INFINITY ? 0 : held.end - held.start);
  putU32(task.mm, address + 24, held.pid);
  return 0;
}

/** Who waits for whom: a cycle is a deadlock (only for locks of processes). */
const waitsFor = new Map<LockOwner, { readonly locks: FileLocks; readonly want: RecordLock }>();

function wouldDeadlock(want: RecordLock, locks: FileLocks): boolean {
  let at = locks.conflict(want)?.owner;
  for (let steps = 0; at !== undefined && steps < 100; steps++) {
    if (at === want.owner) return true;
    const wait = waitsFor.get(at);
    at = wait?.locks.conflict(wait.want)?.owner;
  }
  return false;
}

function setLock(task: Task, file: OpenFile, address: GuestAddr, owner: LockOwner, pid: number, wait: boolean): SysResult {
  const want = readLock(task, file, address, owner, pid);
  if ((want.type === F_RDLCK && !file.canRead) || (want.type === F_WRLCK && !file.canWrite)) throw EBADF;
  if (want.type === F_UNLCK) {
    file.inode.locks?.clear(owner, want.start, want.end);
    return 0;
  }
  const locks = locksOf(file);
  const attempt = (): SysResult => {
    if (locks.conflict(want) !== undefined) return WOULD_BLOCK;
    locks.set(want);
    return 0;
  };
  if (attempt() === 0) return 0;
  if (!wait) throw EAGAIN;
  if (owner === task.fds && wouldDeadlock(want, locks)) throw EDEADLK;
  waitsFor.set(owner, { locks, want });
  return block(task, [locks.queue], attempt, { cleanup: () => waitsFor.delete(owner) });
}

function ofdPid(task: Task, address: GuestAddr): number {
  if (getI32(task.mm, address + 24) !== 0) throw EINVAL;
  return -1;
}

function pipeOf(file: OpenFile): PipeFile {
  if (!(file instanceof PipeFile)) throw EBADF;
  return file;
}

function setPipeSize(task: Task, file: OpenFile, size: number): SysResult {
  const { pipe } = pipeOf(file);
  if (size < 0 || size > 0x7fff_ffff) throw EINVAL;
  if (size > PIPE_MAX_SIZE && !hasCap(task.creds, CAP.SYS_RESOURCE)) throw EPERM;
  return pipe.resize(size);
}

function seals(file: OpenFile): TmpfsInode {
  if (!(file.inode instanceof TmpfsInode) || !file.inode.isRegular) throw EINVAL;
  return file.inode;
}

/** Shared mappings through which the file can be written: F_SEAL_WRITE must wait for their end. */
function mappedWritable({ kernel }: Task, inode: TmpfsInode): boolean {
  for (const { mm } of kernel.tasks.values()) for (const { file, sharing, mayWrite } of mm.vmas) if (file === inode && sharing === 'shared' && mayWrite) return true;
  return false;
}

function addSeals(task: Task, file: OpenFile, bits: number): SysResult {
  const inode = seals(file);
  if (!file.canWrite || (inode.seals & F_SEAL_SEAL) !== 0) throw EPERM;
  if ((bits & ~0x3f) !== 0) throw EINVAL;
  if ((bits & F_SEAL_WRITE) !== 0 && mappedWritable(task, inode)) throw EBUSY;
  inode.seals |= bits;
  return 0;
}

function setOwner(task: Task, file: OpenFile, owner: number): SysResult {
  if (owner > 0 && !task.kernel.tasks.has(owner) && !task.kernel.processes.has(owner)) throw ESRCH;
  file.owner = owner;
  return 0;
}

function setOwnerEx(task: Task, file: OpenFile, address: GuestAddr): SysResult {
  const type = getI32(task.mm, address);
  const id = getI32(task.mm, address + 4);
  if (type < 0 || type > 2) throw EINVAL;
  return setOwner(task, file, type === 2 ? -id : id);
}

function getOwnerEx(task: Task, file: OpenFile, address: GuestAddr): SysResult {
  putU32(task.mm, address, file.owner < 0 ? 2 : 1);
  putU32(task.mm, address + 4, Math.abs(file.owner));
  return 0;
}

// biome-ignore format: a table
const COMMANDS = new Map<number, Command>([
  [F_DUPFD,         (task, file, from) => duplicate(task, file, from, false)],
  [F_GETFD,         (task, _file, _arg, fd) => (task.fds.isCloseOnExec(fd) ? FD_CLOEXEC : 0)],
  [F_SETFD,         (task, _file, arg, fd) => { task.fds.setCloseOnExec(fd, (arg & FD_CLOEXEC) !== 0); return 0; }],
  [F_GETFL,         (_task, file) => file.flags & ~O_CLOEXEC],
  [F_SETFL,         setFlags],
  [F_GETLK,         (task, file, address) => getLock(task, file, address, task.fds, task.pid)],
  [F_SETLK,         (task, file, address) => setLock(task, file, address, task.fds, task.pid, false)],
  [F_SETLKW,        (task, file, address) => setLock(task, file, address, task.fds, task.pid, true)],
  [F_SETOWN,        (task, file, owner) => setOwner(task, file, owner | 0)],
  [F_GETOWN,        (_task, file) => file.owner],
  [F_SETSIG,        (_task, file, signal) => { if (signal > 64) throw EINVAL; file.ownerSignal = signal; return 0; }],
  [F_GETSIG,        (_task, file) => file.ownerSignal],
  [F_SETOWN_EX,     setOwnerEx],
  [F_GETOWN_EX,     getOwnerEx],
  [F_OFD_GETLK,     (task, file, address) => getLock(task, file, address, file, ofdPid(task, address))],
  [F_OFD_SETLK,     (task, file, address) => setLock(task, file, address, file, ofdPid(task, address), false)],
  [F_OFD_SETLKW,    (task, file, address) => setLock(task, file, address, file, ofdPid(task, address), true)],
  [F_SETLEASE,      () => { throw EAGAIN; }],
  [F_GETLEASE,      () => F_UNLCK],
  [F_DUPFD_QUERY,   (task, file, fd) => (task.fds.get(fd) === file ? 1 : 0)],
  [F_DUPFD_CLOEXEC, (task, file, from) => duplicate(task, file, from, true)],
  [F_SETPIPE_SZ,    setPipeSize],
  [F_GETPIPE_SZ,    (_task, file) => pipeOf(file).pipe.capacity],
  [F_ADD_SEALS,     addSeals],
  [F_GET_SEALS,     (_task, file) => seals(file).seals],
]);

/** What descriptors made with O_PATH may do. */
const ON_PATHS = new Set([F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL]);

export function sys_fcntl(task: Task, fd: Fd, command: number, argument: number): SysResult {
  const file = task.fds.get(fd);
  if ((file.flags & O_PATH) !== 0 && !ON_PATHS.has(command)) throw EBADF;
  const run = COMMANDS.get(command);
  if (run === undefined) throw EINVAL;
  return run(task, file, argument, fd);
}
