/** Timers that are read from a descriptor (timerfd_create(2)). */

import { O_RDWR } from '../../abi/fcntl.ts';
import { POLLIN } from '../../abi/poll.ts';
import { EINVAL } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { type SysResult, WOULD_BLOCK } from '../result.ts';
import type { Task } from '../task/task.ts';
import { SignalTimer } from '../time/itimer.ts';
import { OpenFile } from '../vfs/file.ts';
import { anonymous } from './anon.ts';

export class TimerFile extends OpenFile {
  override readonly messages = true;
  readonly clock: number;
  readonly timer: SignalTimer;
  /** As given to timerfd_settime(2), for fdinfo. */
  settimeFlags = 0;
  /** Expirations that nobody has read. */
  #ticks = 0;

  constructor(kernel: Kernel, clock: number, flags: number) {
    super(anonymous('[timerfd]'), undefined, O_RDWR | flags);
    this.clock = clock;
    this.timer = new SignalTimer(kernel, (expirations) => {
      this.#ticks += expirations;
      this.readQueue.wake();
    });
  }

  /** `deadlineNs` on CLOCK_MONOTONIC, 0 = off. */
  set(deadlineNs: number, intervalNs: number): void {
    this.#ticks = 0;
    if (deadlineNs === 0) this.timer.disarm();
    else this.timer.arm(deadlineNs, intervalNs);
  }

  override read(_task: Task, into: Uint8Array): SysResult {
    if (into.length < 8) throw EINVAL;
    if (this.#ticks === 0) return WOULD_BLOCK;
    new DataView(into.buffer, into.byteOffset).setBigUint64(0, BigInt(this.#ticks), true);
    this.#ticks = 0;
    return 8;
  }

  override poll(): number {
    return this.#ticks > 0 ? POLLIN : 0;
  }

  protected override closed(): void {
    this.timer.disarm();
  }

  override info(): string {
    const time = (ns: number): string => `(${Math.floor(ns / 1e9)}, ${Math.floor(ns % 1e9)})`;
    return `clockid: ${this.clock}\nticks: ${this.#ticks}\nsettime flags: 0${this.settimeFlags.toString(8)}\nit_value: ${time(this.timer.remainingNs)}\nit_interval: ${time(this.timer.intervalNs)}\n`;
  }
}
