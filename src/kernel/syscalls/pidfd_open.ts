/** pidfd_open(2), pidfd_send_signal(2), pidfd_getfd(2). */

import { O_NONBLOCK } from '../../abi/fcntl.ts';
import { RLIMIT } from '../../abi/resource.ts';
import { NSIG, SI_TKILL, SIGINFO_BYTES } from '../../abi/signal.ts';
import { EBADF, EINVAL, EPERM, ESRCH } from '../errno.ts';
import { ProcessNode } from '../fs/procpid.ts';
import { PidFile } from '../ipc/pidfd.ts';
import { readBytes } from '../mm/guest.ts';
import { mayKill, sendToProcess, userSignal } from '../signal/send.ts';
import { CAP, hasCap } from '../task/creds.ts';
import type { Process, Task } from '../task/task.ts';
import { DirectoryFile } from '../vfs/file.ts';

export function sys_pidfd_open(task: Task, pid: number, flags: number): number {
  if (flags & ~O_NONBLOCK || pid <= 0) throw EINVAL;
  const process = task.kernel.processes.get(pid);
  if (process === undefined) throw task.kernel.tasks.has(pid) ? EINVAL : ESRCH;
  return task.fds.install(new PidFile(process, flags), task.process.limits[RLIMIT.NOFILE].soft, true);
}

function behind(task: Task, fd: number): Process {
  const file = task.fds.get(fd);
  if (!(file instanceof PidFile)) throw EBADF;
  return file.process;
}

/** A directory /proc/<pid> will do as well, as it did before there was pidfd_open(2). */
function signalled(task: Task, fd: number): Process {
  const file = task.fds.getUsable(fd);
  return file instanceof DirectoryFile && file.inode instanceof ProcessNode ? file.inode.process : behind(task, fd);
}

export function sys_pidfd_send_signal(task: Task, fd: number, signal: number, infoAt: number, flags: number): number {
  if (flags !== 0 || signal < 0 || signal > NSIG) throw EINVAL;
  const process = signalled(task, fd);
  let info = userSignal(signal, task);
  if (infoAt !== 0) {
    const raw = readBytes(task.mm, infoAt, SIGINFO_BYTES);
    const data = new DataView(raw.buffer);
    const code = data.getInt32(8, true);
    if (data.getInt32(0, true) !== signal) throw EINVAL;
    if (process !== task.process && (code >= 0 || code === SI_TKILL)) throw EPERM;
    info = { signo: signal, code, raw };
  }
  if (process.tasks.size === 0) throw ESRCH;
  if (!mayKill(task, process, signal)) throw EPERM;
  if (signal !== 0) sendToProcess(process, info);
  return 0;
}

export function sys_pidfd_getfd(task: Task, fd: number, target: number, flags: number): number {
  if (flags !== 0) throw EINVAL;
  const process = behind(task, fd);
  if (process.tasks.size === 0) throw ESRCH;
  const { leader } = process;
  if (leader.creds.uid !== task.creds.uid && !hasCap(task.creds, CAP.SYS_PTRACE)) throw EPERM;
  return task.fds.install(leader.fds.get(target), task.process.limits[RLIMIT.NOFILE].soft, true);
}
