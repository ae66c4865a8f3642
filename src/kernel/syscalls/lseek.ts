/** lseek(2). */

import type { Fd } from '../../base/flavor.ts';
import type { SysResult } from '../result.ts';
import type { Task } from '../task/task.ts';

export function sys_lseek(task: Task, fd: Fd, offset: number, whence: number): SysResult {
  return task.fds.getUsable(fd).seek(offset, whence);
}
