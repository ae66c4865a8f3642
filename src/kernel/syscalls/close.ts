/** close(2), close_range(2). */

import { CLOSE_RANGE_CLOEXEC, CLOSE_RANGE_UNSHARE } from '../../abi/fcntl.ts';
import type { Fd } from '../../base/flavor.ts';
import { EINVAL } from '../errno.ts';
import type { SysResult } from '../result.ts';
import type { Task } from '../task/task.ts';

export function sys_close(task: Task, fd: Fd): SysResult {
  task.fds.close(fd);
  return 0;
}

export function sys_close_range(task: Task, first: number, last: number, flags: number): SysResult {
  if (flags & ~(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC) || first > last) throw EINVAL;
  if ((flags & CLOSE_RANGE_UNSHARE) !== 0 && task.fds.shared) {
    const own = task.fds.fork();
    task.fds.release();
    task.fds = own;
  }
  for (const [fd] of [...task.fds]) {
    if (fd < first || fd > last) continue;
    if (flags & CLOSE_RANGE_CLOEXEC) task.fds.setCloseOnExec(fd, true);
    else task.fds.close(fd);
  }
  return 0;
}
