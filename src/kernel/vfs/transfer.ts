/** Moving bytes between guests and open files: the part that read(2), write(2), readv(2), … share. */

import { IN_ACCESS } from '../../abi/inotify.ts';
import { RLIMIT } from '../../abi/resource.ts';
import { SIG } from '../../abi/signal.ts';
import { EBADF, EFAULT, EFBIG, EINVAL } from '../errno.ts';
import { MAX_RW_COUNT, type Segment, viewPrefix } from '../mm/guest.ts';
import { type SysResult, WOULD_BLOCK } from '../result.ts';
import { kernelSignal, sendToTask } from '../signal/send.ts';
import type { Task } from '../task/task.ts';
import type { OpenFile } from './file.ts';
import { notify } from './notify.ts';

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

export function readOnce(task: Task, file: OpenFile, address: number, length: number): SysResult {
  const result = file.read(task, viewPrefix(task.mm, address, Math.min(length, MAX_RW_COUNT), 'write'));
  if (result > 0) notify(file.path, IN_ACCESS);
  return result;
}

/** How much of a write to a plain file RLIMIT_FSIZE leaves; SIGXFSZ and EFBIG when nothing. */
export function roomFor(task: Task, file: OpenFile, length: number): number {
  const limit = task.process.limits[RLIMIT.FSIZE].soft;
  if (limit === Number.POSITIVE_INFINITY || !file.inode.isRegular) return length;
  const offset = (file.flags & 0o2000) !== 0 ? file.inode.size : file.position;
  if (offset >= limit && length > 0) {
    sendToTask(task, kernelSignal(SIG.SIGXFSZ));
    throw EFBIG;
  }
  return Math.min(length, limit - offset);
}

/** One pass over scattered memory. */
export function readSegments(task: Task, file: OpenFile, segments: readonly Segment[]): SysResult {
  if (file.messages) return scatter(task, file, segments);
  let done = 0;
  let any = false;
  for (const { base, length } of segments) {
    if (length === 0) continue;
    any = true;
    let result: SysResult;
    try {
      result = readOnce(task, file, base, length);
    } catch (error) {
      if (done > 0) return done;
      throw error;
    }
    if (result === WOULD_BLOCK) return done > 0 ? done : WOULD_BLOCK;
    done += result;
    if (result < length) break;
  }
  return any ? done : file.read(task, new Uint8Array(0));
}

export const totalOf = (segments: readonly Segment[]): number => segments.reduce((sum, { length }) => sum + length, 0);

/** A message is read at once, then spread. */
function scatter(task: Task, file: OpenFile, segments: readonly Segment[]): SysResult {
  const whole = new Uint8Array(Math.min(totalOf(segments), 1 << 20));
  const result = file.read(task, whole);
  if (result > 0) spread(task, segments, whole.subarray(0, result));
  return result;
}

export function spread(task: Task, segments: readonly Segment[], bytes: Uint8Array): void {
  let done = 0;
  for (const { base, length } of segments) {
    const part = bytes.subarray(done, done + length);
    if (part.length === 0) continue;
    const target = viewPrefix(task.mm, base, part.length, 'write');
    if (target.length < part.length) throw EFAULT;
    target.set(part);
    done += part.length;
  }
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

export const needOffset = (offset: number): void => {
  if (offset < 0) throw EINVAL;
};
