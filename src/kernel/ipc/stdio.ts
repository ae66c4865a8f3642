/** Standard streams of a root process: host streams as files, or one terminal for all three. */

import { O_RDONLY, O_RDWR, O_WRONLY } from '../../abi/fcntl.ts';
import { FIONREAD } from '../../abi/ioctl.ts';
import { POLLERR, POLLHUP, POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM } from '../../abi/poll.ts';
import { SIGPIPE } from '../../abi/signal.ts';
import { S_IFIFO } from '../../abi/stat.ts';
import { EBADF, EDQUOT, EFBIG, EINVAL, EIO, ENOSPC, ENOTTY, EPIPE, type Errno } from '../errno.ts';
import type { DevptsFs } from '../fs/devpts.ts';
import type { HostStream } from '../host.ts';
import type { Kernel } from '../kernel.ts';
import { putU32 } from '../mm/guest.ts';
import { type SysResult, WOULD_BLOCK } from '../result.ts';
import { kernelSignal, sendToTask } from '../signal/send.ts';
import type { Task } from '../task/task.ts';
import { OpenFile } from '../vfs/file.ts';
import type { Path } from '../vfs/mount.ts';
import type { Stdio } from '../vfs/vfs.ts';
import { AnonymousInode, PIPEFS } from './anon.ts';
import { HostTerminal } from './hosttty.ts';
import { TtyFile } from './tty.ts';

/** What a failure outside can be to a program that writes; it is said from outside, so any other is EIO. */
const FAILURES: readonly Errno[] = [EBADF, ENOSPC, EFBIG, EDQUOT];

/** What /proc/<pid>/fd leads to: opening it gives the same stream again. The stream closes with the last description. */
class HostInode extends AnonymousInode {
  readonly stream: HostStream;
  readonly owner: HostStdio;
  users = 0;

  constructor(stream: HostStream, owner: HostStdio) {
    super(PIPEFS, S_IFIFO | 0o600, 'pipe:[*]');
    this.stream = stream;
    this.owner = owner;
  }

  override open(_task: Task, path: Path, flags: number): OpenFile {
    return new HostFile(this, path, flags);
  }
}

/** A byte stream to or from outside; to the guest it is a pipe. */
export class HostFile extends OpenFile {
  readonly stream: HostStream;
  readonly #host: HostInode;

  constructor(inode: HostInode, path: Path | undefined, flags: number) {
    super(inode, path, flags);
    this.stream = inode.stream;
    this.#host = inode;
    inode.users++;
    inode.owner.files.add(this);
  }

  protected override closed(): void {
    this.#host.owner.files.delete(this);
    this.#host.users--;
    if (this.#host.users === 0) this.stream.close();
  }

  override read(_task: Task, into: Uint8Array): SysResult {
    if (into.length === 0) return 0;
    const count = this.stream.read(into);
    return count < 0 ? 0 : count === 0 ? WOULD_BLOCK : count;
  }

  override write(task: Task, from: Uint8Array): SysResult {
    if (from.length === 0) return 0;
    const count = this.stream.write(from);
    if (count < -1) throw FAILURES.find(({ errno }) => errno === -count) ?? EIO;
    if (count < 0) {
      sendToTask(task, kernelSignal(SIGPIPE));
      throw EPIPE;
    }
    return count === 0 ? WOULD_BLOCK : count;
  }

  override poll(): number {
    let events = 0;
    if (this.canRead) {
      const readable = this.stream.readable();
      if (readable > 0) events |= POLLIN | POLLRDNORM;
      if (readable < 0) events |= POLLHUP;
    }
    if (this.canWrite) {
      const writable = this.stream.writable();
      if (writable > 0) events |= POLLOUT | POLLWRNORM;
      if (writable < 0) events |= POLLERR;
    }
    return events;
  }

  override ioctl(task: Task, command: number, argument: number): SysResult {
    if (command !== FIONREAD) throw ENOTTY;
    putU32(task.mm, argument, Math.max(this.stream.readable(), 0));
    return 0;
  }

  override fsync(): void {
    throw EINVAL;
  }
}

export class HostStdio implements Stdio {
  readonly files = new Set<HostFile>();
  readonly terminals = new Set<HostTerminal>();
  readonly #pts: DevptsFs;

  constructor(pts: DevptsFs) {
    this.#pts = pts;
  }

  open(kernel: Kernel, streams: readonly [HostStream, HostStream, HostStream], terminal: boolean): [OpenFile, OpenFile, OpenFile] {
    const [input, output, errors] = streams;
    if (terminal && input.terminal !== undefined) {
      // Whoever has gone meanwhile leaves a number.
      for (const other of this.terminals) other.polled();
      const { driver, terminal: numbered } = this.#pts.add((rdev, name) => new HostTerminal(kernel, input, output, rdev, name), 0);
      driver.gone = () => {
        this.terminals.delete(driver);
        numbered.named = false;
      };
      this.terminals.add(driver);
      const file = new TtyFile(driver.tty, this.#pts.placeOf(numbered), O_RDWR);
      return [file, file, file];
    }
    const file = (stream: HostStream, flags: number): HostFile => new HostFile(new HostInode(stream, this), undefined, flags);
    return [file(input, O_RDONLY), file(output, O_WRONLY), file(errors, O_WRONLY)];
  }

  adoptTerminal(task: Task): void {
    for (const [, file] of task.fds) {
      if (!(file instanceof TtyFile)) continue;
      file.tty.adopt(task.process.session, task.process.group.pgid);
      return;
    }
  }

  polled(): void {
    for (const file of this.files) if (!file.readQueue.empty) file.readQueue.wake();
    for (const terminal of this.terminals) terminal.polled();
  }

  resized(stream: HostStream, rows: number, columns: number): void {
    for (const terminal of this.terminals) if (terminal.input === stream) terminal.tty.resize(rows, columns);
  }
}
