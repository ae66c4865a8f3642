/** Moving bytes between guests and open files: the part that read(2), write(2), readv(2), … share. */

import { O_APPEND } from '../../abi/fcntl.ts';
import { IN_ACCESS } from '../../abi/inotify.ts';
import { RLIMIT } from '../../abi/resource.ts';
import { SIG } from '../../abi/signal.ts';
import { EBADF, EFAULT, EFBIG } from '../errno.ts';
import { type Segment, viewPrefix } from '../mm/guest.ts';
import { PAGE_SIZE, PROT_READ, PROT_WRITE } from '../platform.ts';
import type { SysResult } from '../result.ts';
import { kernelSignal, sendToTask } from '../signal/send.ts';
import type { Task } from '../task/task.ts';
import type { OpenFile } from './file.ts';
import { notify } from './notify.ts';

/** The longest message that any kind of file has. */
const MAX_MESSAGE = 1 << 20;

export function readableFile(task: Task, fd: number): OpenFile {
  const file = task.fds.get(fd);
  if (!file.canRead) throw EBADF;
  return file;
}

export function writableFile(task: Task, fd: number): OpenFile {
  const file = task.fds.get(fd);
  if (!file.canWrite) throw EBADF;
  return file;
}

/** Where the next write at the position of a file goes. */
const writesAt = (file: OpenFile): number => ((file.flags & O_APPEND) !== 0 ? file.inode.size : file.position);

/** How much of a write to a plain file RLIMIT_FSIZE leaves; SIGXFSZ and EFBIG when nothing. */
export function roomFor(task: Task, file: OpenFile, length: number, offset = writesAt(file)): number {
  const limit = task.process.limits[RLIMIT.FSIZE].soft;
  if (limit === Number.POSITIVE_INFINITY || !file.inode.isRegular) return length;
  if (offset >= limit && length > 0) {
    sendToTask(task, kernelSignal(SIG.SIGXFSZ));
    throw EFBIG;
  }
  return Math.min(length, limit - offset);
}

/**
 * How much pipes and sockets take of a buffer of which only the first `accessible` bytes can be read. They copy a page
 * at a time, or a message at a time, and what cannot be copied as a whole is EFAULT.
 */
export function sendable(file: OpenFile, accessible: number): number {
  const whole = file.messages ? 0 : accessible - (accessible % PAGE_SIZE);
  if (whole === 0) throw EFAULT;
  return whole;
}

/** How much a stream puts into a buffer of which only the first `accessible` bytes are there: the rule of `sendable`. */
export const receivable = (file: OpenFile, accessible: number, asked: number): number => (Math.min(file.readyBytes, asked) <= accessible ? accessible : sendable(file, accessible));

/** A read of `length` bytes of which only `into` is there. A message that does not fit is lost. */
export function tornRead(file: OpenFile, into: Uint8Array, length: number, read: (bytes: Uint8Array) => SysResult): SysResult {
  if (!file.messages) return read(into.subarray(0, receivable(file, into.length, length)));
  const whole = new Uint8Array(Math.min(length, MAX_MESSAGE));
  const count = read(whole);
  const got = Math.min(count, whole.length);
  if (got > into.length) throw EFAULT;
  if (got > 0) into.set(whole.subarray(0, got));
  return count;
}

export const totalOf = (segments: readonly Segment[]): number => segments.reduce((sum, { length }) => sum + length, 0);

/** What is left of scattered memory behind the first `skip` bytes, at most `size` bytes of it. */
export function part(segments: readonly Segment[], skip: number, size = Number.POSITIVE_INFINITY): Segment[] {
  const out: Segment[] = [];
  let before = skip;
  let left = size;
  for (const { base, length } of segments) {
    if (left === 0) break;
    const skipped = Math.min(before, length);
    const taken = Math.min(length - skipped, left);
    before -= skipped;
    left -= taken;
    if (taken > 0) out.push({ base: base + skipped, length: taken });
  }
  return out;
}

/** Segment after segment until one is not filled; an error counts only when nothing was moved. `done`: bytes moved before. */
export function eachSegment(task: Task, segments: readonly Segment[], access: 'read' | 'write', move: (bytes: Uint8Array, done: number) => SysResult): SysResult {
  let done = 0;
  for (const { base, length } of segments) {
    if (length === 0) continue;
    let moved: SysResult;
    try {
      moved = move(viewPrefix(task.mm, base, length, access), done);
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

/** One pass over scattered memory. A message is read at once, then spread. */
export function readSegments(task: Task, file: OpenFile, segments: readonly Segment[]): SysResult {
  let result: SysResult;
  if (file.messages) {
    const whole = new Uint8Array(Math.min(totalOf(segments), MAX_MESSAGE));
    result = file.read(task, whole);
    if (result > 0) spread(task, segments, whole.subarray(0, result));
  } else {
    const accessible = file.seekable ? 0 : accessibleOf(task, segments, PROT_WRITE);
    const asked = totalOf(segments);
    const fitting = accessible > 0 && accessible < asked ? part(segments, 0, receivable(file, accessible, asked)) : segments;
    result = eachSegment(task, fitting, 'write', (bytes) => file.read(task, bytes));
  }
  if (result > 0) notify(file.path, IN_ACCESS);
  return result;
}

function spread(task: Task, segments: readonly Segment[], bytes: Uint8Array): void {
  let done = 0;
  for (const { base, length } of segments) {
    const piece = bytes.subarray(done, done + length);
    if (piece.length === 0) continue;
    const target = viewPrefix(task.mm, base, piece.length, 'write');
    if (target.length < piece.length) throw EFAULT;
    target.set(piece);
    done += piece.length;
  }
}

/** How much of scattered memory there is without a gap. */
export function accessibleOf(task: Task, segments: readonly Segment[], access = PROT_READ): number {
  let total = 0;
  for (const { base, length } of segments) {
    const accessible = task.mm.vmas.allowedPrefix(base, length, access);
    total += Math.max(accessible, 0);
    if (accessible < length) break;
  }
  return total;
}

/** All segments in one piece of our own memory. */
export function gather(task: Task, segments: readonly Segment[]): Uint8Array {
  const whole = new Uint8Array(totalOf(segments));
  let done = 0;
  for (const { base, length } of segments) {
    if (length === 0) continue;
    const source = viewPrefix(task.mm, base, length, 'read');
    if (source.length < length) throw EFAULT;
    whole.set(source, done);
    done += length;
  }
  return whole;
}
