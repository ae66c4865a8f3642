/** umask(2). */

import type { SysResult } from '../result.ts';
import type { Task } from '../task/task.ts';

export function sys_umask(task: Task, mask: number): SysResult {
  const old = task.fs.umask;
  task.fs.umask = mask & 0o777;
  return old;
}
