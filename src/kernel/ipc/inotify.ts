/** Watching files for events (inotify(7)): one instance with its watches and its queue. */

import { O_RDONLY } from '../../abi/fcntl.ts';
import { FIONREAD } from '../../abi/ioctl.ts';
import { IN_ALL_EVENTS, IN_DELETE_SELF, IN_EXCL_UNLINK, IN_IGNORED, IN_ISDIR, IN_MASK_ADD, IN_MASK_CREATE, IN_ONESHOT, IN_Q_OVERFLOW, IN_UNMOUNT } from '../../abi/inotify.ts';
import { POLLIN, POLLRDNORM } from '../../abi/poll.ts';
import { bytesOf } from '../../base/bytes.ts';
import { EEXIST, EINVAL, ENOTTY } from '../errno.ts';
import { putU32 } from '../mm/guest.ts';
import { type SysResult, WOULD_BLOCK } from '../result.ts';
import type { Task } from '../task/task.ts';
import { OpenFile } from '../vfs/file.ts';
import type { Inode } from '../vfs/inode.ts';
import { type Watcher, watching } from '../vfs/notify.ts';
import { anonymous } from './anon.ts';

/** sizeof(struct inotify_event) without the name, which is padded to a multiple of it. */
const EVENT_BYTES = 16;
/** /proc/sys/fs/inotify/max_queued_events. */
const MAX_QUEUED = 16384;

interface Event {
  readonly wd: number;
  readonly mask: number;
  readonly cookie: number;
  readonly name: string;
}

const nameBytes = (name: string): number => (name === '' ? 0 : Math.ceil((name.length + 1) / EVENT_BYTES) * EVENT_BYTES);
const sizeOf = ({ name }: Event): number => EVENT_BYTES + nameBytes(name);

class Watch implements Watcher {
  readonly owner: InotifyFile;
  readonly wd: number;
  readonly inode: Inode;
  mask: number;

  constructor(owner: InotifyFile, wd: number, inode: Inode, mask: number) {
    this.owner = owner;
    this.wd = wd;
    this.inode = inode;
    this.mask = mask;
  }

  event(mask: number, cookie: number, name: string): void {
    const wanted = this.mask & (IN_ALL_EVENTS | IN_UNMOUNT);
    // A directory's own end is not told as one of a child with a name.
    if ((mask & wanted) !== 0) this.owner.enqueue({ wd: this.wd, mask: (mask & (IN_ALL_EVENTS | IN_UNMOUNT | IN_ISDIR)) >>> 0, cookie, name });
    const last = (mask & (IN_DELETE_SELF | IN_UNMOUNT)) !== 0 || ((mask & wanted) !== 0 && (this.mask & IN_ONESHOT) !== 0);
    if (last) this.owner.remove(this.wd);
  }
}

export class InotifyFile extends OpenFile {
  override readonly messages = true;
  readonly #watches = new Map<number, Watch>();
  readonly #byInode = new Map<Inode, Watch>();
  #queue: Event[] = [];
  #lastWd = 0;

  constructor(flags: number) {
    super(anonymous('inotify'), undefined, O_RDONLY | flags);
  }

  /** A new watch, or another mask for the one there is. Returns its descriptor. */
  watch(inode: Inode, mask: number): number {
    const kept = (mask & (IN_ALL_EVENTS | IN_UNMOUNT | IN_ONESHOT | IN_EXCL_UNLINK)) >>> 0;
    const old = this.#byInode.get(inode);
    if (old !== undefined) {
      if ((mask & IN_MASK_CREATE) !== 0) throw EEXIST;
      old.mask = (mask & IN_MASK_ADD) !== 0 ? (old.mask | kept) >>> 0 : kept;
      return old.wd;
    }
    const watch = new Watch(this, ++this.#lastWd, inode, kept);
    this.#watches.set(watch.wd, watch);
    this.#byInode.set(inode, watch);
    inode.retain();
    inode.watchers ??= new Set();
    inode.watchers.add(watch);
    watching(1);
    return watch.wd;
  }

  /** EINVAL without such a watch. */
  remove(wd: number): void {
    const watch = this.#watches.get(wd);
    if (watch === undefined) throw EINVAL;
    this.#watches.delete(wd);
    this.#detach(watch);
    this.enqueue({ wd, mask: IN_IGNORED, cookie: 0, name: '' });
  }

  #detach(watch: Watch): void {
    const { inode } = watch;
    this.#byInode.delete(inode);
    inode.watchers?.delete(watch);
    if (inode.watchers?.size === 0) inode.watchers = undefined;
    watching(-1);
    inode.release();
  }

  enqueue(event: Event): void {
    const last = this.#queue.at(-1);
    if (last !== undefined && last.wd === event.wd && last.mask === event.mask && last.cookie === event.cookie && last.name === event.name) return;
    if (this.#queue.length > MAX_QUEUED) return;
    this.#queue.push(this.#queue.length === MAX_QUEUED ? { wd: -1, mask: IN_Q_OVERFLOW, cookie: 0, name: '' } : event);
    this.readQueue.wake();
  }

  override read(_task: Task, into: Uint8Array): SysResult {
    if (this.#queue.length === 0) return WOULD_BLOCK;
    let done = 0;
    let taken = 0;
    for (const event of this.#queue) {
      if (done + sizeOf(event) > into.length) break;
      this.#encode(event, into.subarray(done, done + sizeOf(event)));
      done += sizeOf(event);
      taken++;
    }
    if (taken === 0) throw EINVAL;
    this.#queue = this.#queue.slice(taken);
    return done;
  }

  #encode({ wd, mask, cookie, name }: Event, into: Uint8Array): void {
    const out = new DataView(into.buffer, into.byteOffset, into.length);
    out.setInt32(0, wd, true);
    out.setUint32(4, mask, true);
    out.setUint32(8, cookie, true);
    out.setUint32(12, nameBytes(name), true);
    into.fill(0, EVENT_BYTES);
    into.set(bytesOf(name), EVENT_BYTES);
  }

  override poll(): number {
    return this.#queue.length > 0 ? POLLIN | POLLRDNORM : 0;
  }

  override ioctl(task: Task, command: number, argument: number): SysResult {
    if (command !== FIONREAD) throw ENOTTY;
    putU32(
      task.mm,
      argument,
      this.#queue.reduce((sum, event) => sum + sizeOf(event), 0),
    );
    return 0;
  }

  protected override closed(): void {
    for (const watch of this.#watches.values()) this.#detach(watch);
    this.#watches.clear();
    this.#queue = [];
  }

  override info(): string {
    let out = '';
    for (const { wd, inode, mask } of this.#watches.values()) out += `inotify wd:${wd.toString(16)} ino:${inode.ino.toString(16)} sdev:${inode.dev.toString(16)} mask:${mask.toString(16)} ignored_mask:0\n`;
    return out;
  }
}
