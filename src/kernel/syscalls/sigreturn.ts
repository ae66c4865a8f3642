/** rt_sigreturn(2). */

import { SIGKILL, SIGSEGV, SIGSTOP, SI_KERNEL } from '../../abi/signal.ts';
import { Errno } from '../errno.ts';
import { BLOCKED } from '../result.ts';
import { popFrame } from '../signal/frame.ts';
import { force, recheck } from '../signal/send.ts';
import { bit } from '../signal/state.ts';
import type { Task } from '../task/task.ts';

/** All registers come from the frame, rax too: the result of the call is none. */
export function sys_rt_sigreturn(task: Task): number {
  try {
    task.blocked = popFrame(task, task.mm.executor.cpu) & ~(bit(SIGKILL) | bit(SIGSTOP));
    recheck(task);
  } catch (error) {
    if (!(error instanceof Errno)) throw error;
    force(task, { signo: SIGSEGV, code: SI_KERNEL });
  }
  return BLOCKED;
}
