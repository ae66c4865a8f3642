/** The end of tasks and processes (exit(2), exit_group(2), wait(2) on what becomes of zombies). */

import { CLD_EXITED, CLD_KILLED, SA_NOCLDWAIT, SIGCHLD, SIGCONT, SIGHUP, SIG_IGN } from '../../abi/signal.ts';
import { Errno } from '../errno.ts';
import { robustExit, wakeAddress } from '../futex/futex.ts';
import { putU32 } from '../mm/guest.ts';
import { PROT_WRITE } from '../platform.ts';
import { kernelSignal, sendToGroup, sendToProcess } from '../signal/send.ts';
import { USER_HZ } from '../../abi/time.ts';
import type { Process, ProcessGroup, Task } from './task.ts';

const ticks = (ns: number): number => Math.floor((ns * USER_HZ) / 1e9);

/** Ends one thread. With the last one the process becomes a zombie. The running task must return to the loop after it. */
export function exitTask(task: Task, status: number): void {
  if (task.state === 'dead') return;
  const { process, kernel } = task;
  task.sleep.end();
  task.state = 'dead';
  leaveSpace(task);
  releaseFiles(task);
  process.tasks.delete(task);
  kernel.tasks.delete(task.tid);
  process.times.userNs += task.times.userNs;
  process.times.voluntarySwitches += task.times.voluntarySwitches;
  process.times.involuntarySwitches += task.times.involuntarySwitches;
  if (task.tid === process.pid) process.exitStatus = status;
  if (process.tasks.size === 0) endProcess(process, process.groupExit ?? process.exitStatus, task.creds.uid);
}

/** Closing may fail (a full disk, say); there is nobody left to tell but the log. */
function releaseFiles(task: Task): void {
  try {
    task.fds.release();
    task.fs.release();
  } catch (error) {
    if (!(error instanceof Errno)) throw error;
    task.kernel.host.log('warn', `${task.comm}[${task.tid}]: closing its files: ${error.message}`);
  }
}

/** Ends every thread of the process with one status. */
export function exitGroup(task: Task, status: number): void {
  const { process } = task;
  process.groupExit ??= status;
  for (const other of [...process.tasks]) if (other !== task) exitTask(other, status);
  exitTask(task, status);
}

/** The task lets go of its address space: at exit, and when execve gives it another. */
export function leaveSpace(task: Task): void {
  const { mm, kernel } = task;
  robustExit(task);
  if (task.clearChildTid !== 0 && mm.users > 1) {
    const address = task.clearChildTid;
    if (mm.vmas.allows(address, 4, PROT_WRITE)) {
      putU32(mm, address, 0);
      wakeAddress(mm, address, 1);
    }
  }
  task.clearChildTid = 0;
  if (mm.loaded === task) mm.loaded = undefined;
  mm.users--;
  if (mm.users === 0) kernel.bury(mm);
  if (task.vforkParent !== undefined) {
    task.vforkParent = undefined;
    task.vforkQueue.wake();
  }
}

function endProcess(process: Process, status: number, uid: number): void {
  const { parent } = process;
  const kernel = process.kernel;
  process.exitStatus = status;
  process.state = 'zombie';
  process.timers?.dispose();
  process.handlers.users--;
  endSession(process);
  for (const child of [...process.children]) reparent(child);
  orphanGroups(process);
  process.exitQueue.wake();
  if (process.hostId >= 0) kernel.host.exited(process.hostId, status);
  if (parent === undefined) {
    reap(process);
    return;
  }
  const action = parent.handlers.actions[SIGCHLD];
  const unwanted = process.exitSignal === SIGCHLD && (action.handler === SIG_IGN || (action.flags & SA_NOCLDWAIT) !== 0);
  if (process.exitSignal !== 0) {
    const killed = (status & 0x7f) !== 0;
    sendToProcess(parent, {
      signo: process.exitSignal,
      code: killed ? CLD_KILLED : CLD_EXITED,
      pid: process.pid,
      uid,
      status: killed ? status & 0x7f : (status >> 8) & 0xff,
      utime: ticks(process.times.userNs),
      stime: ticks(process.times.systemNs),
    });
  }
  if (unwanted) reap(process);
  parent.childEvents.wake();
}

/** Forgets a zombie. */
export function reap(process: Process): void {
  const { parent, group } = process;
  process.state = 'dead';
  if (parent !== undefined) {
    parent.children.delete(process);
    const { times, childTimes } = process;
    parent.childTimes.userNs += times.userNs + childTimes.userNs;
    parent.childTimes.systemNs += times.systemNs + childTimes.systemNs;
    parent.childTimes.maxResidentBytes = Math.max(parent.childTimes.maxResidentBytes, times.maxResidentBytes, childTimes.maxResidentBytes);
  }
  group.members.delete(process);
  process.kernel.forget(process);
}

/** The child of a dead parent goes to the nearest subreaper; without one the kernel itself reaps it. */
function reparent(child: Process): void {
  const old = child.parent as Process;
  old.children.delete(child);
  let heir = old.parent;
  while (heir !== undefined && !(heir.subreaper && heir.state === 'running')) heir = heir.parent;
  child.parent = heir;
  for (const task of child.tasks) if (task.parentDeathSignal !== 0) sendToProcess(child, kernelSignal(task.parentDeathSignal));
  if (heir === undefined) {
    if (child.state === 'zombie') reap(child);
    return;
  }
  heir.children.add(child);
  if (child.state === 'zombie') {
    sendToProcess(heir, { signo: SIGCHLD, code: CLD_EXITED, pid: child.pid, uid: 0, status: child.exitStatus >> 8 });
    heir.childEvents.wake();
  }
}

/** The leader of a session takes the controlling terminal along (credentials(7), tty_ioctl(4)). */
function endSession(process: Process): void {
  const { session } = process;
  const { tty } = session;
  if (session.leader !== process || tty === undefined) return;
  session.tty = undefined;
  const foreground = process.kernel.groups.get(tty.foregroundPgid);
  if (foreground !== undefined) {
    sendToGroup(foreground, kernelSignal(SIGHUP));
    sendToGroup(foreground, kernelSignal(SIGCONT));
  }
  tty.foregroundPgid = 0;
  tty.disowned(session);
}

/** Groups that this exit orphans and that hold stopped members are told (setpgid(2), "orphaned process group"). */
function orphanGroups(process: Process): void {
  const { kernel } = process;
  const groups = new Set<ProcessGroup>();
  for (const other of kernel.processes.values()) if (other !== process && other.state === 'stopped' && other.session === process.session) groups.add(other.group);
  for (const group of groups) {
    if (!kernel.orphaned(group)) continue;
    sendToGroup(group, kernelSignal(SIGHUP));
    sendToGroup(group, kernelSignal(SIGCONT));
  }
}
