/** rt_sigaction(2). */

import { NSIG, SA_EXPOSE_TAGBITS, SA_NOCLDSTOP, SA_NOCLDWAIT, SA_NODEFER, SA_ONSTACK, SA_RESETHAND, SA_RESTART, SA_RESTORER, SA_SIGINFO, DEFAULT_ACTION, SIG_IGN, SIGKILL, SIGSTOP, SIG_DFL } from '../../abi/signal.ts';
import { EINVAL } from '../errno.ts';
import type { AddressSpace } from '../mm/space.ts';
import { fields } from '../mm/guest.ts';
import { bit, DEFAULT, type SignalAction } from '../signal/state.ts';
import type { Task } from '../task/task.ts';

const KNOWN = SA_NOCLDSTOP + SA_NOCLDWAIT + SA_SIGINFO + SA_EXPOSE_TAGBITS + SA_RESTORER + SA_ONSTACK + SA_RESTART + SA_NODEFER + SA_RESETHAND;
/** SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV: their handlers look at registers. */
const SYNCHRONOUS = new Set([4, 5, 7, 8, 11]);

const U32 = 0x1_0000_0000;
const STOPPERS = bit(SIGKILL) | bit(SIGSTOP);

/** struct sigaction of the system call: handler, flags, restorer, mask. Unknown flags are cleared, which is how programs find out what is supported. */
function readAction(mm: AddressSpace, address: number): SignalAction {
  const data = fields(mm, address, 32, 'read');
  const handler = data.getUint32(address, true) + data.getUint32(address + 4, true) * U32;
  const flags = (data.getUint32(address + 8, true) & KNOWN) >>> 0;
  const restorer = data.getUint32(address + 16, true) + data.getUint32(address + 20, true) * U32;
  const masks = data.getUint32(address + 24, true) !== 0 || data.getUint32(address + 28, true) !== 0;
  if (handler === SIG_DFL && flags === 0 && restorer === 0 && !masks) return DEFAULT;
  return { handler, flags, restorer, mask: masks ? data.getBigUint64(address + 24, true) & ~STOPPERS : 0n };
}

function writeAction(mm: AddressSpace, address: number, { handler, flags, restorer, mask }: SignalAction): void {
  const data = fields(mm, address, 32, 'write');
  data.setUint32(address, handler, true);
  data.setUint32(address + 4, Math.floor(handler / U32), true);
  data.setUint32(address + 8, flags, true);
  data.setUint32(address + 12, 0, true);
  data.setUint32(address + 16, restorer, true);
  data.setUint32(address + 20, Math.floor(restorer / U32), true);
  data.setBigUint64(address + 24, mask, true);
}

export function sys_rt_sigaction(task: Task, signal: number, actAt: number, oldAt: number, size: number): number {
  if (size !== 8 || signal < 1 || signal > NSIG || (actAt !== 0 && (signal === SIGKILL || signal === SIGSTOP))) throw EINVAL;
  const { mm } = task;
  const { actions } = task.process.handlers;
  const old = actions[signal];
  if (actAt !== 0) {
    const action = readAction(mm, actAt);
    if (oldAt !== 0) fields(mm, oldAt, 32, 'write');
    actions[signal] = action;
    if (action.handler > SIG_IGN && SYNCHRONOUS.has(signal)) mm.executor.requirePreciseFaults();
    if (action.handler === SIG_IGN || (action.handler === SIG_DFL && DEFAULT_ACTION[signal] === 'ignore')) {
      task.process.pending.remove(bit(signal));
      for (const other of task.process.tasks) other.pending.remove(bit(signal));
    }
  }
  if (oldAt !== 0) writeAction(mm, oldAt, old);
  return 0;
}
