/**
 * A byte ring in shared memory between exactly one producer and one consumer, each in its own thread.
 *
 * Positions only grow (modulo 2^32) and each is written by one side, so no lock is needed: bytes are copied
 * first, then the position is published with a sequentially consistent store. Nothing here sleeps or rings:
 * whoever changes something tells the other side with a `Doorbell`.
 *
 * `wanted` makes input lazy: the consumer says how many bytes it is waiting for, and the producer takes no more
 * than that from the outside. So a program that reads one line leaves the rest of a pipe to the next program.
 */

const HEAD = 0,
  TAIL = 16,
  CLOSED = 32,
  WANTED = 33,
  WANTED_AT = 34;
const HEADER_BYTES = 256;
const WRITER_CLOSED = 1,
  READER_CLOSED = 2;
/** Above the flags: why the reader has closed, an error number. */
const ERRNO_SHIFT = 8;

export class Ring {
  readonly buffer: SharedArrayBuffer;
  readonly #control: Int32Array;
  readonly #data: Uint8Array;
  readonly #mask: number;

  /** Over a buffer made by `Ring.allocate` in either thread. */
  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.#control = new Int32Array(buffer, 0, HEADER_BYTES / 4);
    this.#data = new Uint8Array(buffer, HEADER_BYTES);
    this.#mask = this.#data.length - 1;
  }

  /** `capacity` is a power of two. */
  static allocate(capacity: number): Ring {
    if (capacity < 1 || (capacity & (capacity - 1)) !== 0) throw new RangeError('the capacity of a ring is a power of two');
    return new Ring(new SharedArrayBuffer(HEADER_BYTES + capacity));
  }

  get capacity(): number {
    return this.#data.length;
  }

  /** Bytes in the ring, whether or not the writer has closed it. */
  get length(): number {
    return (Atomics.load(this.#control, TAIL) - Atomics.load(this.#control, HEAD)) >>> 0;
  }

  get writerClosed(): boolean {
    return (Atomics.load(this.#control, CLOSED) & WRITER_CLOSED) !== 0;
  }

  get readerClosed(): boolean {
    return (Atomics.load(this.#control, CLOSED) & READER_CLOSED) !== 0;
  }

  /** What `write` gives when the reader has closed: -1, or the negative error number that it has closed with. */
  get #refusal(): number {
    return -(Atomics.load(this.#control, CLOSED) >>> ERRNO_SHIFT) || -1;
  }

  /** Consumer: copies out at most `into.length` bytes; 0 = empty now; -1 = empty and the writer has closed. */
  read(into: Uint8Array): number {
    // The flag is read before the position: bytes written before closing are never missed.
    const closed = this.writerClosed;
    const head = Atomics.load(this.#control, HEAD);
    const length = (Atomics.load(this.#control, TAIL) - head) >>> 0;
    if (length === 0) return closed ? -1 : 0;
    const count = Math.min(length, into.length);
    const at = head & this.#mask;
    const first = Math.min(count, this.#data.length - at);
    into.set(this.#data.subarray(at, at + first));
    if (first < count) into.set(this.#data.subarray(0, count - first), first);
    Atomics.store(this.#control, HEAD, (head + count) | 0);
    return count;
  }

  /** Producer: copies in as much of `from` as there is room for; 0 = full now; negative = the reader has closed, see `closeReader`. */
  write(from: Uint8Array): number {
    if (this.readerClosed) return this.#refusal;
    const tail = Atomics.load(this.#control, TAIL);
    const room = this.#data.length - ((tail - Atomics.load(this.#control, HEAD)) >>> 0);
    const count = Math.min(room, from.length);
    if (count === 0) return 0;
    const at = tail & this.#mask;
    const first = Math.min(count, this.#data.length - at);
    this.#data.set(first === from.length ? from : from.subarray(0, first), at);
    if (first < count) this.#data.set(from.subarray(first, count), 0);
    Atomics.store(this.#control, TAIL, (tail + count) | 0);
    return count;
  }

  /** Bytes that `read` would give now; -1 at the end. */
  readable(): number {
    const closed = this.writerClosed;
    const length = this.length;
    return length === 0 && closed ? -1 : length;
  }

  /** Room for `write`; -1 when the reader has closed. */
  writable(): number {
    return this.readerClosed ? -1 : this.#data.length - this.length;
  }

  closeWriter(): void {
    Atomics.or(this.#control, CLOSED, WRITER_CLOSED);
  }

  /** `errno`: what kept the bytes from going on; 0 where there is nobody any more who would read them. The first counts. */
  closeReader(errno = 0): void {
    if (!this.readerClosed) Atomics.or(this.#control, CLOSED, READER_CLOSED | (errno << ERRNO_SHIFT));
  }

  /** Consumer, having found the ring empty: `count` bytes are waited for. Returns true if that is news to the producer. */
  want(count: number): boolean {
    Atomics.store(this.#control, WANTED_AT, Atomics.load(this.#control, HEAD));
    return Atomics.exchange(this.#control, WANTED, Math.min(count, this.#data.length)) === 0;
  }

  /** Producer: takes the wish; 0 = nobody waits. A wish made before the last write is void: the consumer looks again after each. */
  takeWanted(): number {
    const count = Atomics.exchange(this.#control, WANTED, 0);
    return Atomics.load(this.#control, WANTED_AT) === Atomics.load(this.#control, TAIL) ? count : 0;
  }
}
