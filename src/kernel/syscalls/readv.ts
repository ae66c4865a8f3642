/** readv(2), writev(2), preadv(2), pwritev(2) and their second versions. */

import { IN_ACCESS, IN_MODIFY } from '../../abi/inotify.ts';
import type { Fd, GuestAddr } from '../../base/flavor.ts';
import { EAGAIN, EINVAL, EOPNOTSUPP } from '../errno.ts';
import { faulting, readIovecs } from '../mm/guest.ts';
import { type SysResult, WOULD_BLOCK } from '../result.ts';
import { block, within } from '../task/block.ts';
import type { Task } from '../task/task.ts';
import { notify } from '../vfs/notify.ts';
import { accessibleOf, eachSegment, gather, part, readableFile, readSegments, roomFor, sendable, totalOf, writableFile } from '../vfs/transfer.ts';

/** RWF_HIPRI, RWF_DSYNC, RWF_SYNC, RWF_NOWAIT, RWF_APPEND. */
const RWF_KNOWN = 0x1f;

export function sys_readv(task: Task, fd: Fd, address: GuestAddr, count: number): SysResult {
  const file = readableFile(task, fd);
  const segments = readIovecs(task.mm, address, count);
  const attempt = (): SysResult => {
    try {
      return readSegments(task, file, segments);
    } catch (error) {
      const first = segments.find(({ length }) => length > 0);
      if (file.messages || first === undefined) throw error;
      return faulting(error, first, () => file.faultingRead(task, first.length));
    }
  };
  const result = attempt();
  if (result !== WOULD_BLOCK) return result;
  if (file.nonBlocking) throw EAGAIN;
  return block(task, file.readQueues, attempt, within(task, file.receiveTimeoutNs));
}

export function sys_writev(task: Task, fd: Fd, address: GuestAddr, count: number): SysResult {
  const file = writableFile(task, fd);
  let segments = readIovecs(task.mm, address, count);
  let total = totalOf(segments);
  if (file.seekable) {
    total = roomFor(task, file, total);
    segments = part(segments, 0, total);
  } else if (!file.messages && accessibleOf(task, segments) < total) {
    total = sendable(file, accessibleOf(task, segments));
    segments = part(segments, 0, total);
  }
  // A pipe keeps up to PIPE_BUF bytes of one call together.
  if (file.messages || (!file.seekable && total <= 4096)) {
    const message = gather(task, segments);
    const first = file.write(task, message);
    if (first !== WOULD_BLOCK) return first;
    if (file.nonBlocking) throw EAGAIN;
    return block(task, file.writeQueues, () => file.write(task, message), within(task, file.sendTimeoutNs));
  }
  let done = 0;
  const attempt = (): SysResult => {
    const moved = eachSegment(task, part(segments, done), 'read', (bytes) => file.write(task, bytes));
    if (moved < 0) return moved;
    done += moved;
    if (moved > 0) notify(file.path, IN_MODIFY);
    return done >= total || file.seekable || file.nonBlocking ? done : WOULD_BLOCK;
  };
  const result = attempt();
  if (result !== WOULD_BLOCK) return result;
  if (file.nonBlocking) throw EAGAIN;
  return block(
    task,
    file.writeQueues,
    attempt,
    within(task, file.sendTimeoutNs, () => (done > 0 ? done : WOULD_BLOCK)),
  );
}

export function sys_preadv(task: Task, fd: Fd, address: GuestAddr, count: number, offset: number): SysResult {
  if (offset < 0) throw EINVAL;
  const file = readableFile(task, fd);
  const result = eachSegment(task, readIovecs(task.mm, address, count), 'write', (bytes, done) => file.pread(bytes, offset + done));
  if (result > 0) notify(file.path, IN_ACCESS);
  return result;
}

export function sys_pwritev(task: Task, fd: Fd, address: GuestAddr, count: number, offset: number): SysResult {
  if (offset < 0) throw EINVAL;
  const file = writableFile(task, fd);
  const segments = readIovecs(task.mm, address, count);
  const room = file.seekable ? roomFor(task, file, totalOf(segments), offset) : totalOf(segments);
  const result = eachSegment(task, part(segments, 0, room), 'read', (bytes, done) => file.pwrite(bytes, offset + done));
  if (result > 0) notify(file.path, IN_MODIFY);
  return result;
}

/** The high half of the offset is unused on 64-bit machines; offset −1 is the file's own position. */
export function sys_preadv2(task: Task, fd: Fd, address: GuestAddr, count: number, offset: number, _high: number, flags: number): SysResult {
  if (flags & ~RWF_KNOWN) throw EOPNOTSUPP;
  return offset === -1 ? sys_readv(task, fd, address, count) : sys_preadv(task, fd, address, count, offset);
}

export function sys_pwritev2(task: Task, fd: Fd, address: GuestAddr, count: number, offset: number, _high: number, flags: number): SysResult {
  if (flags & ~RWF_KNOWN) throw EOPNOTSUPP;
  return offset === -1 ? sys_writev(task, fd, address, count) : sys_pwritev(task, fd, address, count, offset);
}
