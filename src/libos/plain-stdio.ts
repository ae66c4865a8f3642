/** Standard streams that are not terminals: each descriptor is one host stream. */

import { O_RDONLY, O_WRONLY } from '../abi/fcntl.ts';
import { POLLERR, POLLHUP, POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM } from '../abi/poll.ts';
import { S_IFIFO } from '../abi/stat.ts';
import { EPIPE } from '../kernel/errno.ts';
import type { HostStream } from '../kernel/host.ts';
import { AnonymousInode, PIPEFS } from '../kernel/ipc/anon.ts';
import { type SysResult, WOULD_BLOCK } from '../kernel/result.ts';
import { sendToTask } from '../kernel/signal/send.ts';
import type { Task } from '../kernel/task/task.ts';
import { OpenFile } from '../kernel/vfs/file.ts';
import type { Stdio } from '../kernel/vfs/vfs.ts';

const SIGPIPE = 13;

class StreamFile extends OpenFile {
  readonly stream: HostStream;
  readonly #live: Set<StreamFile>;

  constructor(stream: HostStream, flags: number, live: Set<StreamFile>) {
    super(new AnonymousInode(PIPEFS, S_IFIFO | 0o600, 'pipe:[*]'), undefined, flags);
    this.stream = stream;
    this.#live = live;
    live.add(this);
  }

  override read(_task: Task, into: Uint8Array): SysResult {
    if (into.length === 0) return 0;
    const count = this.stream.read(into);
    return count === 0 ? WOULD_BLOCK : Math.max(count, 0);
  }

  override write(task: Task, from: Uint8Array): SysResult {
    if (from.length === 0) return 0;
    const count = this.stream.write(from);
    if (count !== -1) return count === 0 ? WOULD_BLOCK : count;
    sendToTask(task, { signo: SIGPIPE, code: 0, pid: task.pid, uid: task.creds.uid });
    throw EPIPE;
  }

  override poll(): number {
    let ready = 0;
    if (this.canRead) {
      const readable = this.stream.readable();
      if (readable > 0) ready |= POLLIN | POLLRDNORM;
      else if (readable === -1) ready |= POLLHUP;
    }
    if (this.canWrite) {
      const writable = this.stream.writable();
      if (writable > 0) ready |= POLLOUT | POLLWRNORM;
      else if (writable === -1) ready |= POLLERR;
    }
    return ready;
  }

  protected override closed(): void {
    this.#live.delete(this);
    this.stream.close();
  }
}

export class PlainStdio implements Stdio {
  readonly #live = new Set<StreamFile>();

  open(_kernel: unknown, streams: readonly [HostStream, HostStream, HostStream]): [OpenFile, OpenFile, OpenFile] {
    return [new StreamFile(streams[0], O_RDONLY, this.#live), new StreamFile(streams[1], O_WRONLY, this.#live), new StreamFile(streams[2], O_WRONLY, this.#live)];
  }

  adoptTerminal(): void {}

  polled(): void {
    for (const file of this.#live) {
      file.readQueue.wake();
      if (file.writeQueue !== file.readQueue) file.writeQueue.wake();
    }
  }

  resized(): void {}
}
