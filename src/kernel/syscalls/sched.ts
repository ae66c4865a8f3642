/** sched(7): sched_yield(2), affinity, policies, getcpu(2), getpriority(2). One CPU, and tasks take turns on it whatever their policy. */

import { PRIO_PGRP, PRIO_PROCESS, PRIO_USER } from '../../abi/resource.ts';
import { SCHED_BATCH, SCHED_FIFO, SCHED_IDLE, SCHED_OTHER, SCHED_RESET_ON_FORK, SCHED_RR } from '../../abi/sched.ts';
import { E2BIG, EACCES, EINVAL, EPERM, ESRCH } from '../errno.ts';
import { getI32, getU32, putU32, readBytes, writeBytes, writeTimespec } from '../mm/guest.ts';
import type { SysResult } from '../result.ts';
import { block } from '../task/block.ts';
import { CAP, hasCap } from '../task/creds.ts';
import type { Task } from '../task/task.ts';

const CPUSET_BYTES = 8;
const SLICE_NS = 4_000_000;
const REAL_TIME = new Set([SCHED_FIFO, SCHED_RR]);
const POLICIES = new Set([SCHED_OTHER, SCHED_FIFO, SCHED_RR, SCHED_BATCH, SCHED_IDLE]);

function find(task: Task, pid: number): Task {
  if (pid < 0) throw EINVAL;
  const found = pid === 0 ? task : task.kernel.tasks.get(pid);
  if (found === undefined) throw ESRCH;
  return found;
}

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
  find(task, pid);
  const mask = size === 0 ? [] : readBytes(task.mm, address, Math.min(size, CPUSET_BYTES));
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

export const sys_sched_getscheduler = (task: Task, pid: number): number => find(task, pid).schedPolicy;

function setPolicy(task: Task, target: Task, policy: number, priority: number): void {
  if (!POLICIES.has(policy)) throw EINVAL;
  if (REAL_TIME.has(policy) ? priority < 1 || priority > 99 : priority !== 0) throw EINVAL;
  if (REAL_TIME.has(policy) && !hasCap(task.creds, CAP.SYS_NICE)) throw EPERM;
  target.schedPolicy = policy;
  target.schedPriority = priority;
}

export function sys_sched_setscheduler(task: Task, pid: number, policy: number, address: number): number {
  if (address === 0) throw EINVAL;
  setPolicy(task, find(task, pid), policy & ~SCHED_RESET_ON_FORK, getI32(task.mm, address));
  return 0;
}

export function sys_sched_setparam(task: Task, pid: number, address: number): number {
  if (address === 0) throw EINVAL;
  const target = find(task, pid);
  setPolicy(task, target, target.schedPolicy, getI32(task.mm, address));
  return 0;
}

export function sys_sched_getparam(task: Task, pid: number, address: number): number {
  if (address === 0) throw EINVAL;
  putU32(task.mm, address, find(task, pid).schedPriority);
  return 0;
}

export function sys_sched_rr_get_interval(task: Task, pid: number, address: number): number {
  find(task, pid);
  writeTimespec(task.mm, address, SLICE_NS);
  return 0;
}

const ATTR_BYTES = 48;

export function sys_sched_getattr(task: Task, pid: number, address: number, size: number, flags: number): number {
  if (flags !== 0 || size < ATTR_BYTES || size > 4096) throw EINVAL;
  const target = find(task, pid);
  const out = new Uint8Array(ATTR_BYTES);
  const data = new DataView(out.buffer);
  data.setUint32(0, ATTR_BYTES, true);
  data.setUint32(4, target.schedPolicy, true);
  data.setInt32(16, target.nice, true);
  data.setUint32(20, target.schedPriority, true);
  writeBytes(task.mm, address, out);
  return 0;
}

export function sys_sched_setattr(task: Task, pid: number, address: number, flags: number): number {
  if (flags !== 0 || address === 0) throw EINVAL;
  const size = getU32(task.mm, address);
  if (size !== 0 && size < ATTR_BYTES) throw E2BIG;
  const target = find(task, pid);
  setPolicy(task, target, getU32(task.mm, address + 4), getU32(task.mm, address + 20));
  target.nice = Math.min(Math.max(getI32(task.mm, address + 16), -20), 19);
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
  for (const other of found) {
    if (wish < other.nice && !hasCap(task.creds, CAP.SYS_NICE)) throw EACCES;
    other.nice = wish;
  }
  return 0;
}

/** I/O priorities are accepted and mean nothing. */
export const sys_ioprio_set = (_task: Task, _which: number, _who: number, _value: number): number => 0;
export const sys_ioprio_get = (_task: Task, _which: number, _who: number): number => 0;
