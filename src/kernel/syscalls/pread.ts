/** pread(2), pwrite(2). */

import type { Fd, GuestAddr } from '../../base/flavor.ts';
import { MAX_RW_COUNT, viewPrefix } from '../mm/guest.ts';
import type { SysResult } from '../result.ts';
import type { Task } from '../task/task.ts';
import { needOffset, readableFile, writableFile } from '../vfs/transfer.ts';

export function sys_pread64(task: Task, fd: Fd, buffer: GuestAddr, size: number, offset: number): SysResult {
  needOffset(offset);
  const file = readableFile(task, fd);
  return file.pread(viewPrefix(task.mm, buffer, Math.min(size, MAX_RW_COUNT), 'write'), offset);
}

export function sys_pwrite64(task: Task, fd: Fd, buffer: GuestAddr, size: number, offset: number): SysResult {
  needOffset(offset);
  const file = writableFile(task, fd);
  return file.pwrite(viewPrefix(task.mm, buffer, Math.min(size, MAX_RW_COUNT), 'read'), offset);
}
