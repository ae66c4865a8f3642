/** readv(2), writev(2), preadv(2), pwritev(2) and their second versions. */

import type { Fd, GuestAddr } from '../../base/flavor.ts';
import { EAGAIN, EINVAL, EOPNOTSUPP } from '../errno.ts';
import { readIovecs, type Segment, view, viewPrefix } from '../mm/guest.ts';
import { type SysResult, WOULD_BLOCK } from '../result.ts';
import { block, within } from '../task/block.ts';
import type { Task } from '../task/task.ts';
import type { OpenFile } from '../vfs/file.ts';
import { readableFile, writableFile } from '../vfs/transfer.ts';

/** RWF_HIPRI, RWF_DSYNC, RWF_SYNC, RWF_NOWAIT, RWF_APPEND. */
const RWF_KNOWN = 0x1f;

type Transfer = (bytes: Uint8Array, done: number) => SysResult;

/** Segment after segment until one is not filled; an error counts only when nothing was moved. */
function scatter(task: Task, segments: readonly Segment[], access: 'read' | 'write', transfer: Transfer): SysResult {
  let done = 0;
  for (const { base, length } of segments) {
    if (length === 0) continue;
    let moved: SysResult;
    try {
      moved = transfer(viewPrefix(task.mm, base, length, access), done);
    } catch (error) {
      if (done > 0) return done;
      throw error;
    }
    if (moved < 0) return done > 0 ? done : moved;
    done += moved;
    if (moved < length) break;
  }
  return done;
}

/** One message from many pieces. */
function gather(task: Task, segments: readonly Segment[]): Uint8Array {
  const all = new Uint8Array(segments.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const { base, length } of segments) {
    all.set(view(task.mm, base, length, 'read'), at);
    at += length;
  }
  return all;
}

function readMessage(task: Task, file: OpenFile, segments: readonly Segment[]): SysResult {
  const all = new Uint8Array(segments.reduce((sum, { length }) => sum + length, 0));
  const count = file.read(task, all);
  let at = 0;
  for (const { base, length } of segments) {
    if (at >= count) break;
    const part = all.subarray(at, Math.min(at + length, count));
    view(task.mm, base, part.length, 'write').set(part);
    at += length;
  }
  return count;
}

export function sys_readv(task: Task, fd: Fd, address: GuestAddr, count: number): SysResult {
  const file = readableFile(task, fd);
  const segments = readIovecs(task.mm, address, count);
  const attempt = (): SysResult => (file.messages ? readMessage(task, file, segments) : scatter(task, segments, 'write', (bytes) => file.read(task, bytes)));
  const result = attempt();
  if (result !== WOULD_BLOCK) return result;
  if (file.nonBlocking) throw EAGAIN;
  return block(task, file.readQueues, attempt, within(task, file.receiveTimeoutNs));
}

export function sys_writev(task: Task, fd: Fd, address: GuestAddr, count: number): SysResult {
  const file = writableFile(task, fd);
  const segments = readIovecs(task.mm, address, count);
  const total = segments.reduce((sum, { length }) => sum + length, 0);
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
    const left = remaining(segments, done);
    const moved = scatter(task, left, 'read', (bytes) => file.write(task, bytes));
    if (moved < 0) return moved;
    done += moved;
    return done >= total || file.seekable || file.nonBlocking ? done : WOULD_BLOCK;
  };
  const result = attempt();
  if (result !== WOULD_BLOCK) return result;
  if (file.nonBlocking) throw EAGAIN;
  return block(task, file.writeQueues, attempt, within(task, file.sendTimeoutNs, () => (done > 0 ? done : WOULD_BLOCK)));
}

function remaining(segments: readonly Segment[], done: number): Segment[] {
  const out: Segment[] = [];
  let skip = done;
  for (const { base, length } of segments) {
    if (skip >= length) skip -= length;
    else {
      out.push({ base: base + skip, length: length - skip });
      skip = 0;
    }
  }
  return out;
}

export function sys_preadv(task: Task, fd: Fd, address: GuestAddr, count: number, offset: number): SysResult {
  if (offset < 0) throw EINVAL;
  const file = readableFile(task, fd);
  return scatter(task, readIovecs(task.mm, address, count), 'write', (bytes, done) => file.pread(bytes, offset + done));
}

export function sys_pwritev(task: Task, fd: Fd, address: GuestAddr, count: number, offset: number): SysResult {
  if (offset < 0) throw EINVAL;
  const file = writableFile(task, fd);
  return scatter(task, readIovecs(task.mm, address, count), 'read', (bytes, done) => file.pwrite(bytes, offset + done));
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
