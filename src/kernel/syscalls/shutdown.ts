/** shutdown(2). */

import { SHUT_RDWR } from '../../abi/socket.ts';
import type { Fd } from '../../base/flavor.ts';
import { EINVAL } from '../errno.ts';
import type { Task } from '../task/task.ts';
import { socketOf } from './socket.ts';

export function sys_shutdown(task: Task, fd: Fd, how: number): number {
  const socket = socketOf(task, fd);
  if (how < 0 || how > SHUT_RDWR) throw EINVAL;
  socket.shutdown(how);
  return 0;
}
