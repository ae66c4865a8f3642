/** What is to happen later: a binary heap of deadlines on CLOCK_MONOTONIC, in nanoseconds. Owned by the kernel loop. */

export interface Timer {
  readonly deadlineNs: number;
  readonly fire: () => void;
  /** Cancelled timers stay in the heap until they come up, or until most of it is such. */
  cancelled: boolean;
}

export class Timers {
  #heap: Timer[] = [];
  /** How many in the heap are. */
  #cancelled = 0;

  /** `fire` runs in the kernel loop, between tasks; it must not throw and must not run guest code. */
  add(deadlineNs: number, fire: () => void): Timer {
    const timer: Timer = { deadlineNs, fire, cancelled: false };
    const heap = this.#heap;
    let at = heap.length;
    heap.push(timer);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (heap[parent].deadlineNs <= deadlineNs) break;
      heap[at] = heap[parent];
      at = parent;
    }
    heap[at] = timer;
    return timer;
  }

  cancel(timer: Timer): void {
    if (timer.cancelled) return;
    timer.cancelled = true;
    this.#cancelled++;
    // Programs set long time limits and seldom let them pass.
    if (this.#cancelled > 1000 && this.#cancelled * 2 > this.#heap.length) this.#clean();
  }

  /** A sorted array is a heap. */
  #clean(): void {
    this.#heap = this.#heap.filter(({ cancelled }) => !cancelled).sort((a, b) => a.deadlineNs - b.deadlineNs);
    this.#cancelled = 0;
  }

  /** Infinity when nothing is planned. */
  get nextNs(): number {
    while (this.#heap.length > 0 && this.#heap[0].cancelled) {
      this.#pop();
      this.#cancelled--;
    }
    return this.#heap.length === 0 ? Number.POSITIVE_INFINITY : this.#heap[0].deadlineNs;
  }

  /** Fires everything that is due. */
  run(nowNs: number): void {
    while (this.nextNs <= nowNs) {
      const timer = this.#pop();
      timer.cancelled = true;
      timer.fire();
    }
  }

  #pop(): Timer {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop() as Timer;
    if (heap.length > 0) {
      let at = 0;
      while (true) {
        let child = at * 2 + 1;
        if (child >= heap.length) break;
        if (child + 1 < heap.length && heap[child + 1].deadlineNs < heap[child].deadlineNs) child++;
        if (heap[child].deadlineNs >= last.deadlineNs) break;
        heap[at] = heap[child];
        at = child;
      }
      heap[at] = last;
    }
    return top;
  }
}
