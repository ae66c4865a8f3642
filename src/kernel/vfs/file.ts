/**
 * Open descriptions (open(2) NOTES): what descriptors point at, shared by dup and fork together with their position
 * and status flags. Subclasses are the kinds of files; the defaults refuse as Linux does.
 */

import { IN_CLOSE_NOWRITE, IN_CLOSE_WRITE } from '../../abi/inotify.ts';
import { O_ACCMODE, O_APPEND, O_NOATIME, O_NOCTTY, O_NONBLOCK, O_PATH, O_RDONLY, O_WRONLY } from '../../abi/fcntl.ts';
import { POLLHUP, POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM } from '../../abi/poll.ts';
import { EBADF, EFAULT, EFBIG, EINVAL, EISDIR, ENODEV, ENOTDIR, ENOTTY, ENXIO, ESPIPE } from '../errno.ts';
import type { Mappable } from '../mm/vma.ts';
import { type SysResult, WOULD_BLOCK } from '../result.ts';
import type { Task } from '../task/task.ts';
import { WaitQueue } from '../wait.ts';
import type { DirEntry, Inode } from './inode.ts';
import { notify } from './notify.ts';
import type { Path } from './mount.ts';

/** The largest file offset that is exact here; Linux has 2^63 − 1. */
export const MAX_OFFSET = Number.MAX_SAFE_INTEGER;

export abstract class OpenFile {
  readonly inode: Inode;
  /** Where it was opened; undefined for pipes, sockets and other nameless ones. */
  readonly path: Path | undefined;
  /** Access mode and status flags of open(2). */
  flags: number;
  position = 0;
  /** F_SETOWN, F_SETSIG. */
  owner = 0;
  ownerSignal = 0;
  /** Woken when it may have become readable, writable. The same queue for kinds that do not care. */
  readonly readQueue: WaitQueue;
  readonly writeQueue: WaitQueue;
  readonly readQueues: readonly WaitQueue[];
  readonly writeQueues: readonly WaitQueue[];
  /** Each transfer is one message: scattered ones are gathered first. */
  readonly messages: boolean = false;
  /** How long a transfer waits: SO_RCVTIMEO, SO_SNDTIMEO. */
  receiveTimeoutNs = Number.POSITIVE_INFINITY;
  sendTimeoutNs = Number.POSITIVE_INFINITY;
  /** mmap(2) of it gives anonymous memory (/dev/zero). */
  readonly mapsZero: boolean = false;
  /** Has a position. */
  readonly seekable: boolean = false;
  #references = 0;
  /** Called after the last descriptor is gone (epoll forgets the file). */
  onClosed: Set<(file: OpenFile) => void> | undefined;

  constructor(inode: Inode, path: Path | undefined, flags: number, readQueue: WaitQueue = new WaitQueue(), writeQueue: WaitQueue = readQueue) {
    this.inode = inode;
    this.path = path;
    this.flags = flags & ~O_NOCTTY;
    this.readQueue = readQueue;
    this.writeQueue = writeQueue;
    this.readQueues = [readQueue];
    this.writeQueues = writeQueue === readQueue ? this.readQueues : [writeQueue];
  }

  get canRead(): boolean {
    return (this.flags & O_ACCMODE) !== O_WRONLY && (this.flags & O_PATH) === 0;
  }

  get canWrite(): boolean {
    return (this.flags & O_ACCMODE) !== O_RDONLY && (this.flags & O_PATH) === 0;
  }

  get nonBlocking(): boolean {
    return (this.flags & O_NONBLOCK) !== 0;
  }

  /** Bytes of a stream that a read would give now. Other kinds do not say. */
  get readyBytes(): number {
    return 0;
  }

  get isPath(): boolean {
    return (this.flags & O_PATH) !== 0;
  }

  retain(): void {
    this.#references++;
  }

  release(): void {
    this.#references--;
    if (this.#references > 0) return;
    this.inode.locks?.releaseFile(this);
    if (this.onClosed !== undefined) for (const told of this.onClosed) told(this);
    this.closed();
  }

  get references(): number {
    return this.#references;
  }

  /** The last reference is gone. */
  protected closed(): void {}

  /** At the position. WOULD_BLOCK when there is nothing now; 0 at end of file. */
  read(_task: Task, _into: Uint8Array): SysResult {
    throw EINVAL;
  }

  /**
   * A read whose buffer is not there: EFAULT if there is something to put into it, which is lost if it is a message;
   * otherwise what any read would give.
   */
  faultingRead(task: Task, size: number): SysResult {
    if (this.messages) return faultUnlessEmpty(this.read(task, new Uint8Array(Math.min(size, 4096))));
    const events = this.poll();
    if ((events & POLLIN) !== 0) throw EFAULT;
    return (events & POLLHUP) !== 0 ? 0 : WOULD_BLOCK;
  }

  write(_task: Task, _from: Uint8Array): SysResult {
    throw EINVAL;
  }

  pread(_into: Uint8Array, _offset: number): SysResult {
    throw ESPIPE;
  }

  pwrite(_from: Uint8Array, _offset: number): SysResult {
    throw ESPIPE;
  }

  seek(_offset: number, _whence: number): number {
    throw ESPIPE;
  }

  /** POLL* that hold now. Plain files are always ready. */
  poll(): number {
    return POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
  }

  ioctl(_task: Task, _command: number, _argument: number): SysResult {
    throw ENOTTY;
  }

  /** Commands of fcntl(2) for this kind of file only: pipe sizes, seals. */
  fcntl(_task: Task, _command: number, _argument: number): SysResult {
    throw EINVAL;
  }

  truncate(_size: number): void {
    throw EINVAL;
  }

  fsync(): void {
    throw EINVAL;
  }

  /** What mmap(2) maps. */
  mappable(): Mappable {
    throw ENODEV;
  }

  /** Lines for /proc/<pid>/fdinfo beyond the common ones. */
  info(): string {
    return '';
  }
}

/** What a read gave that had nowhere to put it. */
export function faultUnlessEmpty(count: SysResult): SysResult {
  if (count > 0) throw EFAULT;
  return count;
}

/** The common rest of files that have an inode with a name. */
export abstract class NamedFile extends OpenFile {
  constructor(inode: Inode, path: Path, flags: number) {
    super(inode, path, flags);
    inode.retain();
    if (this.canWrite) inode.writers++;
  }

  override faultingRead(task: Task, size: number): SysResult {
    try {
      return faultUnlessEmpty(this.pread(new Uint8Array(1), this.position));
    } catch (error) {
      if (error !== ESPIPE) throw error;
      return super.faultingRead(task, size);
    }
  }

  protected override closed(): void {
    if (this.canWrite) this.inode.writers--;
    if (!this.isPath) notify(this.path, this.canWrite ? IN_CLOSE_WRITE : IN_CLOSE_NOWRITE);
    this.inode.release();
  }
}

/** A descriptor that only names a place (O_PATH). */
export class PathFile extends NamedFile {
  override poll(): number {
    throw EBADF;
  }
}

export class RegularFile extends NamedFile {
  override readonly seekable: boolean = true;

  override read(_task: Task, into: Uint8Array): SysResult {
    const count = this.inode.read(this.position, into);
    this.position += count;
    return count;
  }

  override write(_task: Task, from: Uint8Array): SysResult {
    if (this.flags & O_APPEND) this.position = this.inode.size;
    const count = this.pwriteAt(from, this.position);
    this.position += count;
    return count;
  }

  override pread(into: Uint8Array, offset: number): SysResult {
    return this.inode.read(offset, into);
  }

  override pwrite(from: Uint8Array, offset: number): SysResult {
    return this.pwriteAt(from, this.flags & O_APPEND ? this.inode.size : offset);
  }

  protected pwriteAt(from: Uint8Array, offset: number): number {
    if (offset + from.length > MAX_OFFSET) throw EFBIG;
    return this.inode.write(offset, from);
  }

  override seek(offset: number, whence: number): number {
    this.position = seekIn(this.position, this.inode.size, offset, whence);
    return this.position;
  }

  override truncate(size: number): void {
    this.inode.truncate(size);
  }

  override fsync(): void {
    this.inode.fsync();
  }

  override mappable(): Mappable {
    return this.inode;
  }

  get updatesAtime(): boolean {
    return (this.flags & O_NOATIME) === 0;
  }
}

/** lseek(2) for files of one extent: all data, and a hole at the end. */
export function seekIn(position: number, size: number, offset: number, whence: number): number {
  let target: number;
  switch (whence) {
    case 0:
      target = offset;
      break;
    case 1:
      target = position + offset;
      break;
    case 2:
      target = size + offset;
      break;
    case 3:
    case 4:
      if (offset < 0 || offset >= size) throw ENXIO;
      target = whence === 3 ? offset : size;
      break;
    default:
      throw EINVAL;
  }
  if (target < 0 || target > MAX_OFFSET) throw EINVAL;
  return target;
}

/** Directories are read as a list taken at the first read and after each rewind (readdir(3)). */
export class DirectoryFile extends NamedFile {
  #entries: readonly DirEntry[] | undefined;

  override read(): SysResult {
    throw EISDIR;
  }

  override write(): SysResult {
    throw EBADF;
  }

  override pread(): SysResult {
    throw EISDIR;
  }

  /** The entry at a position: 0 and 1 are `.` and `..`. */
  entryAt(position: number): DirEntry | undefined {
    const { inode } = this;
    if (position === 0) {
      this.#entries = undefined;
      return { name: '.', ino: inode.ino, type: 0o040000 };
    }
    if (position === 1) return { name: '..', ino: (this.path as Path).dentry.parent.inode.ino, type: 0o040000 };
    if ((this.path as Path).dentry.gone) return undefined;
    this.#entries ??= inode.entries();
    return this.#entries[position - 2];
  }

  override seek(offset: number, whence: number): number {
    const target = whence === 0 ? offset : whence === 1 ? this.position + offset : -1;
    if (target < 0) throw EINVAL;
    this.position = target;
    return target;
  }

  override fsync(): void {
    this.inode.fsync();
  }
}

/** For calls that want a directory behind a descriptor. */
export function directoryPath(file: OpenFile): Path {
  if (file.path === undefined || !file.inode.isDirectory) throw ENOTDIR;
  return file.path;
}
