/** splice(2), tee(2), vmsplice(2). Bytes are copied; no pages change hands. */

import { O_APPEND, SPLICE_F_GIFT, SPLICE_F_MORE, SPLICE_F_MOVE, SPLICE_F_NONBLOCK } from '../../abi/fcntl.ts';
import { SIG } from '../../abi/signal.ts';
import type { Fd, GuestAddr } from '../../base/flavor.ts';
import { EBADF, EINVAL, EPIPE, ESPIPE } from '../errno.ts';
import { type Pipe, PipeFile } from '../ipc/pipe.ts';
import { readIovecs } from '../mm/guest.ts';
import { type SysResult, WOULD_BLOCK } from '../result.ts';
import { kernelSignal, sendToTask } from '../signal/send.ts';
import type { Task } from '../task/task.ts';
import { CHUNK_BYTES, End, transfer } from '../vfs/ends.ts';
import { gather, part, readableFile, readSegments, totalOf, writableFile } from '../vfs/transfer.ts';

const KNOWN = SPLICE_F_MOVE | SPLICE_F_NONBLOCK | SPLICE_F_MORE | SPLICE_F_GIFT;

/** Room in a pipe: WOULD_BLOCK when it is full, EPIPE and its signal when nobody reads. */
function roomIn(task: Task, pipe: Pipe): SysResult {
  if (pipe.readers === 0) {
    sendToTask(task, kernelSignal(SIG.SIGPIPE));
    throw EPIPE;
  }
  return pipe.free === 0 ? WOULD_BLOCK : pipe.free;
}

/** Bytes in a pipe: 0 at end of file. */
const bytesIn = (pipe: Pipe): SysResult => (pipe.used > 0 ? pipe.used : pipe.writers === 0 ? 0 : WOULD_BLOCK);

function intoPipe(task: Task, from: End, to: PipeFile, size: number): SysResult {
  const room = roomIn(task, to.pipe);
  if (room === WOULD_BLOCK) return WOULD_BLOCK;
  const buffer = new Uint8Array(Math.min(size, room, CHUNK_BYTES));
  const got = from.read(buffer);
  if (got <= 0) return got;
  to.write(task, buffer.subarray(0, got));
  from.advance(got);
  return got;
}

function outOfPipe(from: PipeFile, to: End, size: number): SysResult {
  const { pipe } = from;
  const available = bytesIn(pipe);
  if (available <= 0) return available;
  const buffer = new Uint8Array(Math.min(size, available, CHUNK_BYTES));
  pipe.peek(buffer);
  const moved = to.write(buffer);
  if (moved > 0) pipe.read(buffer.subarray(0, moved));
  return moved;
}

/** Pipe to pipe; `take`: splice, else tee. */
function between(task: Task, from: Pipe, to: PipeFile, size: number, mode: 'take' | 'copy'): SysResult {
  const available = bytesIn(from);
  if (available <= 0) return available;
  const room = roomIn(task, to.pipe);
  if (room === WOULD_BLOCK) return WOULD_BLOCK;
  const buffer = new Uint8Array(Math.min(size, available, room));
  from.peek(buffer);
  to.write(task, buffer);
  if (mode === 'take') from.read(buffer);
  return buffer.length;
}

export function sys_splice(task: Task, inFd: Fd, inOffsetAt: GuestAddr, outFd: Fd, outOffsetAt: GuestAddr, size: number, flags: number): SysResult {
  if ((flags & ~KNOWN) !== 0) throw EINVAL;
  if (size === 0) return 0;
  const source = readableFile(task, inFd);
  const sink = writableFile(task, outFd);
  const waits = (flags & SPLICE_F_NONBLOCK) === 0 && !source.nonBlocking && !sink.nonBlocking;
  const queues = [...source.readQueues, ...sink.writeQueues];
  const files = [source, sink];
  const fromPipe = source instanceof PipeFile;
  const toPipe = sink instanceof PipeFile;
  if ((fromPipe && inOffsetAt !== 0) || (toPipe && outOffsetAt !== 0)) throw ESPIPE;
  if (fromPipe && toPipe) {
    if (source.pipe === sink.pipe) throw EINVAL;
    return transfer(task, files, queues, waits, () => between(task, source.pipe, sink, size, 'take'));
  }
  if (fromPipe) {
    if ((outOffsetAt !== 0 && !sink.seekable) || (sink.flags & O_APPEND) !== 0) throw EINVAL;
    const to = new End(task, sink, outOffsetAt);
    return transfer(task, files, queues, waits, () => outOfPipe(source, to, size));
  }
  if (!toPipe || (inOffsetAt !== 0 && !source.seekable)) throw EINVAL;
  const from = new End(task, source, inOffsetAt);
  return transfer(task, files, queues, waits, () => intoPipe(task, from, sink, size));
}

export function sys_tee(task: Task, inFd: Fd, outFd: Fd, size: number, flags: number): SysResult {
  if ((flags & ~KNOWN) !== 0) throw EINVAL;
  if (size === 0) return 0;
  const source = readableFile(task, inFd);
  const sink = writableFile(task, outFd);
  if (!(source instanceof PipeFile) || !(sink instanceof PipeFile) || source.pipe === sink.pipe) throw EINVAL;
  const waits = (flags & SPLICE_F_NONBLOCK) === 0 && !source.nonBlocking && !sink.nonBlocking;
  return transfer(task, [source, sink], [...source.readQueues, ...sink.writeQueues], waits, () => between(task, source.pipe, sink, size, 'copy'));
}

export function sys_vmsplice(task: Task, fd: Fd, iovecAt: GuestAddr, count: number, flags: number): SysResult {
  if ((flags & ~KNOWN) !== 0) throw EINVAL;
  const file = task.fds.getUsable(fd);
  if (!(file instanceof PipeFile)) throw EBADF;
  const segments = readIovecs(task.mm, iovecAt, count);
  const size = totalOf(segments);
  if (size === 0) return 0;
  const waits = (flags & SPLICE_F_NONBLOCK) === 0 && !file.nonBlocking;
  if (!file.canWrite) return transfer(task, [file], file.readQueues, waits, () => readSegments(task, file, segments));
  return transfer(task, [file], file.writeQueues, waits, () => {
    const room = roomIn(task, file.pipe);
    return room === WOULD_BLOCK ? WOULD_BLOCK : file.write(task, gather(task, part(segments, 0, room)));
  });
}
