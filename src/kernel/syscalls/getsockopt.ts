/** getsockopt(2), setsockopt(2). */

import type { Fd, GuestAddr } from '../../base/flavor.ts';
import { EINVAL } from '../errno.ts';
import { getI32, putU32, view, writeBytes } from '../mm/guest.ts';
import { getOption, setOption } from '../net/options.ts';
import type { Task } from '../task/task.ts';
import { socketOf } from './socket.ts';

export function sys_getsockopt(task: Task, fd: Fd, level: number, name: number, at: GuestAddr, lengthAt: GuestAddr): number {
  const socket = socketOf(task, fd);
  const room = getI32(task.mm, lengthAt);
  if (room < 0) throw EINVAL;
  const value = getOption(socket, level, name);
  const count = Math.min(room, value.length);
  writeBytes(task.mm, at, value.subarray(0, count));
  putU32(task.mm, lengthAt, count);
  return 0;
}

export function sys_setsockopt(task: Task, fd: Fd, level: number, name: number, at: GuestAddr, length: number): number {
  const socket = socketOf(task, fd);
  if (length < 0) throw EINVAL;
  const value = (bytes: number): DataView => {
    const given = view(task.mm, at, bytes, 'read');
    return new DataView(given.buffer, given.byteOffset, bytes);
  };
  setOption(socket, level, name, value, length);
  return 0;
}
