/** getuid(2), getgid(2), getresuid(2), getgroups(2). */

import { EINVAL, EPERM } from '../errno.ts';
import { getU32, putU32, view } from '../mm/guest.ts';
import { CAP, hasCap } from '../task/creds.ts';
import type { Task } from '../task/task.ts';

const NGROUPS_MAX = 65536;

export const sys_getuid = (task: Task): number => task.creds.uid;
export const sys_geteuid = (task: Task): number => task.creds.euid;
export const sys_getgid = (task: Task): number => task.creds.gid;
export const sys_getegid = (task: Task): number => task.creds.egid;

export function sys_getresuid(task: Task, real: number, effective: number, saved: number): number {
  const { uid, euid, suid } = task.creds;
  putU32(task.mm, real, uid);
  putU32(task.mm, effective, euid);
  putU32(task.mm, saved, suid);
  return 0;
}

export function sys_getresgid(task: Task, real: number, effective: number, saved: number): number {
  const { gid, egid, sgid } = task.creds;
  putU32(task.mm, real, gid);
  putU32(task.mm, effective, egid);
  putU32(task.mm, saved, sgid);
  return 0;
}

export function sys_getgroups(task: Task, size: number, address: number): number {
  const { groups } = task.creds;
  if (size < 0 || (size > 0 && size < groups.length)) throw EINVAL;
  if (size > 0) for (const [index, gid] of groups.entries()) putU32(task.mm, address + index * 4, gid);
  return groups.length;
}

export function sys_setgroups(task: Task, size: number, address: number): number {
  if (!hasCap(task.creds, CAP.SETGID)) throw EPERM;
  if (size < 0 || size > NGROUPS_MAX) throw EINVAL;
  view(task.mm, address, size * 4, 'read');
  const groups = Array.from({ length: size }, (_, index) => getU32(task.mm, address + index * 4));
  task.creds = Object.freeze({ ...task.creds, groups });
  return 0;
}
