/** read(2), pread(2). */

import { IN_ACCESS } from '../../abi/inotify.ts';
import type { Fd, GuestAddr } from '../../base/flavor.ts';
import { EAGAIN, EINVAL } from '../errno.ts';
import { faulting, MAX_RW_COUNT, viewPrefix } from '../mm/guest.ts';
import { type SysResult, WOULD_BLOCK } from '../result.ts';
import { block, within } from '../task/block.ts';
import type { Task } from '../task/task.ts';
import { faultUnlessEmpty, type OpenFile } from '../vfs/file.ts';
import { notify } from '../vfs/notify.ts';
import { readableFile, tornRead } from '../vfs/transfer.ts';

function readInto(task: Task, file: OpenFile, base: GuestAddr, length: number): SysResult {
  let into: Uint8Array;
  try {
    into = viewPrefix(task.mm, base, length, 'write');
  } catch (error) {
    return faulting(error, { base, length }, () => file.faultingRead(task, length));
  }
  return into.length < length && !file.seekable ? tornRead(file, into, length, (bytes) => file.read(task, bytes)) : file.read(task, into);
}

export function sys_read(task: Task, fd: Fd, address: GuestAddr, size: number): SysResult {
  const file = readableFile(task, fd);
  const count = size > MAX_RW_COUNT ? MAX_RW_COUNT : size;
  const result = readInto(task, file, address, count);
  if (result > 0) notify(file.path, IN_ACCESS);
  if (result !== WOULD_BLOCK) return result;
  if (file.nonBlocking) throw EAGAIN;
  return block(task, file.readQueues, () => readInto(task, file, address, count), within(task, file.receiveTimeoutNs));
}

export function sys_pread64(task: Task, fd: Fd, address: GuestAddr, size: number, offset: number): SysResult {
  if (offset < 0) throw EINVAL;
  const file = readableFile(task, fd);
  const length = Math.min(size, MAX_RW_COUNT);
  let into: Uint8Array;
  try {
    into = viewPrefix(task.mm, address, length, 'write');
  } catch (error) {
    return faulting(error, { base: address, length }, () => faultUnlessEmpty(file.pread(new Uint8Array(1), offset)));
  }
  const result = file.pread(into, offset);
  if (result > 0) notify(file.path, IN_ACCESS);
  return result;
}
