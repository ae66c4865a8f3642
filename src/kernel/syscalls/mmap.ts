/** mmap(2), munmap(2). */

import { MAP_ANONYMOUS, MAP_FIXED, MAP_FIXED_NOREPLACE, MAP_GROWSDOWN, MAP_HUGETLB, MAP_PRIVATE, MAP_SHARED, MAP_SHARED_VALIDATE, MAP_SYNC, MAP_TYPE, PROT_GROWSDOWN, PROT_GROWSUP, PROT_SEM } from '../../abi/mman.ts';
import { RLIMIT } from '../../abi/resource.ts';
import { EACCES, EEXIST, EINVAL, ENODEV, ENOMEM, EOPNOTSUPP, EOVERFLOW, EPERM } from '../errno.ts';
import { anonymousShared } from '../mm/shared.ts';
import { AddressSpace, type MapRequest } from '../mm/space.ts';
import { type Mappable, pageCeil } from '../mm/vma.ts';
import { ADDRESS_LIMIT, MIN_ADDRESS, PAGE_SIZE, PROT_EXEC, PROT_READ, PROT_WRITE } from '../platform.ts';
import type { Task } from '../task/task.ts';

const PROT_MASK = PROT_READ | PROT_WRITE | PROT_EXEC;

export function sys_mmap(task: Task, address: number, length: number, protection: number, flags: number, fd: number, offset: number): number {
  const type = flags & MAP_TYPE;
  if (offset % PAGE_SIZE !== 0 || offset < 0) throw EINVAL;
  // A descriptor that is not open is noticed first.
  if ((flags & MAP_ANONYMOUS) === 0) task.fds.get(fd);
  if (length === 0) throw EINVAL;
  if (type !== MAP_SHARED && type !== MAP_PRIVATE && type !== MAP_SHARED_VALIDATE) throw EINVAL;
  if (type === MAP_SHARED_VALIDATE && flags & (MAP_SYNC | MAP_GROWSDOWN)) throw EOPNOTSUPP;
  if (length > ADDRESS_LIMIT) throw ENOMEM;
  const { mm, process } = task;
  const prot = protection & PROT_MASK;
  if (protection & ~(PROT_MASK | PROT_SEM | PROT_GROWSDOWN | PROT_GROWSUP)) throw EINVAL;
  const sharing = type === MAP_PRIVATE ? 'private' : 'shared';
  const fixed = (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) !== 0;
  const size = pageCeil(length);
  if (fixed) {
    if (address % PAGE_SIZE !== 0) throw EINVAL;
    if (address < MIN_ADDRESS) throw EPERM;
    if (address + size > ADDRESS_LIMIT) throw ENOMEM;
    if (flags & MAP_FIXED_NOREPLACE && !mm.isFree(address, address + size)) throw EEXIST;
  }
  const limit = process.limits[RLIMIT.AS].soft;
  if (limit !== Number.POSITIVE_INFINITY && mm.vmas.totalBytes + size > limit) throw ENOMEM;
  const place = fixed ? { address } : { hint: address };
  if (flags & MAP_ANONYMOUS) {
    if (flags & MAP_HUGETLB && size % 0x20_0000 !== 0) throw EINVAL;
    const request: MapRequest = { ...place, length: size, prot, sharing, flags };
    return sharing === 'shared' ? mapNew(task, { ...request, name: '/dev/zero (deleted)' }) : mm.map(request);
  }
  const source = task.kernel.files.mapping(task, fd, sharing === 'shared' && (prot & PROT_WRITE) !== 0);
  if (!source.readable || (sharing === 'shared' && prot & PROT_WRITE && !source.writable)) throw EACCES;
  if (prot & PROT_EXEC && source.noexec) throw EPERM;
  if (offset + size > Number.MAX_SAFE_INTEGER) throw EOVERFLOW;
  if (source.file === undefined) throw ENODEV;
  const hint = fixed || address !== 0 || offset !== 0 ? undefined : task.kernel.options.prelink?.get(source.name);
  const request: MapRequest = { ...(hint !== undefined && mm.isFree(hint, hint + size) ? { hint } : place), length: size, prot, sharing, flags, name: source.name, mayWrite: source.writable };
  if (source.file !== 'zero') return mm.map({ ...request, file: source.file, offset });
  return sharing === 'shared' ? mapNew(task, request) : mm.map(request);
}

/** Shared zero pages; they go again if they cannot be mapped. */
function mapNew({ kernel, mm }: Task, request: MapRequest): number {
  const file = anonymousShared(kernel, request.length);
  file.retain?.();
  try {
    return mm.map({ ...request, file });
  } finally {
    file.release?.();
  }
}

/** What the file side says of a descriptor that is to be mapped. */
export interface MappingSource {
  /** `zero` for /dev/zero; undefined where mmap makes no sense (ENODEV). */
  readonly file: Mappable | 'zero' | undefined;
  readonly name: string;
  readonly readable: boolean;
  readonly writable: boolean;
  readonly noexec: boolean;
}

export function sys_munmap(task: Task, address: number, length: number): number {
  if (length === 0) throw EINVAL;
  const { start, end } = AddressSpace.range(address, length);
  if (end > ADDRESS_LIMIT) throw EINVAL;
  task.mm.unmap(start, end);
  return 0;
}
