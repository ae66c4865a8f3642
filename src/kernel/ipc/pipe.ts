/**
 * Pipes (pipe(7)): a ring of bytes between two ends. One copy from the writer's memory into the ring, one out of it into
 * the reader's.
 */

import { POLLERR, POLLHUP, POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM } from '../../abi/poll.ts';
import { EBUSY, EINVAL, ENOTTY, EPIPE } from '../errno.ts';
import { SIGPIPE } from '../../abi/signal.ts';
import { putU32 } from '../mm/guest.ts';
import { type SysResult, WOULD_BLOCK } from '../result.ts';
import { kernelSignal, sendToTask } from '../signal/send.ts';
import type { Task } from '../task/task.ts';
import type { Inode } from '../vfs/inode.ts';
import { OpenFile } from '../vfs/file.ts';
import type { Path } from '../vfs/mount.ts';
import { WaitQueue } from '../wait.ts';
import { O_DIRECT, O_RDONLY, O_WRONLY } from '../../abi/fcntl.ts';
import { S_IFIFO } from '../../abi/stat.ts';
import { FIONREAD } from '../../abi/ioctl.ts';
import { AnonymousInode, PIPEFS } from './anon.ts';

/** Writes of at most this many bytes are never mixed with others. */
export const PIPE_BUF = 4096;
export const PIPE_SIZE = 65536;
export const PIPE_MAX_SIZE = 1048576;

const EMPTY = new Uint8Array(0);

export class Pipe {
  /** Grows to `capacity` when it is first needed. */
  #ring: Uint8Array = EMPTY;
  capacity = PIPE_SIZE;
  #head = 0;
  /** Bytes in the ring. */
  used = 0;
  readers = 0;
  writers = 0;
  /** How many ends have ever been opened: named pipes wait for a change. */
  readerOpens = 0;
  writerOpens = 0;
  readonly readQueue: WaitQueue;
  readonly writeQueue: WaitQueue;
  /** Lengths of the packets in the ring, for ends opened with O_DIRECT. */
  #packets: number[] | undefined;

  /** Sockets bring the queues of their own ends. */
  constructor(readQueue: WaitQueue = new WaitQueue(), writeQueue: WaitQueue = new WaitQueue()) {
    this.readQueue = readQueue;
    this.writeQueue = writeQueue;
  }

  get free(): number {
    return this.capacity - this.used;
  }

  /** 0 at end of file, WOULD_BLOCK when a writer may still come. */
  read(into: Uint8Array): SysResult {
    if (into.length === 0) return 0;
    if (this.used === 0) return this.writers === 0 ? 0 : WOULD_BLOCK;
    const packet = this.#packets?.shift();
    const available = packet ?? this.used;
    const count = Math.min(into.length, available);
    this.#copyOut(into, count, 0);
    this.#drop(packet ?? count);
    return count;
  }

  #copyOut(into: Uint8Array, count: number, skip: number): void {
    const ring = this.#ring;
    let from = this.#head + skip;
    if (from >= ring.length) from -= ring.length;
    const first = Math.min(count, ring.length - from);
    if (first <= 16) for (let at = 0; at < first; at++) into[at] = ring[from + at];
    else into.set(ring.subarray(from, from + first));
    if (first < count) into.set(ring.subarray(0, count - first), first);
  }

  #drop(count: number): void {
    this.used -= count;
    this.#head = this.used === 0 ? 0 : (this.#head + count) % this.#ring.length;
    if (!this.writeQueue.empty && (this.free >= PIPE_BUF || this.used === 0)) this.writeQueue.wake();
  }

  /** Bytes without taking them (tee(2)). */
  peek(into: Uint8Array): number {
    const count = Math.min(into.length, this.used);
    this.#copyOut(into, count, 0);
    return count;
  }

  /** What fits: all or nothing up to PIPE_BUF, else a part. EPIPE without readers (`PipeFile` sends SIGPIPE). */
  write(from: Uint8Array, packets = false): SysResult {
    if (this.readers === 0) throw EPIPE;
    let count = from.length;
    if (count === 0) return 0;
    const { free } = this;
    if (count > free) {
      if (count <= PIPE_BUF || free === 0 || packets) {
        if (!packets || count <= PIPE_BUF || free < PIPE_BUF) return WOULD_BLOCK;
        count = PIPE_BUF;
      } else count = free;
    }
    if (packets) count = Math.min(count, PIPE_BUF);
    if (this.#ring.length < this.capacity && this.#head + this.used + count > this.#ring.length) this.#grow(this.used + count);
    const ring = this.#ring;
    let to = this.#head + this.used;
    if (to >= ring.length) to -= ring.length;
    const first = Math.min(count, ring.length - to);
    if (first <= 16) for (let at = 0; at < first; at++) ring[to + at] = from[at];
    else ring.set(first === from.length ? from : from.subarray(0, first), to);
    if (first < count) ring.set(from.subarray(first, count), 0);
    this.used += count;
    if (packets) {
      this.#packets ??= [];
      this.#packets.push(count);
    }
    if (!this.readQueue.empty) this.readQueue.wake();
    return count;
  }

  /** Small pipes stay small: the ring doubles from 4 KiB on. */
  #grow(need: number): void {
    let length = Math.max(this.#ring.length, 4096);
    while (length < need) length *= 2;
    length = Math.min(length, this.capacity);
    if (length > this.#ring.length) this.#move(length);
  }

  #move(length: number): void {
    const ring = new Uint8Array(length);
    this.#copyOut(ring, this.used, 0);
    this.#ring = ring;
    this.#head = 0;
  }

  /** F_SETPIPE_SZ. */
  resize(size: number): number {
    let capacity = 4096;
    while (capacity < size) capacity *= 2;
    if (capacity < this.used) throw EBUSY;
    if (capacity < this.#ring.length) this.#move(capacity);
    this.capacity = capacity;
    this.writeQueue.wake();
    return capacity;
  }

  opened(reads: boolean, writes: boolean): void {
    if (reads) {
      this.readers++;
      this.readerOpens++;
      this.writeQueue.wake();
    }
    if (writes) {
      this.writers++;
      this.writerOpens++;
      this.readQueue.wake();
    }
  }

  closed(reads: boolean, writes: boolean): void {
    if (reads) this.readers--;
    if (writes) this.writers--;
    if (this.readers === 0) this.writeQueue.wake();
    if (this.writers === 0) this.readQueue.wake();
    if (this.readers === 0 && this.writers === 0) {
      this.#ring = EMPTY;
      this.#head = 0;
      this.used = 0;
      this.#packets = undefined;
    }
  }
}

export class PipeFile extends OpenFile {
  readonly pipe: Pipe;
  readonly #reads: boolean;
  readonly #writes: boolean;

  constructor(pipe: Pipe, inode: Inode, path: Path | undefined, flags: number) {
    super(inode, path, flags, pipe.readQueue, pipe.writeQueue);
    this.pipe = pipe;
    this.#reads = this.canRead;
    this.#writes = this.canWrite;
    if (path !== undefined) inode.retain();
    pipe.opened(this.#reads, this.#writes);
  }

  protected override closed(): void {
    this.pipe.closed(this.#reads, this.#writes);
    if (this.path !== undefined) this.inode.release();
  }

  override get readyBytes(): number {
    return this.pipe.used;
  }

  override read(_task: Task, into: Uint8Array): SysResult {
    return this.pipe.read(into);
  }

  override write(task: Task, from: Uint8Array): SysResult {
    if (this.pipe.readers === 0) sendToTask(task, kernelSignal(SIGPIPE));
    return this.pipe.write(from, (this.flags & O_DIRECT) !== 0);
  }

  override poll(): number {
    const { pipe } = this;
    let events = 0;
    if (this.#reads) {
      if (pipe.used > 0) events |= POLLIN | POLLRDNORM;
      if (pipe.writers === 0 && pipe.writerOpens > 0) events |= POLLHUP;
    }
    if (this.#writes) {
      if (pipe.readers === 0) events |= POLLERR;
      if (pipe.free >= PIPE_BUF || pipe.used === 0) events |= POLLOUT | POLLWRNORM;
    }
    return events;
  }

  override ioctl(task: Task, command: number, argument: number): SysResult {
    if (command !== FIONREAD) throw ENOTTY;
    putU32(task.mm, argument, this.pipe.used);
    return 0;
  }

  override fsync(): void {
    throw EINVAL;
  }
}

/** What /proc/<pid>/fd leads to: opening it gives another end of the same pipe, without waiting. */
class PipeInode extends AnonymousInode {
  readonly pipe: Pipe;

  constructor(pipe: Pipe) {
    super(PIPEFS, S_IFIFO | 0o600, 'pipe:[*]');
    this.pipe = pipe;
  }

  override open(_task: Task, path: Path, flags: number): OpenFile {
    return new PipeFile(this.pipe, this, path, flags);
  }
}

/** pipe2(2): the reading and the writing end. */
export function makePipe(flags: number): [PipeFile, PipeFile] {
  const pipe = new Pipe();
  const inode = new PipeInode(pipe);
  return [new PipeFile(pipe, inode, undefined, O_RDONLY | flags), new PipeFile(pipe, inode, undefined, O_WRONLY | flags)];
}
