/** read(2), pread(2). */

import { IN_ACCESS } from '../../abi/inotify.ts';
import type { Fd, GuestAddr } from '../../base/flavor.ts';
import { EAGAIN, EINVAL } from '../errno.ts';
import { MAX_RW_COUNT, viewPrefix } from '../mm/guest.ts';
import { type SysResult, WOULD_BLOCK } from '../result.ts';
import { block, within } from '../task/block.ts';
import type { Task } from '../task/task.ts';
import { notify } from '../vfs/notify.ts';
import { readableFile } from '../vfs/transfer.ts';

export function sys_read(task: Task, fd: Fd, address: GuestAddr, size: number): SysResult {
  const file = readableFile(task, fd);
  const count = size > MAX_RW_COUNT ? MAX_RW_COUNT : size;
  const result = file.read(task, viewPrefix(task.mm, address, count, 'write'));
  if (result > 0) notify(file.path, IN_ACCESS);
  if (result !== WOULD_BLOCK) return result;
  if (file.nonBlocking) throw EAGAIN;
  return block(task, file.readQueues, () => file.read(task, viewPrefix(task.mm, address, count, 'write')), within(task, file.receiveTimeoutNs));
}

export function sys_pread64(task: Task, fd: Fd, address: GuestAddr, size: number, offset: number): SysResult {
  if (offset < 0) throw EINVAL;
  const file = readableFile(task, fd);
  const result = file.pread(viewPrefix(task.mm, address, Math.min(size, MAX_RW_COUNT), 'write'), offset);
  if (result > 0) notify(file.path, IN_ACCESS);
  return result;
}
