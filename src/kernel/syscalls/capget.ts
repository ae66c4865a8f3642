/** capget(2), capset(2). */

import { EINVAL, EPERM, ESRCH } from '../errno.ts';
import { getI32, getU32, putU32 } from '../mm/guest.ts';
import type { Task } from '../task/task.ts';

const V1 = 0x1998_0330,
  V2 = 0x2007_1026,
  V3 = 0x2008_0522;

/** Words per set, by header version; an unknown one is corrected in place. */
function words(task: Task, header: number): number {
  const version = getU32(task.mm, header);
  if (version === V1) return 1;
  if (version === V2 || version === V3) return 2;
  putU32(task.mm, header, V3);
  throw EINVAL;
}

export function sys_capget(task: Task, header: number, data: number): number {
  const { mm } = task;
  let count: number;
  try {
    count = words(task, header);
  } catch (error) {
    if (error === EINVAL && data === 0) return 0;
    throw error;
  }
  const pid = getI32(mm, header + 4);
  if (pid < 0) throw EINVAL;
  const target = pid === 0 ? task : task.kernel.tasks.get(pid);
  if (target === undefined) throw ESRCH;
  const { effective, permitted, inheritable } = target.creds;
  for (let index = 0; index < count; index++) {
    for (const [place, set] of [effective, permitted, inheritable].entries()) putU32(mm, data + index * 12 + place * 4, Number((set >> BigInt(index * 32)) & 0xffff_ffffn));
  }
  return 0;
}

export function sys_capset(task: Task, header: number, data: number): number {
  const { mm } = task;
  const count = words(task, header);
  const pid = getI32(mm, header + 4);
  if (pid !== 0 && pid !== task.tid) throw EPERM;
  const sets = [0n, 0n, 0n];
  for (let index = 0; index < count; index++) for (let place = 0; place < 3; place++) sets[place] |= BigInt(getU32(mm, data + index * 12 + place * 4)) << BigInt(index * 32);
  const [effective, permitted, inheritable] = sets;
  const old = task.creds;
  if (permitted & ~old.permitted || effective & ~permitted || inheritable & ~(old.inheritable | old.permitted)) throw EPERM;
  task.creds = Object.freeze({ ...old, effective, permitted, inheritable });
  return 0;
}
