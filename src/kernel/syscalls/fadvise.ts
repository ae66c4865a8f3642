/** posix_fadvise(2), readahead(2): advice that nothing needs, checked as Linux checks it. */

import type { Fd } from '../../base/flavor.ts';
import { EBADF, EINVAL, ESPIPE } from '../errno.ts';
import type { Task } from '../task/task.ts';

const POSIX_FADV_NOREUSE = 5;

export function sys_fadvise64(task: Task, fd: Fd, _offset: number, length: number, advice: number): number {
  const file = task.fds.getUsable(fd);
  if (!file.inode.isRegular && !file.inode.isDirectory && !file.seekable) throw ESPIPE;
  if (length < 0 || advice < 0 || advice > POSIX_FADV_NOREUSE) throw EINVAL;
  return 0;
}

export function sys_readahead(task: Task, fd: Fd, _offset: number, _length: number): number {
  const file = task.fds.getUsable(fd);
  if (!file.canRead) throw EBADF;
  if (!file.inode.isRegular) throw EINVAL;
  return 0;
}
