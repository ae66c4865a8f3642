/**
 * Sleeping in a system call. A handler that cannot go on returns `block(task, queues, retry)`; whenever one of the
 * queues wakes, `retry` runs in the kernel loop, until it gives a result. Signals interrupt the sleep as signal(7)
 * says: the call ends with EINTR or starts again after the handler.
 */

import { EAGAIN } from '../errno.ts';
import { BLOCKED, WOULD_BLOCK, type SysResult } from '../result.ts';
import type { Timer } from '../time/timers.ts';
import type { Waiter, WaitQueue } from '../wait.ts';
import type { Task } from './task.ts';

export interface BlockOptions {
  /** On the monotonic clock. When it comes, `timedOut` gives the result. */
  readonly deadlineNs?: number;
  /** Default: -ETIMEDOUT's place is the caller's to say, so 0. */
  readonly timedOut?: () => SysResult;
  /**
   * What a signal handler does to the call. `always` (default): starts again if the handler has SA_RESTART, EINTR
   * otherwise. `unlessHandler`: EINTR after any handler. `never`: as that, and also when a stopped process continues.
   * Signals without a handler never interrupt the first two. `uninterruptible`: nothing but SIGKILL ends the sleep.
   */
  readonly restart?: 'always' | 'unlessHandler' | 'never' | 'uninterruptible';
  /** Gives the result of an interrupted call in place of EINTR or a restart (bytes transferred so far, …); WOULD_BLOCK = no opinion. */
  readonly interrupted?: () => SysResult;
  /** Runs once, whatever ends the sleep (a result, a signal, the task's death). */
  readonly cleanup?: () => void;
}

const NO_OPTIONS: BlockOptions = {};
const NO_QUEUES: readonly WaitQueue[] = [];
const never = (): SysResult => WOULD_BLOCK;

/** For transfers with a time limit (SO_RCVTIMEO): EAGAIN when it is over, and never started again. */
export function within(task: Task, timeoutNs: number, interrupted?: () => SysResult): BlockOptions {
  if (timeoutNs === Number.POSITIVE_INFINITY) return interrupted === undefined ? NO_OPTIONS : { interrupted };
  const timedOut = (): SysResult => {
    const soFar = interrupted === undefined ? WOULD_BLOCK : interrupted();
    return soFar === WOULD_BLOCK ? -EAGAIN.errno : soFar;
  };
  return { deadlineNs: task.kernel.host.monotonicNs() + timeoutNs, timedOut, restart: 'never', ...(interrupted !== undefined && { interrupted }) };
}

/** The sleep of one task; it lives as long as the task. */
export class Sleep implements Waiter {
  readonly task: Task;
  active = false;
  /** A queue woke, or the deadline came: `retry` is due. */
  ready = false;
  expired = false;
  queues: readonly WaitQueue[] = NO_QUEUES;
  retry: () => SysResult = never;
  options: BlockOptions = NO_OPTIONS;
  timer: Timer | undefined;

  constructor(task: Task) {
    this.task = task;
  }

  woken(): void {
    this.ready = true;
    this.task.kernel.enqueue(this.task);
  }

  /** Leaves all queues. */
  end(): void {
    if (!this.active) return;
    this.active = false;
    for (const queue of this.queues) queue.remove(this);
    if (this.timer !== undefined) {
      this.task.kernel.timers.cancel(this.timer);
      this.timer = undefined;
    }
    this.queues = NO_QUEUES;
    this.retry = never;
    const { cleanup } = this.options;
    this.options = NO_OPTIONS;
    if (cleanup !== undefined) cleanup();
  }
}

/**
 * Puts the task to sleep until `retry` gives something other than WOULD_BLOCK (it may throw an Errno). The caller has
 * tried already: `retry` is first called after a wake. Return its value from the handler at once.
 */
export function block(task: Task, queues: readonly WaitQueue[], retry: () => SysResult, options: BlockOptions = NO_OPTIONS): typeof BLOCKED {
  const { sleep } = task;
  sleep.active = true;
  sleep.ready = false;
  sleep.expired = false;
  sleep.queues = queues;
  sleep.retry = retry;
  sleep.options = options;
  for (const queue of queues) queue.add(sleep);
  if (options.deadlineNs !== undefined && options.deadlineNs !== Number.POSITIVE_INFINITY) {
    sleep.timer = task.kernel.timers.add(options.deadlineNs, () => {
      sleep.timer = undefined;
      sleep.expired = true;
      sleep.woken();
    });
  }
  task.state = 'sleeping';
  return BLOCKED;
}
