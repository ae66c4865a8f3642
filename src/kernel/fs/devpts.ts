/** Terminals by name (pty(7)): /dev/ptmx makes pairs, /dev/pts holds the slaves and the terminals from outside, /dev/tty is one's own. */

import { O_NOCTTY } from '../../abi/fcntl.ts';
import { FIONREAD, TIOCGPTLCK, TIOCGPTN, TIOCGPTPEER, TIOCGWINSZ, TIOCPKT, TIOCSPTLCK, TIOCSWINSZ, TCGETS, TCSETS, TCSETSF, TCSETSW, TIOCGPGRP } from '../../abi/ioctl.ts';
import { FS_MAGIC } from '../../abi/mount.ts';
import { POLLHUP, POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM } from '../../abi/poll.ts';
import { makedev, S_IFCHR, S_IFDIR } from '../../abi/stat.ts';
import { RLIMIT } from '../../abi/resource.ts';
import { EIO, ENOTTY, ENXIO } from '../errno.ts';
import { Tty, type TtyDriver, TtyFile } from '../ipc/tty.ts';
import { ttyIoctl } from '../ipc/ttyioctl.ts';
import type { Kernel } from '../kernel.ts';
import { getI32, putU32 } from '../mm/guest.ts';
import { type SysResult, WOULD_BLOCK } from '../result.ts';
import type { Task } from '../task/task.ts';
import { OpenFile } from '../vfs/file.ts';
import { anonymousDevice, type AttrChange, type DirEntry, type FileSystem, type FsStat, Inode } from '../vfs/inode.ts';
import { Path } from '../vfs/mount.ts';
import type { Vfs } from '../vfs/vfs.ts';
import { WaitQueue } from '../wait.ts';

const BUFFER = 16384;
const PTS_MAJOR = 136;
/** Group tty, as the options of the mount say. */
const TTY_GID = 5;

/** A terminal that has a number: it is known by it until the other side goes, and nobody else gets it while somebody has the terminal open. */
export class NumberedTerminal {
  readonly index: number;
  readonly tty: Tty;
  readonly inode: Inode;
  /** unlockpt(3) has not been called. */
  locked = false;
  named = true;

  constructor(fs: DevptsFs, index: number, tty: Tty, uid: number, now: bigint) {
    this.index = index;
    this.tty = tty;
    this.inode = new PtsInode(fs, index + 3, S_IFCHR | 0o620, tty.rdev, uid, TTY_GID, now, this);
  }

  get inUse(): boolean {
    return this.named || this.tty.users > 0;
  }

  open(task: Task, path: Path, flags: number): OpenFile {
    const { tty } = this;
    if (!this.named || this.locked) throw EIO;
    const file = new TtyFile(tty, path, flags);
    const { session } = task.process;
    if ((flags & O_NOCTTY) === 0 && session.leader === task.process && session.tty === undefined && tty.session === undefined && (flags & 3) !== 1) tty.adopt(session, task.process.group.pgid);
    return file;
  }
}

/** The master's side of a pair: the slave's output waits in it. */
class Master implements TtyDriver {
  readonly tty: Tty;
  open = true;
  #chunks: Uint8Array[] = [];
  #queued = 0;

  constructor(kernel: Kernel, rdev: number, name: string) {
    this.tty = new Tty(kernel, this, rdev, name, 0, 0);
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
  readonly #slave: NumberedTerminal;
  readonly #fs: DevptsFs;
  #everOpened = false;

  constructor(fs: DevptsFs, master: Master, slave: NumberedTerminal, path: Path, flags: number) {
    super(path.inode, path, flags);
    this.#fs = fs;
    this.#master = master;
    this.#slave = slave;
    master.masterQueue = this.readQueue;
  }

  protected override closed(): void {
    this.#master.open = false;
    this.#slave.named = false;
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
    const slave = this.#slave;
    switch (command) {
      case TIOCGPTN:
        putU32(task.mm, argument, slave.index);
        return 0;
      case TIOCSPTLCK:
        slave.locked = getI32(task.mm, argument) !== 0;
        return 0;
      case TIOCGPTLCK:
        putU32(task.mm, argument, slave.locked ? 1 : 0);
        return 0;
      case TIOCPKT:
        return 0;
      case FIONREAD:
        putU32(task.mm, argument, master.queued);
        return 0;
      case TIOCGPTPEER:
        return task.fds.install(new TtyFile(master.tty, this.#fs.placeOf(slave), argument & ~0o2000000), task.process.limits[RLIMIT.NOFILE].soft, (argument & 0o2000000) !== 0);
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
  readonly #terminal: NumberedTerminal | undefined;

  constructor(fs: DevptsFs, ino: number, mode: number, rdev: number, uid: number, gid: number, now: bigint, terminal?: NumberedTerminal) {
    super();
    this.#terminal = terminal;
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
    return this.#terminal?.open(task, path, flags);
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
  readonly #terminals = new Map<number, NumberedTerminal>();

  constructor(vfs: Vfs) {
    this.#vfs = vfs;
    this.root = new PtsInode(this, 1, S_IFDIR | 0o755, 0, 0, 0, 0n);
    vfs.devices.set(makedev(5, 2), (task, path, flags) => this.#openMaster(task, path, flags));
    vfs.devices.set(makedev(5, 0), (task, path, flags) => openOwn(task, path, flags));
    vfs.devices.set(makedev(5, 1), (task, path, flags) => openOwn(task, path, flags));
  }

  #openMaster(task: Task, path: Path, flags: number): OpenFile {
    const { driver, terminal } = this.add((rdev, name) => new Master(this.#vfs.kernel, rdev, name), task.creds.fsuid);
    terminal.locked = true;
    return new MasterFile(this, driver, terminal, path, flags);
  }

  /** Gives a terminal the lowest free number, and the name that goes with it. */
  add<D extends { readonly tty: Tty }>(make: (rdev: number, name: string) => D, uid: number): { readonly driver: D; readonly terminal: NumberedTerminal } {
    let index = 0;
    while (this.#terminals.get(index)?.inUse === true) index++;
    const driver = make(makedev(PTS_MAJOR, index), `/dev/pts/${index}`);
    const terminal = new NumberedTerminal(this, index, driver.tty, uid, this.#vfs.now());
    this.#terminals.set(index, terminal);
    return { driver, terminal };
  }

  find(name: string): Inode | undefined {
    const terminal = /^(0|[1-9]\d*)$/.test(name) ? this.#terminals.get(Number(name)) : undefined;
    return terminal?.named === true ? terminal.inode : undefined;
  }

  list(): readonly DirEntry[] {
    const named = [...this.#terminals.values()].filter((terminal) => terminal.named);
    return named.sort((a, b) => a.index - b.index).map(({ index }) => ({ name: String(index), ino: index + 3, type: S_IFCHR }));
  }

  /** Undefined when this is mounted nowhere. */
  placeOf({ index, inode }: NumberedTerminal): Path | undefined {
    const mount = this.#vfs.mounts.list.find(({ fs }) => fs === this);
    return mount && new Path(mount, mount.root.adopt(String(index), inode));
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
