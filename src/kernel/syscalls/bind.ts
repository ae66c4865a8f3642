/** bind(2). */

import type { Fd, GuestAddr } from '../../base/flavor.ts';
import { readAddress } from '../net/address.ts';
import type { Task } from '../task/task.ts';
import { socketOf } from './socket.ts';

export function sys_bind(task: Task, fd: Fd, address: GuestAddr, length: number): number {
  const socket = socketOf(task, fd);
  socket.bind(task, readAddress(task.mm, address, length));
  return 0;
}
