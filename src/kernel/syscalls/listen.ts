/** listen(2). */

import type { Fd } from '../../base/flavor.ts';
import type { Task } from '../task/task.ts';
import { socketOf } from './socket.ts';

export function sys_listen(task: Task, fd: Fd, backlog: number): number {
  socketOf(task, fd).listen(task, backlog);
  return 0;
}
