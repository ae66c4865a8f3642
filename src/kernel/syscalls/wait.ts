/** wait4(2), waitid(2). */

import { CLD_CONTINUED, CLD_EXITED, CLD_KILLED, CLD_STOPPED, encodeSigInfo, SIGCHLD, SIGCONT, type SigInfo } from '../../abi/signal.ts';
import { CONTINUED_STATUS, P_ALL, P_PGID, P_PID, P_PIDFD, stoppedStatus, WCONTINUED, WEXITED, WNOHANG, WNOWAIT, WSTOPPED, WUNTRACED, __WALL, __WCLONE, __WNOTHREAD } from '../../abi/wait.ts';
import { ECHILD, EINVAL, ESRCH } from '../errno.ts';
import { clearBytes, putU32, writeBytes } from '../mm/guest.ts';
import { type SysResult, WOULD_BLOCK } from '../result.ts';
import { block } from '../task/block.ts';
import { reap } from '../task/exit.ts';
import type { Process, Task } from '../task/task.ts';
import { encodeRusage, rusageOf } from './getrusage.ts';

type Filter = (child: Process) => boolean;

/** What a child has to report. */
interface Report {
  readonly child: Process;
  readonly status: number;
  readonly info: SigInfo;
}

function matching(child: Process, filter: Filter, options: number): boolean {
  if (!filter(child)) return false;
  if (options & __WALL) return true;
  return (child.exitSignal !== SIGCHLD) === ((options & __WCLONE) !== 0);
}

/** The next report, taken; WOULD_BLOCK while there may be one later. ECHILD when there cannot. */
function look(task: Task, filter: Filter, options: number, found: (report: Report) => SysResult): SysResult {
  let any = false;
  for (const child of task.process.children) {
    if (!matching(child, filter, options)) continue;
    any = true;
    const keep = (options & WNOWAIT) !== 0;
    const uid = child.tasks.size > 0 ? child.leader.creds.uid : 0;
    const common = { signo: SIGCHLD, pid: child.pid, uid };
    if (child.state === 'zombie') {
      if ((options & WEXITED) === 0) continue;
      const status = child.exitStatus;
      const killed = (status & 0x7f) !== 0;
      const result = found({ child, status, info: { ...common, code: killed ? CLD_KILLED : CLD_EXITED, status: killed ? status & 0x7f : (status >> 8) & 0xff } });
      if (!keep) reap(child);
      return result;
    }
    if (options & WSTOPPED && child.stopReport !== undefined) {
      const signal = child.stopReport;
      if (!keep) child.stopReport = undefined;
      return found({ child, status: stoppedStatus(signal), info: { ...common, code: CLD_STOPPED, status: signal } });
    }
    if (options & WCONTINUED && child.continueReport) {
      if (!keep) child.continueReport = false;
      return found({ child, status: CONTINUED_STATUS, info: { ...common, code: CLD_CONTINUED, status: SIGCONT } });
    }
  }
  if (!any) throw ECHILD;
  return WOULD_BLOCK;
}

export function sys_wait4(task: Task, pid: number, statusAt: number, options: number, rusageAt: number): SysResult {
  if (options & ~(WNOHANG | WUNTRACED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL)) throw EINVAL;
  if (pid === -0x8000_0000) throw ESRCH;
  const own = task.process.group;
  const filter: Filter = pid > 0 ? (child) => child.pid === pid : pid === -1 ? () => true : pid === 0 ? (child) => child.group === own : (child) => child.group.pgid === -pid;
  const found = ({ child, status }: Report): SysResult => {
    if (statusAt !== 0) putU32(task.mm, statusAt, status);
    if (rusageAt !== 0) writeBytes(task.mm, rusageAt, encodeRusage(rusageOf(child)));
    return child.pid;
  };
  const attempt = (): SysResult => look(task, filter, options | WEXITED, found);
  const result = attempt();
  if (result !== WOULD_BLOCK) return result;
  if (options & WNOHANG) return 0;
  return block(task, [task.process.childEvents], attempt);
}

export function sys_waitid(task: Task, type: number, id: number, infoAt: number, options: number, rusageAt: number): SysResult {
  if (options & ~(WNOHANG | WNOWAIT | WEXITED | WSTOPPED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL)) throw EINVAL;
  if ((options & (WEXITED | WSTOPPED | WCONTINUED)) === 0) throw EINVAL;
  let filter: Filter;
  switch (type) {
    case P_ALL:
      filter = () => true;
      break;
    case P_PID:
      if (id <= 0) throw EINVAL;
      filter = (child) => child.pid === id;
      break;
    case P_PGID: {
      if (id < 0) throw EINVAL;
      const pgid = id === 0 ? task.process.group.pgid : id;
      filter = (child) => child.group.pgid === pgid;
      break;
    }
    case P_PIDFD: {
      const process = task.kernel.files.pidfdProcess?.(task, id);
      filter = (child) => child === process;
      break;
    }
    default:
      throw EINVAL;
  }
  const found = ({ child, info }: Report): SysResult => {
    if (infoAt !== 0) writeBytes(task.mm, infoAt, encodeSigInfo(info));
    if (rusageAt !== 0) writeBytes(task.mm, rusageAt, encodeRusage(rusageOf(child)));
    return 0;
  };
  const attempt = (): SysResult => look(task, filter, options | (type === P_PIDFD ? __WALL : 0), found);
  const result = attempt();
  if (result !== WOULD_BLOCK) return result;
  if (options & WNOHANG) {
    if (infoAt !== 0) clearBytes(task.mm, infoAt, 128);
    return 0;
  }
  return block(task, [task.process.childEvents], attempt);
}
