/**
 * epoll(7): files of interest, and those of them that may be ready. A file's wait queues put its items on the ready
 * list; epoll_wait(2) asks each of them what really holds. Level-triggered items stay on the list until they turn out
 * not to be ready.
 */

import { O_RDWR } from '../../abi/fcntl.ts';
import { EPOLLET, EPOLLEXCLUSIVE, EPOLLONESHOT, EPOLLWAKEUP, POLLERR, POLLHUP, POLLIN, POLLOUT, POLLRDNORM, POLLWRBAND, POLLWRNORM } from '../../abi/poll.ts';
import type { Fd } from '../../base/flavor.ts';
import { EEXIST, EINVAL, ELOOP, ENOENT } from '../errno.ts';
import { OpenFile } from '../vfs/file.ts';
import type { Waiter, WaitQueue } from '../wait.ts';
import { anonymous } from './anon.ts';

/** How deep epoll descriptors may watch one another (EP_MAX_NESTS). */
const MAX_NESTS = 4;
/** Bits of an interest that are no events. */
const PRIVATE = (EPOLLWAKEUP | EPOLLONESHOT | EPOLLET | EPOLLEXCLUSIVE) >>> 0;
const EXCLUSIVE_EVENTS = (POLLIN | POLLOUT | POLLERR | POLLHUP | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE) >>> 0;
const WRITES = POLLOUT | POLLWRNORM | POLLWRBAND;

export interface EpollEvent {
  readonly events: number;
  readonly data: bigint;
}

/** Which queues tell about the events: readers' and writers' are apart so that one's progress does not trigger the other's edge. */
export function queuesFor(file: OpenFile, events: number): readonly WaitQueue[] {
  const { readQueue, writeQueue, readQueues, writeQueues } = file;
  if (readQueue === writeQueue) return readQueues;
  if (!file.canRead) return writeQueues;
  return file.canWrite && (events & WRITES) !== 0 ? [readQueue, writeQueue] : readQueues;
}

/** One file of interest under one descriptor. */
class Item implements Waiter {
  readonly epoll: EpollFile;
  readonly file: OpenFile;
  readonly fd: Fd;
  events = 0;
  data = 0n;
  #queues: readonly WaitQueue[] = [];

  constructor(epoll: EpollFile, file: OpenFile, fd: Fd) {
    this.epoll = epoll;
    this.file = file;
    this.fd = fd;
  }

  set({ events, data }: EpollEvent): void {
    this.leave();
    this.events = (events | POLLERR | POLLHUP) >>> 0;
    this.data = data;
    this.#queues = queuesFor(this.file, events);
    for (const queue of this.#queues) queue.add(this);
    if (this.current() !== 0) this.woken();
  }

  leave(): void {
    for (const queue of this.#queues) queue.remove(this);
    this.#queues = [];
  }

  /** What holds now of what is wanted. */
  current(): number {
    return this.file.poll() & this.events;
  }

  get disabled(): boolean {
    return (this.events & ~PRIVATE) === 0;
  }

  woken(): void {
    if (!this.disabled) this.epoll.becameReady(this);
  }
}

export class EpollFile extends OpenFile {
  readonly #items = new Map<OpenFile, Map<Fd, Item>>();
  /** Items that may be ready, longest-ready first. */
  readonly #ready = new Set<Item>();
  /** Epoll descriptors that watch this one. */
  readonly #watchers = new Set<EpollFile>();
  readonly #forget = (file: OpenFile): void => {
    for (const item of this.#items.get(file)?.values() ?? []) this.#drop(item);
    this.#items.delete(file);
  };

  constructor() {
    super(anonymous('[eventpoll]'), undefined, O_RDWR);
  }

  #find(file: OpenFile, fd: Fd): Item | undefined {
    return this.#items.get(file)?.get(fd);
  }

  add(file: OpenFile, fd: Fd, event: EpollEvent): void {
    if ((event.events & EPOLLEXCLUSIVE) !== 0 && (file instanceof EpollFile || (event.events & ~EXCLUSIVE_EVENTS) !== 0)) throw EINVAL;
    if (file instanceof EpollFile && (file.#reaches(this) || this.#height() + file.#depth() > MAX_NESTS + 1)) throw ELOOP;
    if (this.#find(file, fd) !== undefined) throw EEXIST;
    const item = new Item(this, file, fd);
    let items = this.#items.get(file);
    if (items === undefined) {
      items = new Map();
      this.#items.set(file, items);
      file.onClosed ??= new Set();
      file.onClosed.add(this.#forget);
      if (file instanceof EpollFile) file.#watchers.add(this);
    }
    items.set(fd, item);
    item.set(event);
  }

  modify(file: OpenFile, fd: Fd, event: EpollEvent): void {
    const item = this.#find(file, fd);
    if ((event.events & EPOLLEXCLUSIVE) !== 0) throw EINVAL;
    if (item === undefined) throw ENOENT;
    if ((item.events & EPOLLEXCLUSIVE) !== 0) throw EINVAL;
    item.set(event);
  }

  delete(file: OpenFile, fd: Fd): void {
    const items = this.#items.get(file);
    const item = items?.get(fd);
    if (items === undefined || item === undefined) throw ENOENT;
    this.#drop(item);
    items.delete(fd);
    if (items.size === 0) this.#leave(file);
  }

  #leave(file: OpenFile): void {
    this.#items.delete(file);
    file.onClosed?.delete(this.#forget);
    if (file instanceof EpollFile) file.#watchers.delete(this);
  }

  #drop(item: Item): void {
    item.leave();
    this.#ready.delete(item);
  }

  becameReady(item: Item): void {
    this.#ready.add(item);
    this.readQueue.wake();
  }

  /** Gives up to `limit` events to `take`; returns how many. A throw of `take` leaves its item ready. */
  collect(limit: number, take: (index: number, events: number, data: bigint) => void): number {
    let count = 0;
    for (let left = this.#ready.size; left > 0 && count < limit; left--) {
      const [item] = this.#ready;
      const events = item.current();
      if (events !== 0) {
        take(count, events, item.data);
        count++;
      }
      this.#ready.delete(item);
      if (events === 0) continue;
      if ((item.events & EPOLLONESHOT) !== 0) item.events = (item.events & PRIVATE) >>> 0;
      else if ((item.events & EPOLLET) === 0) this.#ready.add(item);
    }
    return count;
  }

  override poll(): number {
    for (const item of this.#ready) {
      if (item.current() !== 0) return POLLIN | POLLRDNORM;
      this.#ready.delete(item);
    }
    return 0;
  }

  #reaches(target: EpollFile): boolean {
    if (this === target) return true;
    for (const file of this.#items.keys()) if (file instanceof EpollFile && file.#reaches(target)) return true;
    return false;
  }

  /** Epoll descriptors above, in the longest chain, and this one. */
  #height(): number {
    let highest = 0;
    for (const watcher of this.#watchers) highest = Math.max(highest, watcher.#height());
    return highest + 1;
  }

  /** Epoll descriptors below, in the longest chain, and this one. */
  #depth(): number {
    let deepest = 0;
    for (const file of this.#items.keys()) if (file instanceof EpollFile) deepest = Math.max(deepest, file.#depth());
    return deepest + 1;
  }

  protected override closed(): void {
    for (const [file, items] of this.#items) {
      for (const item of items.values()) item.leave();
      this.#leave(file);
    }
    this.#ready.clear();
  }

  override info(): string {
    let out = '';
    for (const items of this.#items.values()) {
      for (const { fd, file, events, data } of items.values()) {
        out += `tfd: ${String(fd).padStart(8)} events: ${events.toString(16).padStart(8)} data: ${data.toString(16).padStart(16)}  pos:${file.position} ino:${file.inode.ino.toString(16)} sdev:${file.inode.dev.toString(16)}\n`;
      }
    }
    return out;
  }
}
