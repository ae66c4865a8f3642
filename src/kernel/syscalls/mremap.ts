/** mremap(2). */

import { MREMAP_DONTUNMAP, MREMAP_FIXED, MREMAP_MAYMOVE } from '../../abi/mman.ts';
import { EFAULT, EINVAL } from '../errno.ts';
import { pageCeil } from '../mm/vma.ts';
import { ADDRESS_LIMIT, MIN_ADDRESS, PAGE_SIZE } from '../platform.ts';
import type { Task } from '../task/task.ts';

export function sys_mremap(task: Task, address: number, oldSize: number, newSize: number, flags: number, newAddress: number): number {
  if (flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED) || flags & MREMAP_DONTUNMAP) throw EINVAL;
  if (flags & MREMAP_FIXED && (flags & MREMAP_MAYMOVE) === 0) throw EINVAL;
  if (address % PAGE_SIZE !== 0 || newSize === 0) throw EINVAL;
  const oldLength = pageCeil(oldSize);
  const newLength = pageCeil(newSize);
  const { mm } = task;
  const vma = mm.vmas.find(address);
  if (vma === undefined) throw EFAULT;
  if (oldLength === 0 && vma.sharing !== 'shared') throw EINVAL;
  if (address + oldLength > vma.end) throw EFAULT;
  let to: number | undefined;
  if (flags & MREMAP_FIXED) {
    to = newAddress;
    if (to % PAGE_SIZE !== 0 || to < MIN_ADDRESS || to + newLength > ADDRESS_LIMIT) throw EINVAL;
    if (to < address + oldLength && address < to + newLength) throw EINVAL;
  }
  if (newLength > ADDRESS_LIMIT) throw EINVAL;
  return mm.remap(vma, address, oldLength, newLength, to, (flags & MREMAP_MAYMOVE) !== 0);
}
