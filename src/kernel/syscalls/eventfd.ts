/** eventfd(2). */

import { EFD_CLOEXEC, EFD_NONBLOCK, EFD_SEMAPHORE } from '../../abi/poll.ts';
import { EINVAL } from '../errno.ts';
import { EventFile } from '../ipc/eventfd.ts';
import type { Task } from '../task/task.ts';
import { openLimit } from './dup.ts';

export function sys_eventfd2(task: Task, count: number, flags: number): number {
  if ((flags & ~(EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE)) !== 0) throw EINVAL;
  return task.fds.install(new EventFile(count, flags & (EFD_NONBLOCK | EFD_SEMAPHORE)), openLimit(task), (flags & EFD_CLOEXEC) !== 0);
}

export const sys_eventfd = (task: Task, count: number): number => sys_eventfd2(task, count, 0);
