/** semget(2), semop(2), semtimedop(2), semctl(2). */

import { GETALL, GETNCNT, GETPID, GETVAL, GETZCNT, IPC_RMID, IPC_SET, IPC_STAT, SEM_STAT, SEM_STAT_ANY, SEMID_DS_BYTES, SEMMSL, SEMOPM, SEMVMX, SETALL, SETVAL } from '../../abi/ipc.ts';
import type { GuestAddr } from '../../base/flavor.ts';
import { E2BIG, EAGAIN, EIDRM, EINTR, EINVAL, ERANGE } from '../errno.ts';
import { type SemOp, semaphoresOf, SemSet } from '../ipc/sem.ts';
import { READ, WRITE } from '../ipc/sysv.ts';
import { readBytes, readTimespec, view, writeBytes } from '../mm/guest.ts';
import { type SysResult, WOULD_BLOCK } from '../result.ts';
import { block } from '../task/block.ts';
import type { Task } from '../task/task.ts';

/** sizeof(struct sembuf). */
const SEMBUF_BYTES = 6;

export function sys_semget(task: Task, key: number, count: number, flags: number): number {
  if (count < 0 || count > SEMMSL) throw EINVAL;
  const fits = ({ values }: SemSet): void => {
    if (count > values.length) throw EINVAL;
  };
  return semaphoresOf(task).get(task, key, flags, fits, (id) => {
    if (count === 0) throw EINVAL;
    return new SemSet(task, id, key, flags, count);
  });
}

function readOps(task: Task, address: GuestAddr, count: number): SemOp[] {
  const { buffer } = readBytes(task.mm, address, count * SEMBUF_BYTES);
  const data = new DataView(buffer);
  return Array.from({ length: count }, (_, index) => ({
    num: data.getUint16(index * SEMBUF_BYTES, true),
    op: data.getInt16(index * SEMBUF_BYTES + 2, true),
    flags: data.getUint16(index * SEMBUF_BYTES + 4, true),
  }));
}

function operate(task: Task, id: number, address: GuestAddr, count: number, timeoutNs: number): SysResult {
  if (count === 0 || id < 0) throw EINVAL;
  if (count > SEMOPM) throw E2BIG;
  const ops = readOps(task, address, count);
  const set = semaphoresOf(task).find(id);
  set.needAccess(task, ops.some(({ op }) => op !== 0) ? WRITE : READ);
  let waitsFor = set.apply(task, ops);
  if (waitsFor === undefined) return 0;
  const counted = (by: number): void => {
    if (waitsFor !== undefined) (waitsFor.op === 0 ? set.zeroWaiters : set.growWaiters)[waitsFor.num] += by;
  };
  counted(1);
  const attempt = (): SysResult => {
    if (set.removed) throw EIDRM;
    const next = set.apply(task, ops);
    if (next === undefined) return 0;
    counted(-1);
    waitsFor = next;
    counted(1);
    return WOULD_BLOCK;
  };
  return block(task, [set.queue], attempt, {
    deadlineNs: task.kernel.host.monotonicNs() + timeoutNs,
    timedOut: () => -EAGAIN.errno,
    restart: 'never',
    interrupted: () => -EINTR.errno,
    cleanup: () => counted(-1),
  });
}

export const sys_semop = (task: Task, id: number, address: GuestAddr, count: number): SysResult => operate(task, id, address, count, Number.POSITIVE_INFINITY);

export function sys_semtimedop(task: Task, id: number, address: GuestAddr, count: number, timeoutAt: GuestAddr): SysResult {
  return operate(task, id, address, count, timeoutAt === 0 ? Number.POSITIVE_INFINITY : readTimespec(task.mm, timeoutAt));
}

export function sys_semctl(task: Task, id: number, num: number, command: number, argument: number): number {
  const sets = semaphoresOf(task);
  const { mm } = task;
  const set = command === SEM_STAT || command === SEM_STAT_ANY ? sets.at(id) : sets.find(id);
  const one = (): number => {
    if (num < 0 || num >= set.values.length) throw EINVAL;
    return num;
  };
  switch (command) {
    case IPC_RMID:
      set.needOwner(task);
      sets.remove(set);
      return 0;
    case IPC_SET: {
      const { buffer, byteOffset } = view(mm, argument, SEMID_DS_BYTES, 'read');
      set.needOwner(task);
      set.readPerm(task, new DataView(buffer, byteOffset, SEMID_DS_BYTES));
      return 0;
    }
    case IPC_STAT:
    case SEM_STAT:
    case SEM_STAT_ANY:
      if (command !== SEM_STAT_ANY) set.needAccess(task, READ);
      writeBytes(mm, argument, set.encode());
      return command === IPC_STAT ? 0 : set.id;
    case GETVAL:
    case GETPID:
    case GETNCNT:
    case GETZCNT:
      set.needAccess(task, READ);
      return (command === GETVAL ? set.values : command === GETPID ? set.pids : command === GETNCNT ? set.growWaiters : set.zeroWaiters)[one()];
    case SETVAL:
      if ((argument | 0) < 0 || (argument | 0) > SEMVMX) throw ERANGE;
      set.needAccess(task, WRITE);
      set.set(task, one(), argument | 0);
      return 0;
    case GETALL:
      set.needAccess(task, READ);
      writeBytes(mm, argument, new Uint8Array(Uint16Array.from(set.values).buffer));
      return 0;
    case SETALL: {
      set.needAccess(task, WRITE);
      const values = new Uint16Array(readBytes(mm, argument, set.values.length * 2).buffer);
      if (values.some((value) => value > SEMVMX)) throw ERANGE;
      values.forEach((value, index) => set.set(task, index, value));
      return 0;
    }
    default:
      throw EINVAL;
  }
}
