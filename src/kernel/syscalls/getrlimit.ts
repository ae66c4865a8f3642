/** getrlimit(2), setrlimit(2), prlimit(2). */

import { RLIM_NLIMITS, RLIMIT } from '../../abi/resource.ts';
import { EINVAL, EPERM, ESRCH } from '../errno.ts';
import { getBig, putBig, view } from '../mm/guest.ts';
import type { AddressSpace } from '../mm/space.ts';
import { mayKill } from '../signal/send.ts';
import { CAP, hasCap } from '../task/creds.ts';
import type { Rlimit } from '../task/rlimit.ts';
import type { Process, Task } from '../task/task.ts';

const INFINITY = 0xffff_ffff_ffff_ffffn;
const NR_OPEN = 1_048_576;
const decode = (value: bigint): number => (value === INFINITY ? Number.POSITIVE_INFINITY : Number(value));
const encode = (value: number): bigint => (value === Number.POSITIVE_INFINITY ? INFINITY : BigInt(value));

function write(mm: AddressSpace, address: number, limit: Rlimit): void {
  putBig(mm, address, encode(limit.soft));
  putBig(mm, address + 8, encode(limit.hard));
}

function change(task: Task, process: Process, resource: number, address: number): void {
  const wish = { soft: decode(getBig(task.mm, address)), hard: decode(getBig(task.mm, address + 8)) };
  const old = process.limits[resource];
  if (wish.soft > wish.hard) throw EINVAL;
  if (wish.hard > old.hard && !hasCap(task.creds, CAP.SYS_RESOURCE)) throw EPERM;
  if (resource === RLIMIT.NOFILE && wish.hard > NR_OPEN) throw EPERM;
  process.limits[resource] = wish;
}

export function sys_getrlimit(task: Task, resource: number, address: number): number {
  if (resource >= RLIM_NLIMITS) throw EINVAL;
  write(task.mm, address, task.process.limits[resource]);
  return 0;
}

export function sys_setrlimit(task: Task, resource: number, address: number): number {
  if (resource >= RLIM_NLIMITS) throw EINVAL;
  change(task, task.process, resource, address);
  return 0;
}

export function sys_prlimit64(task: Task, pid: number, resource: number, newAt: number, oldAt: number): number {
  if (resource >= RLIM_NLIMITS) throw EINVAL;
  const process = pid === 0 ? task.process : task.kernel.tasks.get(pid)?.process;
  if (process === undefined) throw ESRCH;
  if (!mayKill(task, process, 0)) throw EPERM;
  const old = process.limits[resource];
  if (oldAt !== 0) view(task.mm, oldAt, 16, 'write');
  if (newAt !== 0) change(task, process, resource, newAt);
  if (oldAt !== 0) write(task.mm, oldAt, old);
  return 0;
}
