/** Which pages a private mapping owns: proc(5) `/proc/pid/pagemap`, 8 bytes a page. */

import { openSync, readSync } from 'node:fs';
import { PAGE_SIZE } from '../../../kernel/platform.ts';

/** In the upper half of an entry: present or swapped, and not a page of the file behind the mapping. */
const PRESENT_OR_SWAPPED = 0xc000_0000;
const OF_FILE = 0x2000_0000;
const CHUNK_PAGES = 8192;

export interface PageRun {
  /** Page numbers relative to the start asked for, half open. */
  readonly from: number;
  readonly to: number;
}

export class PageMap {
  readonly #fd: number;
  readonly #entries = new Uint32Array(CHUNK_PAGES * 2);

  constructor() {
    this.#fd = openSync('/proc/self/pagemap', 'r');
  }

  /** Runs of pages that are the mapping's own (written since it was mapped, or anonymous), gaps of at most `gap` pages included. */
  owned(hostAddress: bigint, pages: number, gap: number): PageRun[] {
    const runs: PageRun[] = [];
    let from = -1;
    let last = -1;
    const first = Number(hostAddress / BigInt(PAGE_SIZE));
    for (let base = 0; base < pages; base += CHUNK_PAGES) {
      const count = Math.min(CHUNK_PAGES, pages - base);
      const got = readSync(this.#fd, this.#entries, 0, count * 8, (first + base) * 8);
      if (got !== count * 8) throw new RangeError('short read of /proc/self/pagemap');
      for (let i = 0; i < count; i++) {
        const high = this.#entries[i * 2 + 1];
        if ((high & PRESENT_OR_SWAPPED) === 0 || (high & OF_FILE) !== 0) continue;
        const page = base + i;
        if (from < 0) from = page;
        else if (page - last > gap + 1) {
          runs.push({ from, to: last + 1 });
          from = page;
        }
        last = page;
      }
    }
    if (from >= 0) runs.push({ from, to: last + 1 });
    return runs;
  }
}
