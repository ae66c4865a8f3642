/** rt_sigaction(2). */

import { NSIG, SA_EXPOSE_TAGBITS, SA_NOCLDSTOP, SA_NOCLDWAIT, SA_NODEFER, SA_ONSTACK, SA_RESETHAND, SA_RESTART, SA_RESTORER, SA_SIGINFO, DEFAULT_ACTION, SIG_IGN, SIGKILL, SIGSTOP, SIG_DFL } from '../../abi/signal.ts';
import { EINVAL } from '../errno.ts';
import { getBig, getU64, putBig, putU64, view } from '../mm/guest.ts';
import { bit } from '../signal/state.ts';
import type { Task } from '../task/task.ts';

const KNOWN = SA_NOCLDSTOP + SA_NOCLDWAIT + SA_SIGINFO + SA_EXPOSE_TAGBITS + SA_RESTORER + SA_ONSTACK + SA_RESTART + SA_NODEFER + SA_RESETHAND;
/** SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV: their handlers look at registers. */
const SYNCHRONOUS = [4, 5, 7, 8, 11];

export function sys_rt_sigaction(task: Task, signal: number, actAt: number, oldAt: number, size: number): number {
  if (size !== 8 || signal < 1 || signal > NSIG || (actAt !== 0 && (signal === SIGKILL || signal === SIGSTOP))) throw EINVAL;
  const { mm } = task;
  const { actions } = task.process.handlers;
  const old = actions[signal];
  if (actAt !== 0) {
    view(mm, actAt, 32, 'read');
    // Unknown flags are cleared, which is how programs find out what is supported.
    const flags = Number(getBig(mm, actAt + 8) & BigInt(KNOWN));
    const action = { handler: getU64(mm, actAt), flags, restorer: getU64(mm, actAt + 16), mask: getBig(mm, actAt + 24) & ~(bit(SIGKILL) | bit(SIGSTOP)) };
    if (oldAt !== 0) view(mm, oldAt, 32, 'write');
    actions[signal] = action;
    if (action.handler > SIG_IGN && SYNCHRONOUS.includes(signal)) mm.executor.requirePreciseFaults();
    if (action.handler === SIG_IGN || (action.handler === SIG_DFL && DEFAULT_ACTION[signal] === 'ignore')) {
      task.process.pending.remove(bit(signal));
      for (const other of task.process.tasks) other.pending.remove(bit(signal));
    }
  }
  if (oldAt !== 0) {
    putU64(mm, oldAt, old.handler);
    putU64(mm, oldAt + 8, old.flags);
    putU64(mm, oldAt + 16, old.restorer);
    putBig(mm, oldAt + 24, old.mask);
  }
  return 0;
}
