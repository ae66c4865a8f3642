/** getsockname(2), getpeername(2). */

import { AF_INET, AF_INET6 } from '../../abi/socket.ts';
import type { Fd, GuestAddr } from '../../base/flavor.ts';
import { EFAULT, ENOTCONN } from '../errno.ts';
import { type Address, ANY6, UNNAMED, writeAddress } from '../net/address.ts';
import type { Task } from '../task/task.ts';
import { socketOf } from './socket.ts';

/** What an unbound socket answers. */
const unbound = (family: number): Address => (family === AF_INET ? { family, host: 0, port: 0 } : family === AF_INET6 ? { family, host: ANY6, port: 0 } : UNNAMED);

export function sys_getsockname(task: Task, fd: Fd, address: GuestAddr, lengthAt: GuestAddr): number {
  const socket = socketOf(task, fd);
  if (address === 0) throw EFAULT;
  writeAddress(task.mm, address, lengthAt, socket.local ?? unbound(socket.family));
  return 0;
}

export function sys_getpeername(task: Task, fd: Fd, address: GuestAddr, lengthAt: GuestAddr): number {
  const { remote } = socketOf(task, fd);
  if (remote === undefined) throw ENOTCONN;
  if (address === 0) throw EFAULT;
  writeAddress(task.mm, address, lengthAt, remote);
  return 0;
}
