/** brk(2). */

import { RLIMIT } from '../../abi/resource.ts';
import type { Task } from '../task/task.ts';

export function sys_brk(task: Task, address: number): number {
  const { mm, process } = task;
  if (address > mm.brk && address - mm.brkStart > process.limits[RLIMIT.DATA].soft) return mm.brk;
  return mm.setBrk(address);
}
