/** shmget(2), shmat(2), shmdt(2), shmctl(2). */

import { IPC_RMID, IPC_SET, IPC_STAT, SHM_EXEC, SHM_LOCK, SHM_RDONLY, SHM_REMAP, SHM_RND, SHM_STAT, SHM_STAT_ANY, SHM_UNLOCK, SHMID_DS_BYTES } from '../../abi/ipc.ts';
import type { GuestAddr } from '../../base/flavor.ts';
import { EINVAL, ENOMEM, EPERM } from '../errno.ts';
import { segmentsOf, ShmSegment } from '../ipc/shm.ts';
import { READ, seconds, WRITE } from '../ipc/sysv.ts';
import { view, writeBytes } from '../mm/guest.ts';
import { pageCeil, pageFloor } from '../mm/vma.ts';
import { ADDRESS_LIMIT, PAGE_SIZE, PROT_EXEC, PROT_READ, PROT_WRITE } from '../platform.ts';
import { CAP, hasCap } from '../task/creds.ts';
import type { Task } from '../task/task.ts';

export function sys_shmget(task: Task, key: number, size: number, flags: number): number {
  const segments = segmentsOf(task);
  const fits = (found: ShmSegment): void => {
    if (size > found.size) throw EINVAL;
  };
  return segments.get(task, key, flags, fits, (id) => {
    if (size === 0) throw EINVAL;
    if (size > ADDRESS_LIMIT) throw ENOMEM;
    return new ShmSegment(task, segments, id, key, flags, size);
  });
}

export function sys_shmat(task: Task, id: number, address: GuestAddr, flags: number): number {
  const segment = segmentsOf(task).find(id);
  const { mm } = task;
  const readOnly = (flags & SHM_RDONLY) !== 0;
  const executable = (flags & SHM_EXEC) !== 0;
  segment.needAccess(task, (readOnly ? READ : READ | WRITE) | (executable ? 1 : 0));
  const at = (flags & SHM_RND) !== 0 ? pageFloor(address) : address;
  if (at % PAGE_SIZE !== 0 || (address === 0 && (flags & SHM_REMAP) !== 0)) throw EINVAL;
  const length = pageCeil(segment.size);
  if (at !== 0 && (at + length > ADDRESS_LIMIT || ((flags & SHM_REMAP) === 0 && !mm.isFree(at, at + length)))) throw EINVAL;
  const place = at === 0 ? {} : { address: at };
  const prot = PROT_READ | (readOnly ? 0 : PROT_WRITE) | (executable ? PROT_EXEC : 0);
  const start = mm.map({ ...place, length, prot, sharing: 'shared', file: segment, name: `/SYSV${(segment.key >>> 0).toString(16).padStart(8, '0')}`, mayWrite: !readOnly });
  segment.attachTime = seconds(task);
  segment.lastPid = task.pid;
  return start;
}

export function sys_shmdt(task: Task, address: GuestAddr): number {
  const { mm } = task;
  const first = address % PAGE_SIZE === 0 ? mm.vmas.find(address) : undefined;
  const segment = first?.file;
  if (!(segment instanceof ShmSegment) || first?.start !== address || first.offset !== 0) throw EINVAL;
  // Other calls may have split or cut the mapping: what is still there of it goes.
  const parts = [...mm.vmas].filter((vma) => vma.file === segment && vma.start - vma.offset === address);
  for (const { start, end } of parts) mm.unmap(start, end);
  segment.detachTime = seconds(task);
  segment.lastPid = task.pid;
  return 0;
}

export function sys_shmctl(task: Task, id: number, command: number, address: GuestAddr): number {
  const segments = segmentsOf(task);
  switch (command) {
    case IPC_STAT:
    case SHM_STAT:
    case SHM_STAT_ANY: {
      const segment = command === IPC_STAT ? segments.find(id) : segments.at(id);
      if (command !== SHM_STAT_ANY) segment.needAccess(task, READ);
      writeBytes(task.mm, address, segment.encode());
      return command === IPC_STAT ? 0 : segment.id;
    }
    case IPC_SET: {
      const { buffer, byteOffset } = view(task.mm, address, SHMID_DS_BYTES, 'read');
      const segment = segments.find(id);
      segment.needOwner(task);
      segment.readPerm(task, new DataView(buffer, byteOffset, SHMID_DS_BYTES));
      return 0;
    }
    case IPC_RMID: {
      const segment = segments.find(id);
      segment.needOwner(task);
      segment.doom();
      return 0;
    }
    case SHM_LOCK:
    case SHM_UNLOCK: {
      const segment = segments.find(id);
      if (!hasCap(task.creds, CAP.IPC_LOCK)) throw EPERM;
      segment.locked = command === SHM_LOCK;
      return 0;
    }
    default:
      throw EINVAL;
  }
}
