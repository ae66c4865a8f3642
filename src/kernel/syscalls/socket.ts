/** socket(2), socketpair(2). */

import { O_NONBLOCK } from '../../abi/fcntl.ts';
import { SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_TYPE_MASK } from '../../abi/socket.ts';
import type { Fd, GuestAddr } from '../../base/flavor.ts';
import { EINVAL, ENOTSOCK } from '../errno.ts';
import { makeSocket, makeSocketPair } from '../net/index.ts';
import { Socket } from '../net/socket.ts';
import type { Task } from '../task/task.ts';
import { openLimit } from './dup.ts';
import { installPair } from './pipe.ts';

/** The socket behind a descriptor; EBADF, ENOTSOCK. */
export function socketOf(task: Task, fd: Fd): Socket {
  const file = task.fds.getUsable(fd);
  if (!(file instanceof Socket)) throw ENOTSOCK;
  return file;
}

/** The flags for the open description; EINVAL for unknown bits. */
export function socketFlags(flags: number): number {
  if ((flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK)) !== 0) throw EINVAL;
  return (flags & SOCK_NONBLOCK) === 0 ? 0 : O_NONBLOCK;
}

export function sys_socket(task: Task, family: number, type: number, protocol: number): number {
  const flags = socketFlags(type & ~SOCK_TYPE_MASK);
  return task.fds.install(makeSocket(task, family, type & SOCK_TYPE_MASK, protocol, flags), openLimit(task), (type & SOCK_CLOEXEC) !== 0);
}

export function sys_socketpair(task: Task, family: number, type: number, protocol: number, out: GuestAddr): number {
  const flags = socketFlags(type & ~SOCK_TYPE_MASK);
  return installPair(task, out, makeSocketPair(task, family, type & SOCK_TYPE_MASK, protocol, flags), (type & SOCK_CLOEXEC) !== 0);
}
