/**
 * Sleeping and waking. Whatever a task may wait for owns a `WaitQueue` and calls `wake` after each change;
 * the sleeper then tries again. Waking too often is correct, too seldom is not.
 */

export interface Waiter {
  /** Called by `wake`; must not throw and must not run guest code. */
  woken(queue: WaitQueue): void;
}

export class WaitQueue {
  readonly #waiters = new Set<Waiter>();

  get empty(): boolean {
    return this.#waiters.size === 0;
  }

  add(waiter: Waiter): void {
    this.#waiters.add(waiter);
  }

  remove(waiter: Waiter): void {
    this.#waiters.delete(waiter);
  }

  /** Wakes at most `count` waiters, longest-waiting first. Returns how many. */
  wake(count = Number.POSITIVE_INFINITY): number {
    let woken = 0;
    for (const waiter of this.#waiters) {
      if (woken >= count) break;
      woken++;
      waiter.woken(this);
    }
    return woken;
  }
}
