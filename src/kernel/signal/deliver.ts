/**
 * Delivery: what happens to a task with pending signals before it runs on. Called by the kernel loop with the
 * task's registers loaded. Also decides how an interrupted system call ends (signal(7), "Interruption of system calls").
 */

import { DEFAULT_ACTION, SA_NODEFER, SA_RESETHAND, SA_RESTART, type SigInfo, SIG_DFL, SIG_IGN, SIGKILL, SIGSEGV, SIGSTOP } from '../../abi/signal.ts';
import { killedStatus } from '../../abi/wait.ts';
import { type CpuState, RAX } from '../../x86/state.ts';
import { EINTR, Errno } from '../errno.ts';
import { WOULD_BLOCK, type SysResult } from '../result.ts';
import { exitGroup } from '../task/exit.ts';
import type { Task } from '../task/task.ts';
import { type FaultContext, pushFrame } from './frame.ts';
import { force, stopProcess } from './send.ts';
import { bit } from './state.ts';

const UNBLOCKABLE = bit(SIGKILL) | bit(SIGSTOP);

/** Length of the `syscall` instruction. */
const SYSCALL_BYTES = 2;

/** Ends an interrupted sleep with the result that the handler's flags ask for. */
function interrupt(task: Task, cpu: CpuState, flags: number): void {
  const { sleep } = task;
  const { interrupted, restart = 'always' } = sleep.options;
  let result: SysResult = WOULD_BLOCK;
  if (interrupted !== undefined) {
    try {
      result = interrupted();
    } catch (error) {
      if (!(error instanceof Errno)) throw error;
      result = -error.errno;
    }
  }
  sleep.end();
  if (result !== WOULD_BLOCK) cpu.setReg(RAX, result);
  else if (restart === 'always' && flags & SA_RESTART) {
    cpu.setReg(RAX, task.syscall);
    cpu.rip = cpu.rip - SYSCALL_BYTES;
  } else cpu.setReg(RAX, -EINTR.errno);
}

/**
 * Handles everything that asks for attention. `run`: the guest may go on (perhaps in a handler); `wait`: the task is
 * stopped or still asleep; `dead`: it is gone.
 */
export function deliver(task: Task, cpu: CpuState, fault?: FaultContext): 'run' | 'wait' | 'dead' {
  const { process } = task;
  while (true) {
    if (process.groupExit !== undefined) return 'dead';
    if (process.state === 'stopped' && !process.pending.has(SIGKILL)) {
      task.state = 'stopped';
      return 'wait';
    }
    const allowed = task.sleep.active && task.sleep.options.restart === 'uninterruptible' ? bit(SIGKILL) : ~task.blocked | UNBLOCKABLE;
    const info = task.pending.take(allowed) ?? process.pending.take(allowed);
    if (info === undefined) break;
    if (act(task, cpu, info, fault) === 'dead') return 'dead';
    if (process.state === 'stopped' && task.sleep.active && task.sleep.options.restart === 'never') interrupt(task, cpu, 0);
  }
  task.attention = false;
  if (task.sleep.active) return 'wait';
  return 'run';
}

function act(task: Task, cpu: CpuState, info: SigInfo, fault: FaultContext | undefined): 'dead' | undefined {
  const { process } = task;
  const { signo } = info;
  const action = process.handlers.actions[signo];
  if (action.handler === SIG_IGN && signo !== SIGKILL && signo !== SIGSTOP) return;
  if (action.handler === SIG_DFL || signo === SIGKILL || signo === SIGSTOP) {
    const usual = DEFAULT_ACTION[signo];
    if (usual === 'ignore' || usual === 'continue') return;
    if (usual === 'stop') {
      if (signo !== SIGSTOP && task.kernel.orphaned(process.group)) return;
      stopProcess(process, signo);
      return;
    }
    task.kernel.ended(task, info, fault);
    exitGroup(task, killedStatus(signo));
    return 'dead';
  }
  if (task.sleep.active) interrupt(task, cpu, action.flags);
  const mask = task.savedMask ?? task.blocked;
  task.savedMask = undefined;
  try {
    pushFrame(task, cpu, action, info, mask, fault);
  } catch (error) {
    if (!(error instanceof Errno)) throw error;
    if (signo === SIGSEGV) process.handlers.resetOne(SIGSEGV);
    force(task, { signo: SIGSEGV, code: 0x80 });
    return;
  }
  if (action.flags & SA_RESETHAND) process.handlers.forget(signo);
  task.blocked = (task.blocked | action.mask | (action.flags & SA_NODEFER ? 0n : bit(signo))) & ~UNBLOCKABLE;
}
