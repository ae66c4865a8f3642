/**
 * Signals that are read from a descriptor (signalfd(2)). Whoever reads gets its own signals: after fork(2) parent and
 * child share the descriptor and not what comes out of it.
 */

import { O_RDWR } from '../../abi/fcntl.ts';
import { POLLIN } from '../../abi/poll.ts';
import { encodeSigInfo, SI_TIMER, SIGCHLD, type SigInfo, SIGKILL, SIGSTOP } from '../../abi/signal.ts';
import { EINVAL } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { type SysResult, WOULD_BLOCK } from '../result.ts';
import { bit } from '../signal/state.ts';
import type { Process, Task } from '../task/task.ts';
import { OpenFile } from '../vfs/file.ts';
import type { Waiter } from '../wait.ts';
import { anonymous } from './anon.ts';

/** sizeof(struct signalfd_siginfo). */
export const SIGNALFD_SIGINFO_BYTES = 128;

export class SignalFile extends OpenFile implements Waiter {
  override readonly messages = true;
  readonly #kernel: Kernel;
  #mask = 0n;
  /** Processes that have asked: their signals wake our queue. */
  readonly #followed = new Set<Process>();

  constructor(kernel: Kernel, mask: bigint, flags: number) {
    super(anonymous('[signalfd]'), undefined, O_RDWR | flags);
    this.#kernel = kernel;
    this.setMask(mask);
  }

  setMask(mask: bigint): void {
    this.#mask = mask & ~(bit(SIGKILL) | bit(SIGSTOP));
    this.readQueue.wake();
  }

  #follow(process: Process): void {
    if (this.#followed.has(process)) return;
    for (const other of this.#followed) if (other.state === 'dead') this.#followed.delete(other);
    this.#followed.add(process);
    process.signalQueue.add(this);
  }

  woken(): void {
    this.readQueue.wake();
  }

  override read(task: Task, into: Uint8Array): SysResult {
    if (into.length < SIGNALFD_SIGINFO_BYTES) throw EINVAL;
    this.#follow(task.process);
    let done = 0;
    while (done + SIGNALFD_SIGINFO_BYTES <= into.length) {
      const info = task.pending.take(this.#mask) ?? task.process.pending.take(this.#mask);
      if (info === undefined) break;
      into.set(encode(info), done);
      done += SIGNALFD_SIGINFO_BYTES;
    }
    return done === 0 ? WOULD_BLOCK : done;
  }

  override poll(): number {
    const task = this.#kernel.current;
    this.#follow(task.process);
    return ((task.pending.mask | task.process.pending.mask) & this.#mask) !== 0n ? POLLIN : 0;
  }

  protected override closed(): void {
    for (const process of this.#followed) process.signalQueue.remove(this);
  }

  override info(): string {
    return `sigmask:\t${this.#mask.toString(16).padStart(16, '0')}\n`;
  }
}

/** struct signalfd_siginfo. */
function encode(info: SigInfo): Uint8Array {
  const from = new DataView(encodeSigInfo(info).buffer);
  const out = new DataView(new ArrayBuffer(SIGNALFD_SIGINFO_BYTES));
  const copy = (to: number, at: number): void => out.setUint32(to, from.getUint32(at, true), true);
  copy(0, 0); // ssi_signo
  copy(4, 4); // ssi_errno
  copy(8, 8); // ssi_code
  if (info.addr !== undefined) out.setBigUint64(72, BigInt(info.addr), true);
  else if (info.code === SI_TIMER) {
    copy(24, 16); // ssi_tid
    copy(32, 20); // ssi_overrun
  } else {
    copy(12, 16); // ssi_pid
    copy(16, 20); // ssi_uid
  }
  if (info.signo === SIGCHLD && info.code > 0) {
    copy(40, 24); // ssi_status
    out.setBigUint64(56, from.getBigUint64(32, true), true); // ssi_utime
    out.setBigUint64(64, from.getBigUint64(40, true), true); // ssi_stime
  } else if (info.addr === undefined) {
    copy(44, 24); // ssi_int
    out.setBigUint64(48, from.getBigUint64(24, true), true); // ssi_ptr
  }
  return new Uint8Array(out.buffer);
}
