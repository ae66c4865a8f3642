/** write(2), pwrite(2). */

import { IN_MODIFY } from '../../abi/inotify.ts';
import type { Fd, GuestAddr } from '../../base/flavor.ts';
import { EAGAIN, EINVAL } from '../errno.ts';
import { MAX_RW_COUNT, viewPrefix } from '../mm/guest.ts';
import { type SysResult, WOULD_BLOCK } from '../result.ts';
import { block, within } from '../task/block.ts';
import type { Task } from '../task/task.ts';
import type { OpenFile } from '../vfs/file.ts';
import { notify } from '../vfs/notify.ts';
import { roomFor, sendable, writableFile } from '../vfs/transfer.ts';

export function sys_write(task: Task, fd: Fd, address: GuestAddr, size: number): SysResult {
  const file = writableFile(task, fd);
  const wanted = size > MAX_RW_COUNT ? MAX_RW_COUNT : size;
  let count = file.seekable ? roomFor(task, file, wanted) : wanted;
  let bytes = viewPrefix(task.mm, address, count, 'read');
  if (bytes.length < count && !file.seekable) {
    count = sendable(file, bytes.length);
    bytes = bytes.subarray(0, count);
  }
  const result = file.write(task, bytes);
  if (result > 0) notify(file.path, IN_MODIFY);
  if (result === count || file.seekable) return result;
  if (result !== WOULD_BLOCK && (result < 0 || file.nonBlocking || file.messages)) return result;
  if (file.nonBlocking) throw EAGAIN;
  return writeRest(task, file, address, count, result === WOULD_BLOCK ? 0 : result);
}

/** A blocking write goes on until all is taken; what was taken counts when a signal comes. */
function writeRest(task: Task, file: OpenFile, address: GuestAddr, count: number, already: number): SysResult {
  let done = already;
  return block(
    task,
    file.writeQueues,
    () => {
      while (done < count) {
        let taken: SysResult;
        try {
          taken = file.write(task, viewPrefix(task.mm, address + done, count - done, 'read'));
        } catch (error) {
          if (done === 0) throw error;
          return done;
        }
        if (taken === WOULD_BLOCK) return WOULD_BLOCK;
        if (taken < 0) return done > 0 ? done : taken;
        done += taken;
      }
      return done;
    },
    within(task, file.sendTimeoutNs, () => (done > 0 ? done : WOULD_BLOCK)),
  );
}

export function sys_pwrite64(task: Task, fd: Fd, address: GuestAddr, size: number, offset: number): SysResult {
  if (offset < 0) throw EINVAL;
  const file = writableFile(task, fd);
  const wanted = Math.min(size, MAX_RW_COUNT);
  const count = file.seekable ? roomFor(task, file, wanted, offset) : wanted;
  const result = file.pwrite(viewPrefix(task.mm, address, count, 'read'), offset);
  if (result > 0) notify(file.path, IN_MODIFY);
  return result;
}
