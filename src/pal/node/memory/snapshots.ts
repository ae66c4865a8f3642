/**
 * Where the pages that a fork parts rest: extents of a few memory files, each written once and then mapped
 * copy-on-write by parent and child. Freed extents stay warm while the enclave is busy, so that the next fork
 * writes into pages that exist already: making one takes the host longer than filling it.
 */

import { writeSync } from 'node:fs';
import type { Libc } from './libc.ts';

const SEGMENT = 64 * 1024 * 1024;
/** Free pages beyond this are given back at once; while the enclave is busy and when it is idle. */
const WARM = 256 * 1024 * 1024;
const WARM_IDLE = 8 * 1024 * 1024;

interface Segment {
  readonly fd: number;
  readonly size: number;
  /** Free ranges in address order, never adjacent. */
  readonly free: { from: number; to: number }[];
}

/** What a region of a `FfiMemory` can be mapped from. */
export interface MappedFile {
  readonly fd: number;
  retain(): void;
  release(): void;
}

export class Extent implements MappedFile {
  readonly fd: number;
  readonly offset: number;
  readonly #free: () => void;
  #references = 1;

  constructor(segment: Segment, offset: number, free: () => void) {
    this.fd = segment.fd;
    this.offset = offset;
    this.#free = free;
  }

  /** Fills a part. The host's write makes pages for a fraction of what faults on a mapping would take. */
  write(at: number, bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) done += writeSync(this.fd, bytes, done, bytes.length - done, this.offset + at + done);
  }

  retain(): void {
    this.#references++;
  }

  release(): void {
    if (--this.#references === 0) this.#free();
  }
}

export class Snapshots {
  readonly #libc: Libc;
  readonly #segments: Segment[] = [];
  /** Bytes of free extents that may have pages. */
  #warm = 0;

  constructor(libc: Libc) {
    this.#libc = libc;
  }

  /** An extent with one reference; its old content is arbitrary. */
  allocate(length: number): Extent {
    for (const segment of this.#segments) {
      const index = segment.free.findIndex((each) => each.to - each.from >= length);
      if (index >= 0) return this.#take(segment, index, length);
    }
    return this.#take(this.#addSegment(length), 0, length);
  }

  #addSegment(length: number): Segment {
    const libc = this.#libc;
    const size = Math.max(SEGMENT, length);
    const fd = libc.createFile('cloister-fork');
    libc.setSize(fd, size);
    const segment = { fd, size, free: [{ from: 0, to: size }] };
    this.#segments.push(segment);
    return segment;
  }

  #take(segment: Segment, index: number, length: number): Extent {
    const range = segment.free[index];
    const offset = range.from;
    range.from += length;
    if (range.from === range.to) segment.free.splice(index, 1);
    this.#warm = Math.max(0, this.#warm - length);
    return new Extent(segment, offset, () => this.#give(segment, offset, length));
  }

  #give(segment: Segment, offset: number, length: number): void {
    const { free } = segment;
    let index = free.findIndex((each) => each.from > offset);
    if (index < 0) index = free.length;
    free.splice(index, 0, { from: offset, to: offset + length });
    for (const at of [index, index - 1]) {
      if (at < 0 || at + 1 >= free.length || free[at].to !== free[at + 1].from) continue;
      free[at].to = free[at + 1].to;
      free.splice(at + 1, 1);
    }
    if (this.#warm + length <= WARM) this.#warm += length;
    else if (!this.#closed(segment)) this.#libc.punch(segment.fd, offset, length);
  }

  /** Closes a segment that is free as a whole, but for one of the usual size. */
  #closed(segment: Segment): boolean {
    const whole = segment.free.length === 1 && segment.free[0].to - segment.free[0].from === segment.size;
    if (!whole || (segment.size === SEGMENT && this.#segments.length === 1)) return false;
    this.#segments.splice(this.#segments.indexOf(segment), 1);
    this.#libc.close(segment.fd);
    return true;
  }

  /** The enclave is idle: only few pages are kept for the next fork. */
  trim(): void {
    if (this.#warm <= WARM_IDLE) return;
    this.#warm = 0;
    for (const segment of [...this.#segments]) {
      if (this.#closed(segment)) continue;
      for (const { from, to } of segment.free) this.#libc.punch(segment.fd, from, to - from);
    }
  }
}
