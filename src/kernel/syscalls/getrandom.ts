/** getrandom(2). */

import { EINVAL } from '../errno.ts';
import { viewPrefix } from '../mm/guest.ts';
import type { Task } from '../task/task.ts';

const GRND_NONBLOCK = 1,
  GRND_RANDOM = 2,
  GRND_INSECURE = 4;
const MAX_BYTES = 33_554_431;

export function sys_getrandom(task: Task, address: number, size: number, flags: number): number {
  if (flags & ~(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE) || (flags & GRND_RANDOM && flags & GRND_INSECURE)) throw EINVAL;
  const out = viewPrefix(task.mm, address, Math.min(size, MAX_BYTES), 'write');
  if (out.length > 0) task.kernel.host.random(out);
  return out.length;
}
