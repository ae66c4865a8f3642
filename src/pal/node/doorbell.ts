/**
 * Telling the other thread that something changed.
 *
 * The enclave's thread runs one synchronous loop and sleeps in `Atomics.wait`; the outer thread runs an event
 * loop and is woken by a message. Both directions coalesce: many changes before the other side looks cost one
 * wake-up, and a change after it looked always causes another.
 */

const CHANGES = 0,
  REQUESTS = 1,
  OUTER_PENDING = 2;

export class Doorbell {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array;

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(64)) {
    this.buffer = buffer;
    this.#words = new Int32Array(buffer);
  }

  /** Outer side: a ring changed. */
  ringInner(): void {
    Atomics.add(this.#words, CHANGES, 1);
    Atomics.notify(this.#words, CHANGES);
  }

  /** Outer side: a request was posted to the port. */
  announceRequest(): void {
    Atomics.add(this.#words, REQUESTS, 1);
    this.ringInner();
  }

  /** Inner side: grows with every ring. */
  get changes(): number {
    return Atomics.load(this.#words, CHANGES);
  }

  /** Inner side: requests announced so far. */
  get requests(): number {
    return Atomics.load(this.#words, REQUESTS);
  }

  /** Inner side: sleeps unless `changes` has moved on from `seen`. */
  sleep(seen: number, timeoutMs: number): void {
    Atomics.wait(this.#words, CHANGES, seen, timeoutMs);
  }

  /** Inner side: true when the outer side must be sent a message, because none is on its way. */
  ringOuter(): boolean {
    return Atomics.exchange(this.#words, OUTER_PENDING, 1) === 0;
  }

  /** Outer side, before it looks at the rings. */
  outerLooks(): void {
    Atomics.store(this.#words, OUTER_PENDING, 0);
  }
}
