/** Pseudoterminals (pty(7)): /dev/ptmx makes pairs, /dev/pts holds the slaves, /dev/tty is one's own terminal. */

import { O_NOCTTY } from '../../abi/fcntl.ts';
import { FIONREAD, TIOCGPTLCK, TIOCGPTN, TIOCGPTPEER, TIOCGWINSZ, TIOCPKT, TIOCSPTLCK, TIOCSWINSZ, TCGETS, TCSETS, TCSETSF, TCSETSW, TIOCGPGRP } from '../../abi/ioctl.ts';
import { FS_MAGIC } from '../../abi/mount.ts';
import { POLLHUP, POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM } from '../../abi/poll.ts';
import { makedev, S_IFCHR, S_IFDIR } from '../../abi/stat.ts';
import { RLIMIT } from '../../abi/resource.ts';
import { EIO, ENOTTY, ENXIO } from '../errno.ts';
import { Tty, type TtyDriver, TtyFile } from '../ipc/tty.ts';
import { ttyIoctl } from '../ipc/ttyioctl.ts';
import { getI32, putU32 } from '../mm/guest.ts';
import { type SysResult, WOULD_BLOCK } from '../result.ts';
import type { Task } from '../task/task.ts';
import { OpenFile } from '../vfs/file.ts';
import { anonymousDevice, type AttrChange, type DirEntry, type FileSystem, type FsStat, Inode } from '../vfs/inode.ts';
import { Dentry, Path } from '../vfs/mount.ts';
import type { Vfs } from '../vfs/vfs.ts';
import { WaitQueue } from '../wait.ts';

const BUFFER = 16384;
const PTS_MAJOR = 136;

/** The master's side of a pair: the slave's output waits in it. */
class Master implements TtyDriver {
  readonly tty: Tty;
  readonly index: number;
  locked = true;
  open = true;
  #chunks: Uint8Array[] = [];
  #queued = 0;
  readonly inode: PtsInode;

  constructor(vfs: Vfs, fs: DevptsFs, index: number, task: Task) {
    this.index = index;
    this.tty = new Tty(vfs.kernel, this, makedev(PTS_MAJOR, index), `/dev/pts/${index}`, 0, 0);
    this.inode = new PtsInode(fs, index + 3, S_IFCHR | 0o620, this.tty.rdev, task.creds.fsuid, 5, vfs.now());
  }

  room(): number {
    return BUFFER - this.#queued;
  }

  send(bytes: Uint8Array): void {
    if (!this.open || bytes.length === 0) return;
    this.#chunks.push(bytes.slice());
    this.#queued += bytes.length;
    this.masterQueue.wake();
  }

  /** The master file's: set when it is opened. */
  masterQueue = new WaitQueue();

  get queued(): number {
    return this.#queued;
  }

  take(into: Uint8Array): number {
    let done = 0;
    while (done < into.length && this.#chunks.length > 0) {
      const first = this.#chunks[0];
      const count = Math.min(first.length, into.length - done);
      into.set(first.subarray(0, count), done);
      done += count;
      if (count === first.length) this.#chunks.shift();
      else this.#chunks[0] = first.subarray(count);
    }
    this.#queued -= done;
    this.tty.writeQueue.wake();
    return done;
  }

  /** The last slave is closed: the master reads EIO until one is opened again. */
  closed(): void {
    this.masterQueue.wake();
  }
}

class MasterFile extends OpenFile {
  readonly #master: Master;
  readonly #fs: DevptsFs;
  #everOpened = false;

  constructor(fs: DevptsFs, master: Master, path: Path, flags: number) {
    super(path.inode, path, flags);
    this.#fs = fs;
    this.#master = master;
    master.masterQueue = this.readQueue;
  }

  protected override closed(): void {
    this.#master.open = false;
    this.#fs.forget(this.#master.index);
    this.#master.tty.hangup();
  }

  get #slaveGone(): boolean {
    if (this.#master.tty.users > 0) this.#everOpened = true;
    return this.#everOpened && this.#master.tty.users === 0;
  }

  override read(_task: Task, into: Uint8Array): SysResult {
    if (into.length === 0) return 0;
    if (this.#master.queued > 0) return this.#master.take(into);
    if (this.#slaveGone) throw EIO;
    return WOULD_BLOCK;
  }

  override write(_task: Task, from: Uint8Array): SysResult {
    const { tty } = this.#master;
    const count = Math.min(from.length, Math.max(tty.inputRoom, 1));
    tty.receive(from.slice(0, count));
    return count;
  }

  override poll(): number {
    let events = POLLOUT | POLLWRNORM;
    if (this.#master.queued > 0) events |= POLLIN | POLLRDNORM;
    if (this.#slaveGone) events |= POLLHUP;
    return events;
  }

  override ioctl(task: Task, command: number, argument: number): SysResult {
    const master = this.#master;
    switch (command) {
      case TIOCGPTN:
        putU32(task.mm, argument, master.index);
        return 0;
      case TIOCSPTLCK:
        master.locked = getI32(task.mm, argument) !== 0;
        return 0;
      case TIOCGPTLCK:
        putU32(task.mm, argument, master.locked ? 1 : 0);
        return 0;
      case TIOCPKT:
        return 0;
      case FIONREAD:
        putU32(task.mm, argument, master.queued);
        return 0;
      case TIOCGPTPEER: {
        const place = this.#fs.placeOf(task, master.index);
        return task.fds.install(new TtyFile(master.tty, place, argument & ~0o2000000), task.process.limits[RLIMIT.NOFILE].soft, (argument & 0o2000000) !== 0);
      }
      case TIOCGPGRP:
        putU32(task.mm, argument, master.tty.foregroundPgid);
        return 0;
      case TIOCGWINSZ:
      case TIOCSWINSZ:
      case TCGETS:
      case TCSETS:
      case TCSETSW:
      case TCSETSF:
        return ttyIoctl(task, master.tty, command, argument);
      default:
        throw ENOTTY;
    }
  }
}

class PtsInode extends Inode {
  readonly fs: DevptsFs;
  readonly ino: number;
  mode: number;
  uid: number;
  gid: number;
  readonly rdev: number;
  readonly nlink = 1;
  readonly size = 0;
  atimeNs: bigint;
  mtimeNs: bigint;
  ctimeNs: bigint;

  constructor(fs: DevptsFs, ino: number, mode: number, rdev: number, uid: number, gid: number, now: bigint) {
    super();
    this.fs = fs;
    this.ino = ino;
    this.mode = mode;
    this.rdev = rdev;
    this.uid = uid;
    this.gid = gid;
    this.atimeNs = this.mtimeNs = this.ctimeNs = now;
  }

  override lookup(name: string): Inode | undefined {
    this.mustBeDirectory();
    return this.fs.find(name);
  }

  override entries(): readonly DirEntry[] {
    return this.fs.list();
  }

  override setattr(change: AttrChange): void {
    if (change.mode !== undefined) this.mode = (this.mode & 0o170000) | change.mode;
    if (change.uid !== undefined) this.uid = change.uid;
    if (change.gid !== undefined) this.gid = change.gid;
    if (change.atimeNs !== undefined) this.atimeNs = change.atimeNs;
    if (change.mtimeNs !== undefined) this.mtimeNs = change.mtimeNs;
  }

  override open(task: Task, path: Path, flags: number): OpenFile | undefined {
    return this.isDirectory ? undefined : this.fs.openSlave(task, path, flags, this.ino - 3);
  }
}

export class DevptsFs implements FileSystem {
  readonly type = 'devpts';
  readonly dev = anonymousDevice();
  readonly readOnly = false;
  readonly volatile = true;
  readonly options = 'gid=5,mode=620,ptmxmode=666';
  readonly root: Inode;
  readonly #vfs: Vfs;
  readonly #pairs = new Map<number, Master>();

  constructor(vfs: Vfs) {
    this.#vfs = vfs;
    this.root = new PtsInode(this, 1, S_IFDIR | 0o755, 0, 0, 0, 0n);
    vfs.devices.set(makedev(5, 2), (task, path, flags) => this.#openMaster(task, path, flags));
    vfs.devices.set(makedev(5, 0), (task, path, flags) => openOwn(task, path, flags));
    vfs.devices.set(makedev(5, 1), (task, path, flags) => openOwn(task, path, flags));
  }

  #openMaster(task: Task, path: Path, flags: number): OpenFile {
    let index = 0;
    while (this.#pairs.has(index)) index++;
    const master = new Master(this.#vfs, this, index, task);
    this.#pairs.set(index, master);
    return new MasterFile(this, master, path, flags);
  }

  openSlave(task: Task, path: Path, flags: number, index: number): OpenFile {
    const master = this.#pairs.get(index);
    if (master === undefined) throw ENXIO;
    if (master.locked) throw EIO;
    const file = new TtyFile(master.tty, path, flags);
    const { session } = task.process;
    if ((flags & O_NOCTTY) === 0 && session.leader === task.process && session.tty === undefined && master.tty.session === undefined && (flags & 3) !== 1) master.tty.adopt(session, task.process.group.pgid);
    return file;
  }

  find(name: string): Inode | undefined {
    if (name === 'ptmx') return undefined;
    return /^(0|[1-9]\d*)$/.test(name) ? this.#pairs.get(Number(name))?.inode : undefined;
  }

  list(): readonly DirEntry[] {
    return [...this.#pairs.keys()].sort((a, b) => a - b).map((index) => ({ name: String(index), ino: index + 3, type: S_IFCHR }));
  }

  forget(index: number): void {
    this.#pairs.delete(index);
  }

  placeOf(task: Task, index: number): Path {
    const mount = this.#vfs.mounts.list.find(({ fs }) => fs === this);
    const master = this.#pairs.get(index);
    if (mount === undefined || master === undefined) return new Path(task.fs.root.mount, new Dentry(`pts/${index}`, undefined, (master as Master).inode));
    return new Path(mount, mount.root.adopt(String(index), master.inode));
  }

  statfs(): FsStat {
    return { magic: FS_MAGIC.devpts, blockSize: 4096, blocks: 0, blocksFree: 0, files: 0, filesFree: 0 };
  }

  sync(): void {}
}

/** /dev/tty: the controlling terminal. */
function openOwn(task: Task, path: Path, flags: number): OpenFile {
  const { tty } = task.process.session;
  if (!(tty instanceof Tty)) throw ENXIO;
  return new TtyFile(tty, path, flags);
}
