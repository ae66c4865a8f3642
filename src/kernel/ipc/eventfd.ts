/** Event counters (eventfd(2)). */

import { EFD_SEMAPHORE, POLLIN, POLLOUT } from '../../abi/poll.ts';
import { O_RDWR } from '../../abi/fcntl.ts';
import { EINVAL } from '../errno.ts';
import { type SysResult, WOULD_BLOCK } from '../result.ts';
import type { Task } from '../task/task.ts';
import { OpenFile } from '../vfs/file.ts';
import { WaitQueue } from '../wait.ts';
import { anonymous } from './anon.ts';

/** The value that no write may give or reach. */
const LIMIT = 0xffff_ffff_ffff_ffffn;

export class EventFile extends OpenFile {
  override readonly messages = true;
  readonly #semaphore: boolean;
  #count: bigint;

  /** `flags`: O_NONBLOCK, EFD_SEMAPHORE. */
  constructor(count: number, flags: number) {
    super(anonymous('[eventfd]'), undefined, O_RDWR | (flags & ~EFD_SEMAPHORE), new WaitQueue(), new WaitQueue());
    this.#count = BigInt(count);
    this.#semaphore = (flags & EFD_SEMAPHORE) !== 0;
  }

  override read(_task: Task, into: Uint8Array): SysResult {
    if (into.length < 8) throw EINVAL;
    if (this.#count === 0n) return WOULD_BLOCK;
    const value = this.#semaphore ? 1n : this.#count;
    this.#count -= value;
    new DataView(into.buffer, into.byteOffset).setBigUint64(0, value, true);
    this.writeQueue.wake();
    return 8;
  }

  override write(_task: Task, from: Uint8Array): SysResult {
    if (from.length < 8) throw EINVAL;
    const value = new DataView(from.buffer, from.byteOffset).getBigUint64(0, true);
    if (value === LIMIT) throw EINVAL;
    if (this.#count + value >= LIMIT) return WOULD_BLOCK;
    this.#count += value;
    this.readQueue.wake();
    return 8;
  }

  override poll(): number {
    return (this.#count > 0n ? POLLIN : 0) | (this.#count < LIMIT - 1n ? POLLOUT : 0);
  }

  override info(): string {
    return `eventfd-count: ${this.#count.toString(16).padStart(16)}\neventfd-semaphore: ${this.#semaphore ? 1 : 0}\n`;
  }
}
