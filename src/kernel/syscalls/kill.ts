/** kill(2), tkill(2), tgkill(2). */

import { NSIG, SI_TKILL } from '../../abi/signal.ts';
import { EINVAL, EPERM, ESRCH } from '../errno.ts';
import { mayKill, sendToProcess, sendToTask, userSignal } from '../signal/send.ts';
import type { Process, Task } from '../task/task.ts';

export function sys_kill(task: Task, pid: number, signal: number): number {
  if (signal < 0 || signal > NSIG) throw EINVAL;
  const { kernel } = task;
  if (pid > 0) {
    const process = kernel.processes.get(pid) ?? kernel.tasks.get(pid)?.process;
    if (process === undefined) throw ESRCH;
    if (!mayKill(task, process, signal)) throw EPERM;
    if (signal !== 0) sendToProcess(process, userSignal(signal, task));
    return 0;
  }
  let targets: Process[];
  if (pid === -1) targets = [...kernel.processes.values()].filter((process) => process !== task.process);
  else {
    const group = pid === 0 ? task.process.group : kernel.groups.get(-pid);
    targets = group === undefined ? [] : [...group.members];
  }
  if (targets.length === 0) throw ESRCH;
  const allowed = targets.filter((process) => mayKill(task, process, signal));
  if (allowed.length === 0) throw EPERM;
  if (signal !== 0) for (const process of allowed) sendToProcess(process, userSignal(signal, task));
  return 0;
}

function toThread(task: Task, tgid: number | undefined, tid: number, signal: number): number {
  if (tid <= 0 || (tgid !== undefined && tgid <= 0) || signal < 0 || signal > NSIG) throw EINVAL;
  const target = task.kernel.tasks.get(tid);
  if (target === undefined || (tgid !== undefined && target.process.pid !== tgid)) throw ESRCH;
  if (!mayKill(task, target.process, signal)) throw EPERM;
  if (signal !== 0) sendToTask(target, { ...userSignal(signal, task), code: SI_TKILL });
  return 0;
}

export const sys_tkill = (task: Task, tid: number, signal: number): number => toThread(task, undefined, tid, signal);
export const sys_tgkill = (task: Task, tgid: number, tid: number, signal: number): number => toThread(task, tgid, tid, signal);
