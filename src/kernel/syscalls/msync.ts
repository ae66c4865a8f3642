/** msync(2), mincore(2). */

import { MS_ASYNC, MS_INVALIDATE, MS_SYNC } from '../../abi/mman.ts';
import { EINVAL, ENOMEM } from '../errno.ts';
import { view } from '../mm/guest.ts';
import { AddressSpace } from '../mm/space.ts';
import { PAGE_SIZE } from '../platform.ts';
import type { Task } from '../task/task.ts';

export function sys_msync(task: Task, address: number, length: number, flags: number): number {
  if (flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC) || (flags & MS_ASYNC && flags & MS_SYNC)) throw EINVAL;
  const { start, end } = AddressSpace.range(address, length);
  if (start < end) task.mm.sync(start, end);
  return 0;
}

/** Everything mapped counts as resident: the host does not say. */
export function sys_mincore(task: Task, address: number, length: number, vector: number): number {
  const { start, end } = AddressSpace.range(address, length);
  const { mm } = task;
  const out = view(mm, vector, (end - start) / PAGE_SIZE, 'write');
  for (let at = start; at < end; ) {
    const vma = mm.vmas.find(at);
    if (vma === undefined) throw ENOMEM;
    at = vma.end;
  }
  out.fill(1);
  return 0;
}
