/** membarrier(2), personality(2), kcmp(2). */

import { EINVAL, ESRCH } from '../errno.ts';
import type { Task } from '../task/task.ts';

/** Tasks of one enclave never run at the same time, so every barrier is there already. */
const SUPPORTED = 0x1ff;

export function sys_membarrier(_task: Task, command: number, flags: number, _cpu: number): number {
  if (command === 0) return flags === 0 ? SUPPORTED : -EINVAL.errno;
  if (command < 0 || (command & (command - 1)) !== 0 || (command & SUPPORTED) === 0) throw EINVAL;
  if (flags !== 0 && command !== 1 << 7) throw EINVAL;
  return 0;
}

const PER_LINUX = 0,
  QUERY = 0xffff_ffff;

/** Addresses are never random here, so ADDR_NO_RANDOMIZE changes nothing and is not kept. */
export function sys_personality(_task: Task, persona: number): number {
  if (persona !== QUERY && (persona & 0xff) !== PER_LINUX) throw EINVAL;
  return PER_LINUX;
}

const KCMP_FILE = 0,
  KCMP_VM = 1,
  KCMP_FILES = 2,
  KCMP_FS = 3,
  KCMP_SIGHAND = 4;
const order = new WeakMap<object, number>();
let next = 1;

function rank(object: object): number {
  let number = order.get(object);
  if (number === undefined) {
    number = next++;
    order.set(object, number);
  }
  return number;
}

export function sys_kcmp(task: Task, pid1: number, pid2: number, type: number, index1: number, index2: number): number {
  const { kernel } = task;
  const one = kernel.tasks.get(pid1);
  const two = kernel.tasks.get(pid2);
  if (one === undefined || two === undefined) throw ESRCH;
  const pick = (which: Task, index: number): object => {
    if (type === KCMP_FILE && kernel.files.openFile !== undefined) return kernel.files.openFile(which, index);
    if (type === KCMP_VM) return which.mm;
    if (type === KCMP_FILES) return which.fds;
    if (type === KCMP_FS) return which.fs;
    if (type === KCMP_SIGHAND) return which.process.handlers;
    throw EINVAL;
  };
  const a = rank(pick(one, index1));
  const b = rank(pick(two, index2));
  return a === b ? 0 : a < b ? 1 : 2;
}
