/** process_vm_readv(2), process_vm_writev(2). */

import { EINVAL, EPERM, ESRCH } from '../errno.ts';
import { readIovecs, type Segment, viewPrefix } from '../mm/guest.ts';
import type { AddressSpace } from '../mm/space.ts';
import { CAP, hasCap } from '../task/creds.ts';
import type { Task } from '../task/task.ts';

function other(task: Task, pid: number, flags: number): AddressSpace {
  if (flags !== 0) throw EINVAL;
  const target = task.kernel.tasks.get(pid);
  if (target === undefined) throw ESRCH;
  if (target.process !== task.process && target.creds.uid !== task.creds.uid && !hasCap(task.creds, CAP.SYS_PTRACE)) throw EPERM;
  return target.mm;
}

/** Copies segment by segment until either side ends or refuses; a refusal after the first byte is a short count. */
function copy(from: AddressSpace, sources: readonly Segment[], to: AddressSpace, targets: readonly Segment[]): number {
  let total = 0;
  let source = 0;
  let sourceAt = 0;
  let target = 0;
  let targetAt = 0;
  while (source < sources.length && target < targets.length) {
    const length = Math.min(sources[source].length - sourceAt, targets[target].length - targetAt);
    if (length > 0) {
      try {
        const bytes = viewPrefix(from, sources[source].base + sourceAt, length, 'read');
        const room = viewPrefix(to, targets[target].base + targetAt, bytes.length, 'write');
        room.set(bytes.subarray(0, room.length));
        total += room.length;
        if (room.length < length) return total;
      } catch (error) {
        if (total > 0) return total;
        throw error;
      }
    }
    sourceAt += length;
    targetAt += length;
    if (sourceAt === sources[source].length) {
      source++;
      sourceAt = 0;
    }
    if (targetAt === targets[target].length) {
      target++;
      targetAt = 0;
    }
  }
  return total;
}

export function sys_process_vm_readv(task: Task, pid: number, localAt: number, localCount: number, remoteAt: number, remoteCount: number, flags: number): number {
  const mm = other(task, pid, flags);
  return copy(mm, readIovecs(task.mm, remoteAt, remoteCount), task.mm, readIovecs(task.mm, localAt, localCount));
}

export function sys_process_vm_writev(task: Task, pid: number, localAt: number, localCount: number, remoteAt: number, remoteCount: number, flags: number): number {
  const mm = other(task, pid, flags);
  return copy(task.mm, readIovecs(task.mm, localAt, localCount), mm, readIovecs(task.mm, remoteAt, remoteCount));
}
