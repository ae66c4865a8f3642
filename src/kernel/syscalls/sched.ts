/** sched(7): sched_yield(2), affinity, policies, getcpu(2), getpriority(2). One CPU, and tasks take turns on it whatever their policy. */

import { PRIO_PGRP, PRIO_PROCESS, PRIO_USER, RLIMIT } from '../../abi/resource.ts';
import { SCHED_BATCH, SCHED_FIFO, SCHED_FLAG_RESET_ON_FORK, SCHED_IDLE, SCHED_OTHER, SCHED_RESET_ON_FORK, SCHED_RR } from '../../abi/sched.ts';
import { E2BIG, EACCES, EINVAL, EPERM, type Errno, ESRCH } from '../errno.ts';
import { getBig, getI32, getU32, putU32, readBytes, writeBytes, writeTimespec } from '../mm/guest.ts';
import type { SysResult } from '../result.ts';
import { block } from '../task/block.ts';
import { CAP, hasCap } from '../task/creds.ts';
import type { Task } from '../task/task.ts';

const CPUSET_BYTES = 8;
const SLICE_NS = 4_000_000;
/** /proc/sys/kernel/sched_rr_timeslice_ms. */
const ROUND_ROBIN_NS = 100_000_000;
const REAL_TIME = new Set([SCHED_FIFO, SCHED_RR]);
const POLICIES = new Set([SCHED_OTHER, SCHED_FIFO, SCHED_RR, SCHED_BATCH, SCHED_IDLE]);

function find(task: Task, pid: number): Task {
  if (pid < 0) throw EINVAL;
  const found = pid === 0 ? task : task.kernel.tasks.get(pid);
  if (found === undefined) throw ESRCH;
  return found;
}

/** Whose scheduling one may change: tasks of one's own user, with CAP_SYS_NICE any. */
function owns(task: Task, target: Task): boolean {
  const { euid } = task.creds;
  return euid === target.creds.euid || euid === target.creds.uid || hasCap(task.creds, CAP.SYS_NICE);
}

/** RLIMIT_NICE says how far down one may go without CAP_SYS_NICE. */
const mayBeNice = (task: Task, target: Task, nice: number): boolean => nice >= target.nice || 20 - nice <= target.process.limits[RLIMIT.NICE].soft || hasCap(task.creds, CAP.SYS_NICE);

/** Lets everybody else who can run go first. */
export function sys_sched_yield(task: Task): SysResult {
  if (task.kernel.runnable === 0) return 0;
  const result = block(task, [], () => 0, { restart: 'uninterruptible' });
  task.sleep.woken();
  return result;
}

export function sys_sched_getaffinity(task: Task, pid: number, size: number, address: number): number {
  if (size < CPUSET_BYTES || size % 8 !== 0) throw EINVAL;
  find(task, pid);
  writeBytes(task.mm, address, Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0));
  return CPUSET_BYTES;
}

export function sys_sched_setaffinity(task: Task, pid: number, size: number, address: number): number {
  const mask = size === 0 ? [] : readBytes(task.mm, address, Math.min(size, CPUSET_BYTES));
  if (!owns(task, find(task, pid))) throw EPERM;
  if (((mask[0] ?? 0) & 1) === 0) throw EINVAL;
  return 0;
}

export function sys_getcpu(task: Task, cpuAt: number, nodeAt: number, _cache: number): number {
  if (cpuAt !== 0) putU32(task.mm, cpuAt, 0);
  if (nodeAt !== 0) putU32(task.mm, nodeAt, 0);
  return 0;
}

export function sys_sched_get_priority_max(_task: Task, policy: number): number {
  if (!POLICIES.has(policy)) throw EINVAL;
  return REAL_TIME.has(policy) ? 99 : 0;
}

export function sys_sched_get_priority_min(_task: Task, policy: number): number {
  if (!POLICIES.has(policy)) throw EINVAL;
  return REAL_TIME.has(policy) ? 1 : 0;
}

export const sys_sched_getscheduler = (task: Task, pid: number): number => {
  const { schedPolicy, schedResetOnFork } = find(task, pid);
  return schedResetOnFork ? schedPolicy | SCHED_RESET_ON_FORK : schedPolicy;
};

/** `policy` may have SCHED_RESET_ON_FORK in it, which only CAP_SYS_NICE takes back. */
function setPolicy(task: Task, target: Task, wanted: number, priority: number, nice: number): void {
  const resetOnFork = (wanted & SCHED_RESET_ON_FORK) !== 0;
  const policy = wanted & ~SCHED_RESET_ON_FORK;
  if (!POLICIES.has(policy)) throw EINVAL;
  if (REAL_TIME.has(policy) ? priority < 1 || priority > 99 : priority !== 0) throw EINVAL;
  if (!owns(task, target)) throw EPERM;
  if (!hasCap(task.creds, CAP.SYS_NICE)) {
    if (REAL_TIME.has(policy) || (target.schedResetOnFork && !resetOnFork)) throw EPERM;
    if (!REAL_TIME.has(policy) && !mayBeNice(task, target, nice)) throw EPERM;
  }
  target.schedPolicy = policy;
  target.schedPriority = priority;
  target.schedResetOnFork = resetOnFork;
  if (!REAL_TIME.has(policy)) target.nice = nice;
}

export function sys_sched_setscheduler(task: Task, pid: number, policy: number, address: number): number {
  if (address === 0) throw EINVAL;
  if (policy < 0) throw EINVAL;
  const target = find(task, pid);
  setPolicy(task, target, policy, getI32(task.mm, address), target.nice);
  return 0;
}

export function sys_sched_setparam(task: Task, pid: number, address: number): number {
  if (address === 0) throw EINVAL;
  const target = find(task, pid);
  setPolicy(task, target, target.schedResetOnFork ? target.schedPolicy | SCHED_RESET_ON_FORK : target.schedPolicy, getI32(task.mm, address), target.nice);
  return 0;
}

export function sys_sched_getparam(task: Task, pid: number, address: number): number {
  if (address === 0) throw EINVAL;
  putU32(task.mm, address, find(task, pid).schedPriority);
  return 0;
}

export function sys_sched_rr_get_interval(task: Task, pid: number, address: number): number {
  const { schedPolicy } = find(task, pid);
  writeTimespec(task.mm, address, schedPolicy === SCHED_FIFO ? 0 : schedPolicy === SCHED_RR ? ROUND_ROBIN_NS : SLICE_NS);
  return 0;
}

const ATTR_BYTES = 48;

export function sys_sched_getattr(task: Task, pid: number, address: number, size: number, flags: number): number {
  if (flags !== 0 || address === 0 || size < ATTR_BYTES || size > 4096) throw EINVAL;
  const target = find(task, pid);
  const out = new Uint8Array(ATTR_BYTES);
  const data = new DataView(out.buffer);
  data.setUint32(0, ATTR_BYTES, true);
  data.setUint32(4, target.schedPolicy, true);
  data.setBigUint64(8, target.schedResetOnFork ? SCHED_FLAG_RESET_ON_FORK : 0n, true);
  data.setInt32(16, REAL_TIME.has(target.schedPolicy) ? 0 : target.nice, true);
  data.setUint32(20, target.schedPriority, true);
  writeBytes(task.mm, address, out);
  return 0;
}

export function sys_sched_setattr(task: Task, pid: number, address: number, flags: number): number {
  if (flags !== 0 || address === 0) throw EINVAL;
  const size = getU32(task.mm, address);
  if (size !== 0 && size < ATTR_BYTES) throw E2BIG;
  const target = find(task, pid);
  const policy = getU32(task.mm, address + 4);
  if ((policy | 0) < 0 || (policy & SCHED_RESET_ON_FORK) !== 0) throw EINVAL;
  const reset = (getBig(task.mm, address + 8) & SCHED_FLAG_RESET_ON_FORK) !== 0n;
  setPolicy(task, target, reset ? policy | SCHED_RESET_ON_FORK : policy, getU32(task.mm, address + 20), Math.min(Math.max(getI32(task.mm, address + 16), -20), 19));
  return 0;
}

function ofWhom(task: Task, which: number, who: number): Task[] {
  const { kernel } = task;
  if (which === PRIO_PROCESS) {
    const one = who === 0 ? task : kernel.tasks.get(who);
    return one === undefined ? [] : [one];
  }
  if (which === PRIO_PGRP) {
    const group = who === 0 ? task.process.group : kernel.groups.get(who);
    return group === undefined ? [] : [...group.members].flatMap((process) => [...process.tasks]);
  }
  if (which !== PRIO_USER) throw EINVAL;
  const uid = who === 0 ? task.creds.uid : who;
  return [...kernel.tasks.values()].filter((other) => other.creds.uid === uid);
}

/** 20 − nice, so that it is never negative. */
export function sys_getpriority(task: Task, which: number, who: number): number {
  const found = ofWhom(task, which, who);
  if (found.length === 0) throw ESRCH;
  return 20 - Math.min(...found.map((other) => other.nice));
}

export function sys_setpriority(task: Task, which: number, who: number, nice: number): number {
  const found = ofWhom(task, which, who);
  if (found.length === 0) throw ESRCH;
  const wish = Math.min(Math.max(nice, -20), 19);
  // The others get it all the same.
  let refused: Errno | undefined;
  for (const other of found) {
    if (!owns(task, other)) refused = EPERM;
    else if (!mayBeNice(task, other, wish)) refused = EACCES;
    else other.nice = wish;
  }
  if (refused !== undefined) throw refused;
  return 0;
}

/** I/O priorities are accepted and mean nothing. */
export const sys_ioprio_set = (_task: Task, _which: number, _who: number, _value: number): number => 0;
export const sys_ioprio_get = (_task: Task, _which: number, _who: number): number => 0;
