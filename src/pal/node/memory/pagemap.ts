/**
 * Which pages a private mapping owns: those written since it was mapped, and anonymous ones.
 *
 * Linux 6.7 and later are asked with PAGEMAP_SCAN, which skips what is not there (ioctl on proc(5) `/proc/pid/pagemap`);
 * older ones by reading 8 bytes for each page.
 */

import { openSync, readSync } from 'node:fs';
import { PAGE_SIZE } from '../../../kernel/platform.ts';
import type { Libc } from './libc.ts';

/** In the upper half of an entry: present or swapped, and not a page of the file behind the mapping. */
const PRESENT_OR_SWAPPED = 0xc000_0000;
const OF_FILE = 0x2000_0000;
const CHUNK_PAGES = 8192;

/** _IOWR('f', 16, struct pm_scan_arg), and what it asks for (linux/fs.h): present or swapped, not of a file, not the page of zeros. */
const PAGEMAP_SCAN = 0xc060_6610n;
const SCAN_ARG_BYTES = 96n;
const PAGE_IS_FILE = 4n,
  PAGE_IS_PRESENT = 8n,
  PAGE_IS_SWAPPED = 16n,
  PAGE_IS_PFNZERO = 32n;
/** Where the answer lies in the buffer, and how many ranges (three words each) fit. */
const RANGES_AT = 16;
const RANGES = 680;

export interface PageRun {
  /** Page numbers relative to the start asked for, half open. */
  readonly from: number;
  readonly to: number;
}

export class PageMap {
  readonly #fd: number;
  readonly #libc: Libc;
  readonly #entries = new Uint32Array(CHUNK_PAGES * 2);
  readonly #words = new BigUint64Array(RANGES_AT + RANGES * 3);
  readonly #address: bigint;
  readonly #scans: boolean;

  constructor(libc: Libc, mayScan = true) {
    this.#fd = openSync('/proc/self/pagemap', 'r');
    this.#libc = libc;
    this.#address = libc.addressOf(this.#words.buffer);
    this.#scans = mayScan && this.#scan(0n, BigInt(PAGE_SIZE)) >= 0;
  }

  /** Runs of pages that are the mapping's own, gaps of at most `gap` pages included. */
  owned(hostAddress: bigint, pages: number, gap: number): PageRun[] {
    const runs: { from: number; to: number }[] = [];
    const add = (from: number, to: number): void => {
      const last = runs.at(-1);
      if (last !== undefined && from - last.to <= gap) last.to = to;
      else runs.push({ from, to });
    };
    if (this.#scans) this.#scanned(hostAddress, pages, add);
    else this.#read(hostAddress, pages, add);
    return runs;
  }

  #scan(start: bigint, end: bigint): number {
    const words = this.#words;
    words.set([SCAN_ARG_BYTES, 0n, start, end, 0n, this.#address + BigInt(RANGES_AT * 8), BigInt(RANGES), 0n, PAGE_IS_FILE | PAGE_IS_PFNZERO, PAGE_IS_FILE | PAGE_IS_PFNZERO, PAGE_IS_PRESENT | PAGE_IS_SWAPPED, PAGE_IS_PRESENT]);
    return this.#libc.ioctl(this.#fd, PAGEMAP_SCAN, this.#address);
  }

  #scanned(hostAddress: bigint, pages: number, add: (from: number, to: number) => void): void {
    const end = hostAddress + BigInt(pages * PAGE_SIZE);
    const words = this.#words;
    for (let at = hostAddress; at < end; at = words[4]) {
      const count = this.#scan(at, end);
      if (count < 0) throw new RangeError('PAGEMAP_SCAN failed');
      for (let index = 0; index < count; index++) {
        const word = RANGES_AT + index * 3;
        add(Number(words[word] - hostAddress) / PAGE_SIZE, Number(words[word + 1] - hostAddress) / PAGE_SIZE);
      }
    }
  }

  #read(hostAddress: bigint, pages: number, add: (from: number, to: number) => void): void {
    const first = Number(hostAddress / BigInt(PAGE_SIZE));
    for (let base = 0; base < pages; base += CHUNK_PAGES) {
      const count = Math.min(CHUNK_PAGES, pages - base);
      const got = readSync(this.#fd, this.#entries, 0, count * 8, (first + base) * 8);
      if (got !== count * 8) throw new RangeError('short read of /proc/self/pagemap');
      for (let i = 0; i < count; i++) {
        const high = this.#entries[i * 2 + 1];
        if ((high & PRESENT_OR_SWAPPED) !== 0 && (high & OF_FILE) === 0) add(base + i, base + i + 1);
      }
    }
  }
}
