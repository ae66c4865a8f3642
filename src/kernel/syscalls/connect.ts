/** connect(2). */

import type { Fd, GuestAddr } from '../../base/flavor.ts';
import { EAGAIN } from '../errno.ts';
import { readAddress } from '../net/address.ts';
import { type SysResult, WOULD_BLOCK } from '../result.ts';
import { block, within } from '../task/block.ts';
import type { Task } from '../task/task.ts';
import { socketOf } from './socket.ts';

export function sys_connect(task: Task, fd: Fd, at: GuestAddr, length: number): SysResult {
  const socket = socketOf(task, fd);
  const address = readAddress(task.mm, at, length);
  const result = socket.connect(task, address);
  if (result !== WOULD_BLOCK) return result;
  if (socket.nonBlocking) throw EAGAIN;
  return block(task, socket.writeQueues, () => socket.connect(task, address), within(task, socket.sendTimeoutNs));
}
