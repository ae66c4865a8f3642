/** rt_sigqueueinfo(2), rt_tgsigqueueinfo(2). */

import { NSIG, SI_TKILL, SIGINFO_BYTES } from '../../abi/signal.ts';
import { EINVAL, EPERM, ESRCH } from '../errno.ts';
import { readBytes } from '../mm/guest.ts';
import { mayKill, sendToProcess, sendToTask } from '../signal/send.ts';
import type { Task } from '../task/task.ts';

/** A program may not pretend to be the kernel or kill(2) towards others. */
function infoAt(task: Task, address: number, signo: number, own: boolean) {
  const raw = readBytes(task.mm, address, SIGINFO_BYTES);
  const code = new DataView(raw.buffer).getInt32(8, true);
  if ((code >= 0 || code === SI_TKILL) && !own) throw EPERM;
  return { signo, code, raw };
}

export function sys_rt_sigqueueinfo(task: Task, pid: number, signal: number, address: number): number {
  if (signal < 0 || signal > NSIG) throw EINVAL;
  const info = infoAt(task, address, signal, pid === task.process.pid);
  const process = task.kernel.processes.get(pid);
  if (process === undefined) throw ESRCH;
  if (!mayKill(task, process, signal)) throw EPERM;
  if (signal !== 0) sendToProcess(process, info);
  return 0;
}

export function sys_rt_tgsigqueueinfo(task: Task, tgid: number, tid: number, signal: number, address: number): number {
  if (tgid <= 0 || tid <= 0 || signal < 0 || signal > NSIG) throw EINVAL;
  const info = infoAt(task, address, signal, tid === task.tid);
  const target = task.kernel.tasks.get(tid);
  if (target === undefined || target.process.pid !== tgid) throw ESRCH;
  if (!mayKill(task, target.process, signal)) throw EPERM;
  if (signal !== 0) sendToTask(target, info);
  return 0;
}
