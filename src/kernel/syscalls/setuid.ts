/** setuid(2), setreuid(2), setresuid(2), setfsuid(2) and the same of groups; credentials(7), capabilities(7) "Effect of user ID changes". */

import { EINVAL, EPERM } from '../errno.ts';
import { CAP, hasCap } from '../task/creds.ts';
import type { Task } from '../task/task.ts';

/** −1: leave as it is. */
const KEEP = 0xffff_ffff;

function setUids(task: Task, uid: number, euid: number, suid: number): number {
  const old = task.creds;
  let { permitted, effective } = old;
  const wasRoot = old.uid === 0 || old.euid === 0 || old.suid === 0;
  if (wasRoot && uid !== 0 && euid !== 0 && suid !== 0 && !task.process.keepCaps) permitted = 0n;
  if (old.euid === 0 && euid !== 0) effective = 0n;
  else if (old.euid !== 0 && euid === 0) effective = permitted;
  effective &= permitted;
  task.creds = Object.freeze({ ...old, uid, euid, suid, fsuid: euid, permitted, effective });
  return 0;
}

const setGids = (task: Task, gid: number, egid: number, sgid: number): number => {
  task.creds = Object.freeze({ ...task.creds, gid, egid, sgid, fsgid: egid });
  return 0;
};

const mayUid = ({ creds }: Task, uid: number): boolean => hasCap(creds, CAP.SETUID) || uid === creds.uid || uid === creds.euid || uid === creds.suid;
const mayGid = ({ creds }: Task, gid: number): boolean => hasCap(creds, CAP.SETGID) || gid === creds.gid || gid === creds.egid || gid === creds.sgid;

export function sys_setuid(task: Task, uid: number): number {
  if (uid === KEEP) throw EINVAL;
  const { creds } = task;
  if (hasCap(creds, CAP.SETUID)) return setUids(task, uid, uid, uid);
  if (uid !== creds.uid && uid !== creds.suid) throw EPERM;
  return setUids(task, creds.uid, uid, creds.suid);
}

export function sys_setgid(task: Task, gid: number): number {
  if (gid === KEEP) throw EINVAL;
  const { creds } = task;
  if (hasCap(creds, CAP.SETGID)) return setGids(task, gid, gid, gid);
  if (gid !== creds.gid && gid !== creds.sgid) throw EPERM;
  return setGids(task, creds.gid, gid, creds.sgid);
}

export function sys_setreuid(task: Task, uid: number, euid: number): number {
  const { creds } = task;
  const all = hasCap(creds, CAP.SETUID);
  if (uid !== KEEP && !all && uid !== creds.uid && uid !== creds.euid) throw EPERM;
  if (euid !== KEEP && !mayUid(task, euid)) throw EPERM;
  const effective = euid === KEEP ? creds.euid : euid;
  const saved = uid !== KEEP || (euid !== KEEP && euid !== creds.uid) ? effective : creds.suid;
  return setUids(task, uid === KEEP ? creds.uid : uid, effective, saved);
}

export function sys_setregid(task: Task, gid: number, egid: number): number {
  const { creds } = task;
  const all = hasCap(creds, CAP.SETGID);
  if (gid !== KEEP && !all && gid !== creds.gid && gid !== creds.egid) throw EPERM;
  if (egid !== KEEP && !mayGid(task, egid)) throw EPERM;
  const effective = egid === KEEP ? creds.egid : egid;
  const saved = gid !== KEEP || (egid !== KEEP && egid !== creds.gid) ? effective : creds.sgid;
  return setGids(task, gid === KEEP ? creds.gid : gid, effective, saved);
}

export function sys_setresuid(task: Task, uid: number, euid: number, suid: number): number {
  const { creds } = task;
  for (const id of [uid, euid, suid]) if (id !== KEEP && !mayUid(task, id)) throw EPERM;
  return setUids(task, uid === KEEP ? creds.uid : uid, euid === KEEP ? creds.euid : euid, suid === KEEP ? creds.suid : suid);
}

export function sys_setresgid(task: Task, gid: number, egid: number, sgid: number): number {
  const { creds } = task;
  for (const id of [gid, egid, sgid]) if (id !== KEEP && !mayGid(task, id)) throw EPERM;
  return setGids(task, gid === KEEP ? creds.gid : gid, egid === KEEP ? creds.egid : egid, sgid === KEEP ? creds.sgid : sgid);
}

/** Returns the old one, whether or not it changed. */
export function sys_setfsuid(task: Task, uid: number): number {
  const old = task.creds.fsuid;
  if (uid === old || mayUid(task, uid)) if (uid !== KEEP) task.creds = Object.freeze({ ...task.creds, fsuid: uid });
  return old;
}

export function sys_setfsgid(task: Task, gid: number): number {
  const old = task.creds.fsgid;
  if (gid === old || mayGid(task, gid)) if (gid !== KEEP) task.creds = Object.freeze({ ...task.creds, fsgid: gid });
  return old;
}
