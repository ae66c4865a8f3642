/** epoll_create(2). */

import { O_CLOEXEC } from '../../abi/fcntl.ts';
import { EINVAL } from '../errno.ts';
import { EpollFile } from '../ipc/epoll.ts';
import type { Task } from '../task/task.ts';
import { openLimit } from './dup.ts';

export function sys_epoll_create1(task: Task, flags: number): number {
  if ((flags & ~O_CLOEXEC) !== 0) throw EINVAL;
  return task.fds.install(new EpollFile(), openLimit(task), (flags & O_CLOEXEC) !== 0);
}

export function sys_epoll_create(task: Task, size: number): number {
  if (size <= 0) throw EINVAL;
  return sys_epoll_create1(task, 0);
}
