/** madvise(2). */

import { MADV, MAP_LOCKED } from '../../abi/mman.ts';
import { EINVAL, ENOMEM } from '../errno.ts';
import { AddressSpace } from '../mm/space.ts';
import { ADDRESS_LIMIT } from '../platform.ts';
import type { Task } from '../task/task.ts';

/** Advice that may be taken or left: nothing changes but speed. */
const HINTS: ReadonlySet<number> = new Set([
  MADV.NORMAL,
  MADV.RANDOM,
  MADV.SEQUENTIAL,
  MADV.WILLNEED,
  MADV.MERGEABLE,
  MADV.UNMERGEABLE,
  MADV.HUGEPAGE,
  MADV.NOHUGEPAGE,
  MADV.DONTDUMP,
  MADV.DODUMP,
  MADV.COLD,
  MADV.PAGEOUT,
  MADV.POPULATE_READ,
  MADV.POPULATE_WRITE,
  MADV.COLLAPSE,
]);

export function sys_madvise(task: Task, address: number, length: number, advice: number): number {
  const { start, end } = AddressSpace.range(address, length);
  const { mm } = task;
  const gives = advice === MADV.DONTNEED || advice === MADV.FREE || advice === MADV.DONTNEED_LOCKED;
  if (!gives && !HINTS.has(advice)) throw EINVAL;
  if (start === end) return 0;
  if (end > ADDRESS_LIMIT) throw ENOMEM;
  if (gives) {
    for (let index = mm.vmas.indexAt(start), vma = mm.vmas.at(index); vma !== undefined && vma.start < end; vma = mm.vmas.at(++index)) {
      if (vma.flags & MAP_LOCKED && advice !== MADV.DONTNEED_LOCKED) throw EINVAL;
      if (advice === MADV.FREE && (vma.file !== undefined || vma.sharing === 'shared')) throw EINVAL;
    }
    mm.discard(start, end);
    return 0;
  }
  for (let index = mm.vmas.indexAt(start), at = start; at < end; index++) {
    const vma = mm.vmas.at(index);
    if (vma === undefined || vma.start > at) throw ENOMEM;
    at = vma.end;
  }
  return 0;
}
