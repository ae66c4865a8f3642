/**
 * What is mapped where in one address space: disjoint regions in address order, merged where they continue
 * each other. Both back ends keep one; it describes, it maps nothing.
 */

import { Ranges } from '../../../base/ranges.ts';
import { type Backing, type CodeOrigin, PAGE_SIZE, PROT_EXEC, PROT_WRITE } from '../../../kernel/platform.ts';

export interface Region<S> {
  start: number;
  end: number;
  /** PROT_ bits as asked for. */
  prot: number;
  /** Where the pages come from; undefined = zero pages. */
  source: S | undefined;
  /** Offset of `start` in the source. */
  offset: number;
  shared: boolean;
  /** Nobody could write to it since it was mapped: it holds what its source holds. */
  clean: boolean;
  /** False: left over from an earlier process of a pooled memory, or set aside; to be taken over or dropped. */
  live: boolean;
}

export function pageFloor(address: number): number {
  return address - (address % PAGE_SIZE);
}

export function pageCeil(address: number): number {
  return pageFloor(address + PAGE_SIZE - 1);
}

export function setProt<S>(region: Region<S>, prot: number): void {
  region.prot = prot;
  if (prot & PROT_WRITE) region.clean = false;
}

function continues<S>(a: Region<S>, b: Region<S>): boolean {
  return a.end === b.start && a.prot === b.prot && a.source === b.source && a.shared === b.shared && a.live === b.live && a.clean === b.clean && (a.source === undefined || a.offset + (a.end - a.start) === b.offset);
}

/** Called when a region comes to refer to a source once more, or once less. */
export interface SourceCount<S> {
  retain(source: S): void;
  release(source: S): void;
}

export class RegionMap<S> {
  readonly list = new Ranges<Region<S>>();
  readonly #count: SourceCount<S>;

  constructor(count: SourceCount<S>) {
    this.#count = count;
  }

  /** Index of the first region that ends after the address. */
  indexAt(address: number): number {
    return this.list.indexAt(address);
  }

  at(address: number): Region<S> | undefined {
    const region = this.list.at(this.indexAt(address));
    return region !== undefined && region.start <= address ? region : undefined;
  }

  /** Makes an address a boundary; returns the index of the region that starts at or after it. */
  cut(address: number): number {
    const index = this.indexAt(address);
    const region = this.list.at(index);
    if (region === undefined || region.start >= address) return index;
    const rest = { ...region, start: address, offset: region.offset + (address - region.start) };
    region.end = address;
    if (rest.source !== undefined) this.#count.retain(rest.source);
    this.list.insert(index + 1, rest);
    return index + 1;
  }

  /** The regions within [start, end), cut to it. */
  within(start: number, end: number): Region<S>[] {
    const from = this.cut(start);
    const to = this.cut(end);
    const regions: Region<S>[] = [];
    for (let index = from; index < to; index++) regions.push(this.list.at(index) as Region<S>);
    return regions;
  }

  remove(start: number, end: number): void {
    const from = this.cut(start);
    const removed = this.list.remove(from, this.cut(end));
    for (const { source } of removed) if (source !== undefined) this.#count.release(source);
  }

  /** Replaces whatever was there. */
  set(region: Region<S>): void {
    this.remove(region.start, region.end);
    if (region.source !== undefined) this.#count.retain(region.source);
    const index = this.indexAt(region.start);
    this.list.insert(index, region);
    this.mergeAround(index);
  }

  /** Joins the region at `index` with its neighbours where they continue each other. */
  mergeAround(index: number): void {
    for (const at of [index, index - 1]) {
      const a = this.list.at(at);
      const b = this.list.at(at + 1);
      if (a === undefined || b === undefined || !continues(a, b)) continue;
      a.end = b.end;
      this.list.remove(at + 1, at + 2);
      if (b.source !== undefined) this.#count.release(b.source);
    }
  }

  protect(start: number, end: number, prot: number): void {
    for (const region of this.within(start, end)) setProt(region, prot);
    this.mergeRange(start, end);
  }

  /** See `GuestMemory.origin`. */
  origin(start: number, end: number): CodeOrigin | undefined {
    const { list } = this;
    let first: Region<S> | undefined;
    for (let index = this.indexAt(start), at = start; at < end; index++) {
      const region = list.at(index);
      if (region === undefined || region.start > at || !region.live || !region.clean || (region.prot & PROT_EXEC) === 0) return undefined;
      first ??= region;
      if (region.source !== first.source || region.offset - region.start !== first.offset - first.start) return undefined;
      at = region.end;
    }
    const backing = first?.source as (S & Partial<Backing>) | undefined;
    return backing?.constant === true ? { backing: backing as S & Backing, shift: (first as Region<S>).offset - (first as Region<S>).start } : undefined;
  }

  /** See `GuestMemory.isAliased`. */
  isAliased(address: number): boolean {
    const region = this.at(address);
    return region?.live === true && region.shared && (region.source as Partial<Backing> | undefined)?.constant !== true;
  }

  mergeRange(start: number, end: number): void {
    for (let index = this.indexAt(end); index >= 0 && (this.list.at(index)?.end ?? Number.POSITIVE_INFINITY) >= start; index--) this.mergeAround(index);
  }

  clear(): void {
    this.remove(0, Number.MAX_SAFE_INTEGER - PAGE_SIZE);
  }
}
