/** fsync(2), fdatasync(2), sync(2), syncfs(2), sync_file_range(2). */

import type { Fd } from '../../base/flavor.ts';
import { EBADF, EINVAL, ESPIPE } from '../errno.ts';
import type { Task } from '../task/task.ts';
import { vfsOf } from '../vfs/vfs.ts';

export function sys_fsync(task: Task, fd: Fd): number {
  task.fds.getUsable(fd).fsync();
  return 0;
}

export function sys_sync(task: Task): number {
  vfsOf(task).sync();
  return 0;
}

export function sys_syncfs(task: Task, fd: Fd): number {
  task.fds.getUsable(fd).inode.fs.sync();
  return 0;
}

export function sys_sync_file_range(task: Task, fd: Fd, offset: number, length: number, flags: number): number {
  if ((flags & ~7) !== 0 || offset < 0 || length < 0) throw EINVAL;
  const file = task.fds.get(fd);
  if (file.isPath) throw EBADF;
  if (!file.inode.isRegular && !file.inode.isDirectory) throw ESPIPE;
  file.fsync();
  return 0;
}
