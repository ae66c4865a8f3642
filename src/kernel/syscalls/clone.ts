/** clone(2), clone3, fork(2), vfork(2). */

import { NSIG, SIGCHLD } from '../../abi/signal.ts';
import { CLONE_PARENT_SETTID, CLONE_PIDFD, CLONE_VFORK, CLONE_VM, CSIGNAL } from '../../abi/sched.ts';
import { E2BIG, EINVAL } from '../errno.ts';
import { getU64, readBytes } from '../mm/guest.ts';
import { cloneTask } from '../task/clone.ts';
import type { Task } from '../task/task.ts';

const NONE = { flags: 0, exitSignal: SIGCHLD, stack: 0, parentTid: 0, childTid: 0, tls: 0, pidfd: 0 };
const CLONE_ARGS_MIN = 64,
  CLONE_ARGS_KNOWN = 88;

export const sys_fork = (task: Task): number => cloneTask(task, NONE);

export const sys_vfork = (task: Task): number => cloneTask(task, { ...NONE, flags: CLONE_VM | CLONE_VFORK });

export function sys_clone(task: Task, flags: number, stack: number, parentTid: number, childTid: number, tls: number): number {
  const exitSignal = flags & CSIGNAL;
  if (exitSignal > NSIG) throw EINVAL;
  // The old call has one pointer for both.
  if (flags & CLONE_PIDFD && flags & CLONE_PARENT_SETTID) throw EINVAL;
  return cloneTask(task, { flags: (flags % 0x1_0000_0000) - exitSignal, exitSignal, stack, parentTid, childTid, tls, pidfd: parentTid });
}

export function sys_clone3(task: Task, args: number, size: number): number {
  if (size < CLONE_ARGS_MIN) throw EINVAL;
  if (size > 4096) throw E2BIG;
  const { mm } = task;
  if (size > CLONE_ARGS_KNOWN && readBytes(mm, args + CLONE_ARGS_KNOWN, size - CLONE_ARGS_KNOWN).some((byte) => byte !== 0)) throw E2BIG;
  const field = (index: number): number => (index * 8 < size ? getU64(mm, args + index * 8) : 0);
  const [flags, pidfd, childTid, parentTid, exitSignal, stack, stackSize, tls] = [0, 1, 2, 3, 4, 5, 6, 7].map(field);
  if (flags % 0x100 !== 0 || exitSignal > NSIG || (stack === 0) !== (stackSize === 0) || field(8) !== 0 || field(9) !== 0 || field(10) !== 0) throw EINVAL;
  return cloneTask(task, { flags, exitSignal, stack: stack === 0 ? 0 : stack + stackSize, parentTid, childTid, tls, pidfd });
}
