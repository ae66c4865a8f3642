/** accept(2), accept4(2). */

import { SOCK_CLOEXEC } from '../../abi/socket.ts';
import type { Fd, GuestAddr } from '../../base/flavor.ts';
import { EAGAIN } from '../errno.ts';
import { UNNAMED, writeAddress } from '../net/address.ts';
import { type SysResult, WOULD_BLOCK } from '../result.ts';
import { block, within } from '../task/block.ts';
import type { Task } from '../task/task.ts';
import { openLimit } from './dup.ts';
import { socketFlags, socketOf } from './socket.ts';

export function sys_accept4(task: Task, fd: Fd, address: GuestAddr, lengthAt: GuestAddr, flags: number): SysResult {
  const status = socketFlags(flags);
  const listener = socketOf(task, fd);
  const limit = openLimit(task);
  const attempt = (): SysResult => {
    task.fds.reserve(1, limit);
    const socket = listener.accept();
    if (socket === undefined) return WOULD_BLOCK;
    socket.flags |= status;
    const number = task.fds.install(socket, limit, (flags & SOCK_CLOEXEC) !== 0);
    try {
      writeAddress(task.mm, address, lengthAt, socket.remote ?? UNNAMED);
    } catch (error) {
      task.fds.close(number);
      throw error;
    }
    return number;
  };
  const result = attempt();
  if (result !== WOULD_BLOCK) return result;
  if (listener.nonBlocking) throw EAGAIN;
  return block(task, listener.readQueues, attempt, within(task, listener.receiveTimeoutNs));
}

export const sys_accept = (task: Task, fd: Fd, address: GuestAddr, lengthAt: GuestAddr): SysResult => sys_accept4(task, fd, address, lengthAt, 0);
