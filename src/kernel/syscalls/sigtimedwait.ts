/** rt_sigtimedwait(2). */

import { encodeSigInfo, SIGKILL, SIGSTOP } from '../../abi/signal.ts';
import { EAGAIN, EINTR, EINVAL } from '../errno.ts';
import { getBig, readTimespec, writeBytes } from '../mm/guest.ts';
import { type SysResult, WOULD_BLOCK } from '../result.ts';
import { bit } from '../signal/state.ts';
import { block } from '../task/block.ts';
import type { Task } from '../task/task.ts';

export function sys_rt_sigtimedwait(task: Task, setAt: number, infoAt: number, timeoutAt: number, size: number): SysResult {
  if (size !== 8) throw EINVAL;
  const { mm, process, kernel } = task;
  const set = getBig(mm, setAt) & ~(bit(SIGKILL) | bit(SIGSTOP));
  const timeoutNs = timeoutAt === 0 ? Number.POSITIVE_INFINITY : readTimespec(mm, timeoutAt);
  const attempt = (): SysResult => {
    const info = task.pending.take(set) ?? process.pending.take(set);
    if (info === undefined) return WOULD_BLOCK;
    if (infoAt !== 0) writeBytes(mm, infoAt, encodeSigInfo(info));
    return info.signo;
  };
  const result = attempt();
  if (result !== WOULD_BLOCK) return result;
  if (timeoutNs === 0) throw EAGAIN;
  return block(task, [process.signalQueue], attempt, {
    deadlineNs: kernel.host.monotonicNs() + timeoutNs,
    timedOut: () => -EAGAIN.errno,
    restart: 'never',
    interrupted: () => -EINTR.errno,
  });
}
