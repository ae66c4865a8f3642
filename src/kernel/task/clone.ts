/** New tasks: clone(2), fork(2), vfork(2). */

import {
  CLONE_CHILD_CLEARTID,
  CLONE_CHILD_SETTID,
  CLONE_CLEAR_SIGHAND,
  CLONE_FILES,
  CLONE_FS,
  CLONE_NAMESPACES,
  CLONE_PARENT,
  CLONE_PARENT_SETTID,
  CLONE_PIDFD,
  CLONE_SETTLS,
  CLONE_SIGHAND,
  CLONE_THREAD,
  CLONE_VFORK,
  CLONE_VM,
  SCHED_FIFO,
  SCHED_RR,
} from '../../abi/sched.ts';
import { RLIMIT } from '../../abi/resource.ts';
import { RAX, RSP } from '../../x86/state.ts';
import { EAGAIN, EINVAL, ENOMEM, EPERM } from '../errno.ts';
import { putU32, view } from '../mm/guest.ts';
import { orNoMemory } from '../mm/space.ts';
import { type SysResult, WOULD_BLOCK } from '../result.ts';
import { PendingSignals, SignalHandlers } from '../signal/state.ts';
import { block } from './block.ts';
import { MAX_TASKS } from './rlimit.ts';
import { Process, Task } from './task.ts';

export interface CloneRequest {
  /** CLONE_* bits without the signal in the low byte. */
  readonly flags: number;
  readonly exitSignal: number;
  /** 0 = the parent's. */
  readonly stack: number;
  readonly parentTid: number;
  readonly childTid: number;
  readonly tls: number;
  readonly pidfd: number;
}

const has = (flags: number, bit: number): boolean => (bit > 0x7fff_ffff ? Math.floor(flags / bit) % 2 === 1 : (flags & bit) !== 0);

function check(flags: number): void {
  const thread = has(flags, CLONE_THREAD);
  const sighand = has(flags, CLONE_SIGHAND);
  if (thread && !sighand) throw EINVAL;
  if (sighand && !has(flags, CLONE_VM)) throw EINVAL;
  if (sighand && has(flags, CLONE_CLEAR_SIGHAND)) throw EINVAL;
  if (thread && has(flags, CLONE_PIDFD)) throw EINVAL;
  if (flags & CLONE_NAMESPACES) throw EPERM;
  if (Math.floor(flags / 0x2_0000_0000) !== 0) throw EINVAL;
}

/** sched(7), "Resetting scheduling policy for child processes". */
function inheritScheduling(child: Task, { nice, schedPolicy, schedPriority, schedResetOnFork }: Task): void {
  const realTime = schedPolicy === SCHED_FIFO || schedPolicy === SCHED_RR;
  child.nice = schedResetOnFork ? (realTime ? 0 : Math.max(nice, 0)) : nice;
  if (schedResetOnFork && realTime) return;
  child.schedPolicy = schedPolicy;
  child.schedPriority = schedPriority;
}

/** Serves the parent's side: the child's tid, or a sleep until it lets the parent go on (CLONE_VFORK). */
export function cloneTask(parent: Task, request: CloneRequest): SysResult {
  const { flags } = request;
  const { kernel } = parent;
  check(flags);
  const thread = has(flags, CLONE_THREAD);
  if (kernel.tasks.size >= Math.min(parent.process.limits[RLIMIT.NPROC].soft, kernel.options.maxTasks ?? MAX_TASKS)) throw EAGAIN;
  if (!has(flags, CLONE_VM) && !kernel.host.roomForProcess()) throw ENOMEM;
  // Bad addresses are found before anything exists.
  if (has(flags, CLONE_PARENT_SETTID)) view(parent.mm, request.parentTid, 4, 'write');

  const shareMemory = has(flags, CLONE_VM);
  const cpu = parent.mm.executor.cpu;
  const mm = shareMemory ? parent.mm : parent.mm.fork();
  if (shareMemory) mm.users++;
  else {
    try {
      mm.executor = orNoMemory(() => kernel.forkExecutor(parent.mm, mm));
    } catch (error) {
      mm.dispose();
      throw error;
    }
  }

  const tid = kernel.newPid();
  let process: Process;
  if (thread) process = parent.process;
  else {
    let handlers = parent.process.handlers;
    if (has(flags, CLONE_SIGHAND)) handlers.users++;
    else {
      handlers = new SignalHandlers(handlers.actions);
      if (has(flags, CLONE_CLEAR_SIGHAND)) handlers.reset();
    }
    const from = parent.process;
    process = new Process(kernel, tid, has(flags, CLONE_PARENT) ? from.parent : from, from.group, handlers, new PendingSignals(), [...from.limits], has(flags, CLONE_PARENT) ? from.exitSignal : request.exitSignal, kernel.host.monotonicNs());
    process.exe = from.exe;
    process.dumpable = from.dumpable;
    process.noNewPrivs = from.noNewPrivs;
    process.oomScoreAdj = from.oomScoreAdj;
    kernel.processes.set(tid, process);
  }
  const fds = has(flags, CLONE_FILES) ? parent.fds.share() : parent.fds.fork();
  const fs = has(flags, CLONE_FS) ? parent.fs.share() : parent.fs.fork();
  const child = new Task(kernel, tid, process, mm, fds, fs, parent.creds, new PendingSignals());
  kernel.tasks.set(tid, child);
  child.comm = parent.comm;
  child.blocked = parent.blocked;
  child.timerSlackNs = parent.timerSlackNs;
  child.timerSlackDefaultNs = parent.timerSlackNs;
  inheritScheduling(child, parent);
  if (!shareMemory || has(flags, CLONE_VFORK)) child.altStack = parent.altStack;

  // The child's registers are the parent's but for these.
  const rax = cpu.regBig(RAX);
  const rsp = cpu.regBig(RSP);
  const fsBase = cpu.fsBase;
  cpu.setReg(RAX, 0);
  if (request.stack !== 0) cpu.setReg(RSP, request.stack);
  if (has(flags, CLONE_SETTLS)) cpu.fsBase = request.tls;
  cpu.save(child.context);
  cpu.setRegBig(RAX, rax);
  cpu.setRegBig(RSP, rsp);
  cpu.fsBase = fsBase;

  if (has(flags, CLONE_PARENT_SETTID)) putU32(parent.mm, request.parentTid, tid);
  if (has(flags, CLONE_CHILD_SETTID) && mm.vmas.allows(request.childTid, 4, 2)) putU32(mm, request.childTid, tid);
  if (has(flags, CLONE_CHILD_CLEARTID)) child.clearChildTid = request.childTid;
  if (has(flags, CLONE_PIDFD)) kernel.installPidfd(parent, process, request.pidfd);
  kernel.enqueue(child);
  if (!has(flags, CLONE_VFORK)) return tid;
  child.vforkParent = parent;
  return block(parent, [child.vforkQueue], () => (child.vforkParent === undefined ? tid : WOULD_BLOCK), { restart: 'uninterruptible' });
}
