/** Transfers between two open files (sendfile(2), splice(2), copy_file_range(2)): each end at the file's own position or at an offset in the guest's memory. */

import { IN_ACCESS, IN_MODIFY } from '../../abi/inotify.ts';
import { SIG } from '../../abi/signal.ts';
import type { GuestAddr } from '../../base/flavor.ts';
import { EAGAIN, EINVAL, EPIPE } from '../errno.ts';
import { getI64, putU64, view } from '../mm/guest.ts';
import { type SysResult, WOULD_BLOCK } from '../result.ts';
import { kernelSignal, sendToTask } from '../signal/send.ts';
import { block } from '../task/block.ts';
import type { Task } from '../task/task.ts';
import type { WaitQueue } from '../wait.ts';
import type { OpenFile } from './file.ts';
import { notify } from './notify.ts';
import { roomFor } from './transfer.ts';

/** Bytes that are on the way at once. */
export const CHUNK_BYTES = 65536;

export class End {
  readonly file: OpenFile;
  readonly #task: Task;
  readonly #offsetAt: GuestAddr;
  #offset: number;

  /** `offsetAt`: where the guest keeps the offset, 0 = the file's position. EFAULT; EINVAL when it is negative. */
  constructor(task: Task, file: OpenFile, offsetAt: GuestAddr) {
    this.#task = task;
    this.file = file;
    this.#offsetAt = offsetAt;
    this.#offset = 0;
    if (offsetAt === 0) return;
    view(task.mm, offsetAt, 8, 'write');
    this.#offset = getI64(task.mm, offsetAt);
    if (this.#offset < 0) throw EINVAL;
  }

  /** Where the next byte comes from or goes to, in files that have positions. */
  get offset(): number {
    return this.#offsetAt === 0 ? this.file.position : this.#offset;
  }

  /** Does not move the end where the file has positions: `advance` does. */
  read(into: Uint8Array): SysResult {
    return this.file.seekable ? this.file.pread(into, this.offset) : this.file.read(this.#task, into);
  }

  write(from: Uint8Array): SysResult {
    try {
      const { file } = this;
      const bytes = file.seekable ? from.subarray(0, roomFor(this.#task, file, from.length, this.offset)) : from;
      const count = this.#offsetAt === 0 ? file.write(this.#task, bytes) : file.pwrite(bytes, this.#offset);
      if (count > 0) {
        notify(file.path, IN_MODIFY);
        this.#moved(count);
      }
      return count;
    } catch (error) {
      if (error === EPIPE) sendToTask(this.#task, kernelSignal(SIG.SIGPIPE));
      throw error;
    }
  }

  /** After a `read`: so many bytes have found their place. */
  advance(count: number): void {
    if (count === 0 || !this.file.seekable) return;
    notify(this.file.path, IN_ACCESS);
    if (this.#offsetAt === 0) this.file.position += count;
    else this.#moved(count);
  }

  #moved(count: number): void {
    if (this.#offsetAt === 0) return;
    this.#offset += count;
    putU64(this.#task.mm, this.#offsetAt, this.#offset);
  }
}

/** Repeats `step` until it gives something else than WOULD_BLOCK; `done` is what an interrupted transfer has moved. */
export function transfer(task: Task, files: readonly OpenFile[], queues: readonly WaitQueue[], waits: boolean, step: () => SysResult, done: () => number = () => 0): SysResult {
  const result = step();
  if (result !== WOULD_BLOCK) return result;
  if (!waits) {
    if (done() > 0) return done();
    throw EAGAIN;
  }
  for (const file of files) file.retain();
  return block(task, queues, step, {
    interrupted: () => (done() > 0 ? done() : WOULD_BLOCK),
    cleanup: () => {
      for (const file of files) file.release();
    },
  });
}
