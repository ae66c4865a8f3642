/** setpgid(2), getpgid(2), setsid(2), getsid(2). */

import { EACCES, EINVAL, EPERM, ESRCH } from '../errno.ts';
import type { Task } from '../task/task.ts';

export function sys_setpgid(task: Task, pid: number, pgid: number): number {
  if (pgid < 0) throw EINVAL;
  const { kernel } = task;
  const own = task.process;
  const process = pid === 0 ? own : kernel.processes.get(pid);
  if (process === undefined || (process !== own && process.parent !== own)) throw ESRCH;
  if (process !== own) {
    if (process.session !== own.session) throw EPERM;
    if (process.hasExeced) throw EACCES;
  }
  if (process.session.leader === process) throw EPERM;
  const target = pgid === 0 ? process.pid : pgid;
  if (target !== process.pid && kernel.groups.get(target)?.session !== own.session) throw EPERM;
  if (process.group.pgid !== target) kernel.joinGroup(process, target, own.session);
  return 0;
}

export function sys_getpgid(task: Task, pid: number): number {
  const process = pid === 0 ? task.process : task.kernel.processes.get(pid);
  if (process === undefined) throw ESRCH;
  return process.group.pgid;
}

export const sys_getpgrp = (task: Task): number => task.process.group.pgid;

export function sys_setsid(task: Task): number {
  const { process, kernel } = task;
  if (kernel.groups.has(process.pid)) throw EPERM;
  kernel.joinGroup(process, process.pid, { sid: process.pid, leader: process, tty: undefined });
  return process.pid;
}

export function sys_getsid(task: Task, pid: number): number {
  const process = pid === 0 ? task.process : task.kernel.processes.get(pid);
  if (process === undefined) throw ESRCH;
  return process.session.sid;
}
