/** mlock(2), mlock2(2), mlockall(2). Nothing is ever swapped out, so a lock is a mark and a check. */

import { MAP_LOCKED, MCL_CURRENT, MCL_FUTURE, MCL_ONFAULT, MLOCK_ONFAULT } from '../../abi/mman.ts';
import { EINVAL, ENOMEM } from '../errno.ts';
import { pageCeil, pageFloor } from '../mm/vma.ts';
import { ADDRESS_LIMIT } from '../platform.ts';
import type { Task } from '../task/task.ts';

function mark(task: Task, address: number, length: number, locked: boolean): number {
  const { vmas } = task.mm;
  const start = pageFloor(address);
  const end = pageCeil(address + length);
  if (end > ADDRESS_LIMIT) throw ENOMEM;
  if (start === end) return 0;
  for (let at = start; at < end; ) {
    const vma = vmas.find(at);
    if (vma === undefined) throw ENOMEM;
    at = vma.end;
  }
  vmas.split(start);
  vmas.split(end);
  for (let index = vmas.indexAt(start), vma = vmas.at(index); vma !== undefined && vma.start < end; vma = vmas.at(++index)) vma.flags = locked ? vma.flags | MAP_LOCKED : vma.flags & ~MAP_LOCKED;
  vmas.merge(start, end);
  return 0;
}

export const sys_mlock = (task: Task, address: number, length: number): number => mark(task, address, length, true);
export const sys_munlock = (task: Task, address: number, length: number): number => mark(task, address, length, false);

export function sys_mlock2(task: Task, address: number, length: number, flags: number): number {
  if (flags & ~MLOCK_ONFAULT) throw EINVAL;
  return mark(task, address, length, true);
}

export function sys_mlockall(_task: Task, flags: number): number {
  if (flags === 0 || flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) || flags === MCL_ONFAULT) throw EINVAL;
  return 0;
}

export const sys_munlockall = (_task: Task): number => 0;
