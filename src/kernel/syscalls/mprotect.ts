/** mprotect(2). */

import { PROT_GROWSDOWN, PROT_GROWSUP, PROT_SEM } from '../../abi/mman.ts';
import { EACCES, EINVAL, ENOMEM } from '../errno.ts';
import { AddressSpace } from '../mm/space.ts';
import { ADDRESS_LIMIT, PROT_EXEC, PROT_READ, PROT_WRITE } from '../platform.ts';
import type { Task } from '../task/task.ts';

const PROT_MASK = PROT_READ | PROT_WRITE | PROT_EXEC;

export function sys_mprotect(task: Task, address: number, length: number, protection: number): number {
  if (protection & ~(PROT_MASK | PROT_SEM | PROT_GROWSDOWN | PROT_GROWSUP) || (protection & PROT_GROWSDOWN && protection & PROT_GROWSUP)) throw EINVAL;
  const { start, end } = AddressSpace.range(address, length);
  if (length === 0) return 0;
  if (end > ADDRESS_LIMIT) throw ENOMEM;
  const prot = protection & PROT_MASK;
  task.mm.protect(start, end, prot, (vma) => {
    if (prot & PROT_WRITE && vma.sharing === 'shared' && !vma.mayWrite) throw EACCES;
  });
  return 0;
}
