/**
 * The mappings of an address space: disjoint ranges in ascending order (proc_pid_maps(5)). This is the kernel's own
 * record of what a guest may touch; `space.ts` changes it together with the pages, `guest.ts` asks it before every
 * access to guest bytes.
 */

import { Ranges } from '../../base/ranges.ts';
import { PAGE_SIZE, PROT_EXEC, PROT_READ, PROT_WRITE, type Backing } from '../platform.ts';

/** What can be mapped: an inode of a regular file, or an anonymous shared object. */
export interface Mappable {
  /** The page cache, grown to at least the file's size. Asked again at every mapping. */
  backing(): Backing;
  /** The file's size in bytes; pages wholly behind it are not accessible. */
  readonly size: number;
  /** For /proc/<pid>/maps. */
  readonly dev: number;
  readonly ino: number;
  /** Shared pages may have changed: bring [offset, offset + length) to the file. */
  flush?(offset: number, length: number): void;
  /** One more, one less mapping. */
  retain?(): void;
  release?(): void;
}

export interface Vma {
  start: number;
  end: number;
  /** PROT_* as the guest asked. */
  prot: number;
  sharing: 'private' | 'shared';
  /** MAP_* bits worth keeping: GROWSDOWN, NORESERVE, LOCKED, STACK. */
  flags: number;
  file: Mappable | undefined;
  /** Where in the file `start` lies. */
  offset: number;
  /** Path for /proc/<pid>/maps, or a name in brackets. */
  name: string;
  /** The file was opened for writing, so that a shared mapping may become writable. */
  mayWrite: boolean;
  /** From here to `end` the file has no pages (SIGBUS); equals `end` for everything else. */
  accessible: number;
}

export const pageFloor = (address: number): number => address - (address % PAGE_SIZE);
export const pageCeil = (address: number): number => pageFloor(address + PAGE_SIZE - 1);

/** x86-64 page tables know no write-only and no execute-only pages. */
export const effectiveProt = (prot: number): number => (prot & (PROT_WRITE | PROT_EXEC) ? prot | PROT_READ : prot);

export class VmaList {
  readonly #list = new Ranges<Vma>();
  #last: Vma | undefined;
  /** Sum of all lengths, for limits and /proc. */
  totalBytes = 0;

  get length(): number {
    return this.#list.length;
  }

  [Symbol.iterator](): IterableIterator<Vma> {
    return this.#list[Symbol.iterator]();
  }

  /** Index of the first mapping that ends above `address`. */
  indexAt(address: number): number {
    return this.#list.indexAt(address);
  }

  at(index: number): Vma | undefined {
    return this.#list.at(index);
  }

  /** The mapping that holds `address`. */
  find(address: number): Vma | undefined {
    const last = this.#last;
    if (last !== undefined && address >= last.start && address < last.end) return last;
    const vma = this.#list.at(this.indexAt(address));
    if (vma === undefined || address < vma.start) return undefined;
    this.#last = vma;
    return vma;
  }

  /** Every byte of [address, address + length) may be accessed as `need` (PROT_READ or PROT_WRITE) says. */
  allows(address: number, length: number, need: number): boolean {
    const end = address + length;
    let at = address;
    while (true) {
      const vma = this.find(at);
      if (vma === undefined || (effectiveProt(vma.prot) & need) !== need) return false;
      if (end <= vma.accessible) return true;
      if (vma.accessible !== vma.end) return false;
      at = vma.end;
    }
  }

  /** How many bytes from `address` on (at most `length`) may be accessed. */
  allowedPrefix(address: number, length: number, need: number): number {
    const end = address + length;
    let at = address;
    while (at < end) {
      const vma = this.find(at);
      if (vma === undefined || (effectiveProt(vma.prot) & need) !== need || at >= vma.accessible) break;
      at = vma.accessible;
      if (vma.accessible !== vma.end) break;
    }
    return Math.min(at, end) - address;
  }

  insert(vma: Vma): void {
    this.#list.insert(this.indexAt(vma.start), vma);
    this.totalBytes += vma.end - vma.start;
  }

  /** Takes [start, end) out; mappings that straddle a border are split. Returns what was removed. */
  remove(start: number, end: number): Vma[] {
    this.split(start);
    this.split(end);
    const from = this.indexAt(start);
    const removed = this.#list.remove(from, this.indexAt(end));
    for (const vma of removed) this.totalBytes -= vma.end - vma.start;
    this.#last = undefined;
    return removed;
  }

  /** Makes `address` a border. */
  split(address: number): void {
    const index = this.indexAt(address);
    const vma = this.#list.at(index);
    if (vma === undefined || vma.start >= address) return;
    const upper: Vma = { ...vma, start: address, offset: vma.offset + (address - vma.start), accessible: Math.max(vma.accessible, address) };
    vma.end = address;
    vma.accessible = Math.min(vma.accessible, address);
    vma.file?.retain?.();
    this.#last = undefined;
    this.#list.insert(index + 1, upper);
  }

  /** Joins neighbours that differ in nothing, around [start, end]. */
  merge(start: number, end: number): void {
    let index = Math.max(this.indexAt(start) - 1, 0);
    while (index + 1 < this.#list.length && (this.#list.at(index) as Vma).end <= end) {
      const a = this.#list.at(index) as Vma;
      const b = this.#list.at(index + 1) as Vma;
      const same =
        a.end === b.start &&
        a.accessible === a.end &&
        a.prot === b.prot &&
        a.sharing === b.sharing &&
        a.flags === b.flags &&
        a.file === b.file &&
        a.name === b.name &&
        a.mayWrite === b.mayWrite &&
        (a.file === undefined || a.offset + (a.end - a.start) === b.offset);
      if (!same) {
        index++;
        continue;
      }
      a.end = b.end;
      a.accessible = b.accessible;
      b.file?.release?.();
      this.#list.remove(index + 1, index + 2);
      this.#last = undefined;
    }
  }

  copy(): VmaList {
    const out = new VmaList();
    for (const vma of this.#list) {
      vma.file?.retain?.();
      out.#list.insert(out.#list.length, { ...vma });
    }
    out.totalBytes = this.totalBytes;
    return out;
  }

  clear(): Vma[] {
    const all = [...this.#list];
    this.#list.clear();
    this.#last = undefined;
    this.totalBytes = 0;
    return all;
  }
}
