/**
 * Timers that send signals: the three interval timers and POSIX timers of a process (setitimer(2), timer_create(2)).
 * Those that count CPU time are looked at when the process is preempted, so they are late by up to a time slice.
 */

import { SI_TIMER, type SigInfo } from '../../abi/signal.ts';
import type { Kernel } from '../kernel.ts';
import { kernelSignal, sendToProcess, sendToTask } from '../signal/send.ts';
import type { Process, ProcessTimers, Task } from '../task/task.ts';
import type { Timer } from './timers.ts';

/** One timer: when it goes off next, and then how often. */
export class SignalTimer {
  readonly kernel: Kernel;
  readonly #fire: (expirations: number) => void;
  #timer: Timer | undefined;
  intervalNs = 0;
  /** On CLOCK_MONOTONIC; 0 = not armed. */
  deadlineNs = 0;

  constructor(kernel: Kernel, fire: (expirations: number) => void) {
    this.kernel = kernel;
    this.#fire = fire;
  }

  get remainingNs(): number {
    return this.deadlineNs === 0 ? 0 : Math.max(this.deadlineNs - this.kernel.host.monotonicNs(), 1);
  }

  arm(deadlineNs: number, intervalNs: number): void {
    this.disarm();
    this.intervalNs = intervalNs;
    this.deadlineNs = deadlineNs;
    this.#plan();
  }

  disarm(): void {
    if (this.#timer !== undefined) this.kernel.timers.cancel(this.#timer);
    this.#timer = undefined;
    this.deadlineNs = 0;
    this.intervalNs = 0;
  }

  #plan(): void {
    this.#timer = this.kernel.timers.add(this.deadlineNs, () => {
      this.#timer = undefined;
      let expirations = 1;
      if (this.intervalNs > 0) {
        const late = this.kernel.host.monotonicNs() - this.deadlineNs;
        expirations += Math.max(Math.floor(late / this.intervalNs), 0);
        this.deadlineNs += expirations * this.intervalNs;
        this.#plan();
      } else this.deadlineNs = 0;
      this.#fire(expirations);
    });
  }
}

export interface PosixTimer {
  readonly id: number;
  readonly clock: number;
  readonly timer: SignalTimer;
  /** Expirations that were merged into the signal that is pending or was delivered last. */
  overrun: number;
}

export class Timers implements ProcessTimers {
  readonly process: Process;
  /** ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF. */
  readonly interval: readonly SignalTimer[];
  readonly posix = new Map<number, PosixTimer>();
  #nextId = 0;

  constructor(process: Process) {
    this.process = process;
    const { kernel } = process;
    this.interval = [14, 26, 27].map((signal) => new SignalTimer(kernel, () => sendToProcess(process, kernelSignal(signal))));
  }

  create(clock: number, notify: { signal: number; value: bigint; thread: Task | undefined } | undefined): PosixTimer {
    const { kernel } = this.process;
    const id = this.#nextId++;
    const timer = new SignalTimer(kernel, (expirations) => {
      if (notify === undefined) return;
      const info: SigInfo = { signo: notify.signal, code: SI_TIMER, timerId: id, overrun: expirations - 1, value: notify.value };
      const pending = (notify.thread?.pending ?? this.process.pending).has(notify.signal);
      made.overrun = pending ? made.overrun + expirations : expirations - 1;
      if (pending) return;
      if (notify.thread === undefined) sendToProcess(this.process, info);
      else sendToTask(notify.thread, info);
    });
    const made: PosixTimer = { id, clock, timer, overrun: 0 };
    this.posix.set(id, made);
    return made;
  }

  dispose(): void {
    for (const timer of this.interval) timer.disarm();
    this.disposePosix();
  }

  /** execve keeps interval timers and drops the others. */
  disposePosix(): void {
    for (const { timer } of this.posix.values()) timer.disarm();
    this.posix.clear();
  }
}

export function timersOf(process: Process): Timers {
  process.timers ??= new Timers(process);
  return process.timers as Timers;
}
