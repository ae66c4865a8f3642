/** Sending signals: to threads, processes and groups (kill(2), tgkill(2), signal(7)). Delivery happens when the target next runs. */

import { CLD_CONTINUED, CLD_STOPPED, DEFAULT_ACTION, type SigInfo, SIGCHLD, SIGCONT, SIGKILL, SIGSTOP, SIG_DFL, SIG_IGN, SA_NOCLDSTOP, SIGRTMIN, SI_KERNEL, SI_USER } from '../../abi/signal.ts';
import { RLIMIT } from '../../abi/resource.ts';
import { EAGAIN } from '../errno.ts';
import { CAP, hasCap } from '../task/creds.ts';
import type { Process, ProcessGroup, Task } from '../task/task.ts';
import { bit } from './state.ts';

const STOP_SIGNALS = bit(19) | bit(20) | bit(21) | bit(22);

/** A signal from the kernel itself. */
export const kernelSignal = (signo: number): SigInfo => ({ signo, code: SI_KERNEL });

/** A signal by kill(2). */
export const userSignal = (signo: number, from: Task): SigInfo => ({ signo, code: SI_USER, pid: from.pid, uid: from.creds.uid });

/** Nobody would notice it: not even queued. Blocked ones are, because the action may change before they are unblocked. */
function ignored(task: Task, signal: number): boolean {
  if ((task.blocked & bit(signal)) !== 0n) return false;
  const { handler } = task.process.handlers.actions[signal];
  if (handler === SIG_IGN) return signal !== SIGKILL && signal !== SIGSTOP;
  return handler === SIG_DFL && DEFAULT_ACTION[signal] === 'ignore';
}

/** To the process as a whole: any of its threads may take it. */
export function sendToProcess(process: Process, info: SigInfo): void {
  if (process.state === 'zombie' || process.state === 'dead') return;
  prepare(process, info.signo);
  let target: Task | undefined;
  for (const task of process.tasks) {
    if (task.state === 'dead') continue;
    if (target === undefined || (task.tid === process.pid && (task.blocked & bit(info.signo)) === 0n)) target = task;
    else if ((target.blocked & bit(info.signo)) !== 0n && (task.blocked & bit(info.signo)) === 0n) target = task;
  }
  if (target === undefined || ignored(target, info.signo)) return;
  checkQueue(target, process.pending.count, info);
  if (!process.pending.add(info)) return;
  process.signalQueue.wake();
  if (info.signo === SIGKILL) for (const task of process.tasks) notice(task);
  else if ((target.blocked & bit(info.signo)) === 0n) notice(target);
}

/** To one thread. */
export function sendToTask(task: Task, info: SigInfo): void {
  if (task.state === 'dead') return;
  if (info.signo === SIGKILL) {
    sendToProcess(task.process, info);
    return;
  }
  prepare(task.process, info.signo);
  if (ignored(task, info.signo)) return;
  checkQueue(task, task.pending.count, info);
  if (!task.pending.add(info)) return;
  task.process.signalQueue.wake();
  if ((task.blocked & bit(info.signo)) === 0n) notice(task);
}

export function sendToGroup(group: ProcessGroup, info: SigInfo): void {
  for (const process of [...group.members]) sendToProcess(process, info);
}

/** A synchronous fault of the running task: cannot be blocked or ignored. */
export function force(task: Task, info: SigInfo): void {
  const { handlers } = task.process;
  const { handler } = handlers.actions[info.signo];
  const blocked = (task.blocked & bit(info.signo)) !== 0n;
  if (blocked || handler === SIG_IGN) {
    handlers.resetOne(info.signo);
    task.blocked &= ~bit(info.signo);
  }
  task.pending.remove(bit(info.signo));
  task.pending.add(info);
  task.attention = true;
}

function checkQueue(task: Task, count: number, info: SigInfo): void {
  if (info.signo >= SIGRTMIN && count >= task.process.limits[RLIMIT.SIGPENDING].soft) throw EAGAIN;
}

/** The task has something to look at; a sleeping or stopped one gets the CPU for it. */
export function notice(task: Task): void {
  task.attention = true;
  if (task.state === 'sleeping' || (task.state === 'stopped' && task.process.state !== 'stopped') || task.process.pending.has(SIGKILL)) task.kernel.enqueue(task);
}

/** Whether anything unblocked waits for the task; call after its mask has changed. */
export function recheck(task: Task): void {
  const { process } = task;
  if (((task.pending.mask | process.pending.mask) & ~task.blocked) !== 0n || process.groupExit !== undefined || process.state === 'stopped') task.attention = true;
}

/** A call that had a temporary mask has ended without a handler: the old one is back, also for what is pending. */
export function restoreMask(task: Task): void {
  if (task.savedMask === undefined) return;
  task.blocked = task.savedMask;
  task.savedMask = undefined;
  task.attention = false;
  recheck(task);
}

/** Stop signals and SIGCONT cancel each other, and SIGCONT continues a stopped process even when it is blocked or ignored. */
function prepare(process: Process, signal: number): void {
  if ((bit(signal) & STOP_SIGNALS) !== 0n) {
    process.pending.remove(bit(SIGCONT));
    for (const task of process.tasks) task.pending.remove(bit(SIGCONT));
  } else if (signal === SIGCONT || signal === SIGKILL) {
    if (signal === SIGCONT) {
      process.pending.remove(STOP_SIGNALS);
      for (const task of process.tasks) task.pending.remove(STOP_SIGNALS);
    }
    if (process.state === 'stopped') continueProcess(process, signal);
  }
}

function continueProcess(process: Process, signal: number): void {
  process.state = 'running';
  process.stopReport = undefined;
  for (const task of process.tasks) {
    if (task.state !== 'stopped') continue;
    task.state = task.sleep.active ? 'sleeping' : 'runnable';
    task.attention = true;
    task.kernel.enqueue(task);
  }
  if (signal === SIGCONT) {
    process.continueReport = true;
    tellParent(process, CLD_CONTINUED, SIGCONT);
  }
}

/** Every thread stops before it runs on. */
export function stopProcess(process: Process, signal: number): void {
  if (process.state !== 'running') return;
  process.state = 'stopped';
  process.stopReport = signal;
  process.continueReport = false;
  for (const task of process.tasks) task.attention = true;
  tellParent(process, CLD_STOPPED, signal);
}

function tellParent(process: Process, code: number, status: number): void {
  const { parent } = process;
  if (parent === undefined) return;
  if ((parent.handlers.actions[SIGCHLD].flags & SA_NOCLDSTOP) === 0) {
    sendToProcess(parent, { signo: SIGCHLD, code, pid: process.pid, uid: process.leader.creds.uid, status, utime: 0, stime: 0 });
  }
  parent.childEvents.wake();
}

/** kill(2), "for a process to have permission to send a signal". */
export function mayKill(from: Task, to: Process, signal: number): boolean {
  if (hasCap(from.creds, CAP.KILL) || from.process === to) return true;
  const target = to.tasks.size > 0 ? to.leader.creds : undefined;
  if (target === undefined) return true;
  const { uid, euid } = from.creds;
  if (uid === target.uid || uid === target.suid || euid === target.uid || euid === target.suid) return true;
  return signal === SIGCONT && from.process.session === to.session;
}
