/** A memory file that guests map and the kernel sees through a view of its own. */

import { type Backing, PAGE_SIZE } from '../../../kernel/platform.ts';
import type { Libc } from './libc.ts';
import { pageCeil } from './regions.ts';
import type { MappedFile } from './snapshots.ts';

/** How much more room a growing backing gets, at most. */
const HEADROOM = 64 * 1024 * 1024;
const EMPTY = new Uint8Array(0);

export class FfiBacking implements Backing, MappedFile {
  readonly fd: number;
  bytes: Uint8Array = EMPTY;
  size = 0;
  constant = false;
  readonly #libc: Libc;
  #references = 1;
  /** The file's size. It never shrinks: a guest access behind the end of a file would be SIGBUS, which no one catches. */
  #capacity = 0;
  #view = 0n;
  #buffer = new ArrayBuffer(0);

  constructor(libc: Libc, size: number) {
    this.#libc = libc;
    this.fd = libc.createFile('cloister-pages');
    this.#reserve(Math.max(pageCeil(size), PAGE_SIZE));
    this.#setSize(size);
  }

  #reserve(capacity: number): void {
    const libc = this.#libc;
    libc.setSize(this.fd, capacity);
    const view = libc.mapView(this.fd, capacity);
    if (this.#capacity > 0) libc.unmapView(this.#view, this.#capacity);
    this.#view = view;
    this.#capacity = capacity;
    this.#buffer = libc.view(view, capacity);
  }

  #setSize(size: number): void {
    this.size = size;
    this.bytes = new Uint8Array(this.#buffer, 0, pageCeil(size));
  }

  resize(size: number): void {
    const end = pageCeil(size);
    if (end > this.#capacity) this.#reserve(Math.max(end, pageCeil(Math.min(this.#capacity * 2, this.#capacity + HEADROOM))));
    else if (size < this.size) {
      const oldEnd = this.bytes.length;
      this.bytes.fill(0, size, Math.min(end, oldEnd));
      if (oldEnd > end) this.#libc.punch(this.fd, end, oldEnd - end);
    }
    this.#setSize(size);
  }

  /** The pages are the mappings' own. */
  changed(): void {}

  retain(): void {
    this.#references++;
  }

  release(): void {
    if (--this.#references > 0) return;
    this.#libc.unmapView(this.#view, this.#capacity);
    this.#libc.close(this.fd);
    this.bytes = EMPTY;
    this.size = 0;
  }
}
