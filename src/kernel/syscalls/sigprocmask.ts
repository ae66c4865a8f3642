/** rt_sigprocmask(2), rt_sigpending(2), rt_sigsuspend(2), pause(2). */

import { SIG_BLOCK, SIG_SETMASK, SIG_UNBLOCK, SIGKILL, SIGSTOP } from '../../abi/signal.ts';
import { EINTR, EINVAL } from '../errno.ts';
import { getBig, putBig, view } from '../mm/guest.ts';
import { type SysResult, WOULD_BLOCK } from '../result.ts';
import { recheck } from '../signal/send.ts';
import { bit } from '../signal/state.ts';
import { block } from '../task/block.ts';
import type { Task } from '../task/task.ts';

const UNBLOCKABLE = bit(SIGKILL) | bit(SIGSTOP);

export function sys_rt_sigprocmask(task: Task, how: number, setAt: number, oldAt: number, size: number): number {
  if (size !== 8) throw EINVAL;
  const { mm } = task;
  const old = task.blocked;
  if (setAt !== 0) {
    const set = getBig(mm, setAt) & ~UNBLOCKABLE;
    if (how !== SIG_BLOCK && how !== SIG_UNBLOCK && how !== SIG_SETMASK) throw EINVAL;
    if (oldAt !== 0) view(mm, oldAt, 8, 'write');
    task.blocked = how === SIG_BLOCK ? old | set : how === SIG_UNBLOCK ? old & ~set : set;
    recheck(task);
  }
  if (oldAt !== 0) putBig(mm, oldAt, old);
  return 0;
}

export function sys_rt_sigpending(task: Task, setAt: number, size: number): number {
  if (size > 8) throw EINVAL;
  const pending = (task.pending.mask | task.process.pending.mask) & task.blocked;
  const bytes = new Uint8Array(new BigUint64Array([pending]).buffer, 0, size);
  view(task.mm, setAt, size, 'write').set(bytes);
  return 0;
}

/** The mask of ppoll, pselect, epoll_pwait and rt_sigsuspend: in force until the call ends, or until a handler runs in it. */
export function useTemporaryMask(task: Task, mask: bigint): void {
  task.savedMask ??= task.blocked;
  task.blocked = mask & ~UNBLOCKABLE;
  recheck(task);
}

const never = (): SysResult => WOULD_BLOCK;
const interrupted = (): SysResult => -EINTR.errno;

export function sys_rt_sigsuspend(task: Task, setAt: number, size: number): SysResult {
  if (size !== 8) throw EINVAL;
  useTemporaryMask(task, getBig(task.mm, setAt));
  return block(task, [], never, { restart: 'unlessHandler', interrupted });
}

export const sys_pause = (task: Task): SysResult => block(task, [], never, { restart: 'unlessHandler', interrupted });
