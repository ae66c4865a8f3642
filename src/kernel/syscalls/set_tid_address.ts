/** set_tid_address(2), set_robust_list(2), get_robust_list(2). */

import { EINVAL, EPERM, ESRCH } from '../errno.ts';
import { putU64 } from '../mm/guest.ts';
import { mayKill } from '../signal/send.ts';
import type { Task } from '../task/task.ts';

const HEAD_BYTES = 24;

export function sys_set_tid_address(task: Task, address: number): number {
  task.clearChildTid = address;
  return task.tid;
}

export function sys_set_robust_list(task: Task, head: number, size: number): number {
  if (size !== HEAD_BYTES) throw EINVAL;
  task.robustList = head;
  return 0;
}

export function sys_get_robust_list(task: Task, pid: number, headAt: number, sizeAt: number): number {
  const target = pid === 0 ? task : task.kernel.tasks.get(pid);
  if (target === undefined) throw ESRCH;
  if (!mayKill(task, target.process, 0)) throw EPERM;
  putU64(task.mm, sizeAt, HEAD_BYTES);
  putU64(task.mm, headAt, target.robustList);
  return 0;
}
