/**
 * An address space made of host pages: the wasm memory is a reservation of 16 GiB, and mmap(2) with MAP_FIXED
 * decides what lies in it. What is not mapped is PROT_NONE, so V8 raises a trap.
 *
 * **Fork.** The host cannot share anonymous pages copy-on-write within one process. So the pages that a
 * mapping owns (pagemap(5) tells) are copied once into an extent of a memory file, which the child maps
 * privately; where there are many, the parent does too, and its next fork copies only what it wrote since.
 *
 * **Pooling.** A disposed memory keeps its anonymous and file mappings with their original content (one
 * madvise). The next process of the same program takes over those that it maps alike, and what is left over
 * is made inaccessible before it runs. What the engine keeps in `engineSlot` stays as long as the executable
 * pages are those of the same files, unwritten.
 */

import { ADDRESS_LIMIT, type Backing, type GuestMemory, PAGE_SIZE, PROT_EXEC, PROT_READ, PROT_WRITE } from '../../../kernel/platform.ts';
import type { FfiBackend } from './ffi.ts';
import { FfiBacking } from './ffi-backing.ts';
import { type Libc, PROT } from './libc.ts';
import type { PageRun } from './pagemap.ts';
import { grownMemory, newMemory, type Pooled } from './pool.ts';
import { pageCeil, type Region, RegionMap } from './regions.ts';
import type { MappedFile } from './snapshots.ts';

type Mapping = Region<MappedFile>;

/** Owned pages closer than this are copied together. */
const GAP = 8;
/** More runs than this in one region: a wider gap. */
const MANY_RUNS = 32;
/** From so many owned pages on, the parent moves to the extent as well. */
const REMAP_PAGES = 512;

function hostProt(prot: number): number {
  if (prot & PROT_WRITE) return PROT.READ | PROT.WRITE;
  return prot & (PROT_READ | PROT_EXEC) ? PROT.READ : PROT.NONE;
}

function joined(runs: PageRun[], gap: number): PageRun[] {
  const result: { from: number; to: number }[] = [];
  for (const run of runs) {
    const last = result.at(-1);
    if (last !== undefined && run.from - last.to <= gap) last.to = run.to;
    else result.push({ ...run });
  }
  return result;
}

export class FfiMemory implements GuestMemory, Pooled {
  readonly wasm: WebAssembly.Memory;
  readonly permissions = undefined;
  engineSlot: unknown = undefined;
  readonly pool: string;
  bytes!: Uint8Array;
  view!: DataView;
  readonly #backend: FfiBackend;
  readonly #libc: Libc;
  readonly #base: bigint;
  readonly #regions = new RegionMap<MappedFile>({ retain: (s) => s.retain(), release: (s) => s.release() });
  /** There may be regions of an earlier process; and some of them may be accessible. */
  #hasStale = false;
  #staleAccessible = false;
  #entered = false;
  /** Executable pages were not, or not always, those of a file. */
  #ownCode = false;

  constructor(backend: FfiBackend, pool: string) {
    this.#backend = backend;
    this.#libc = backend.libc;
    this.pool = pool;
    this.wasm = newMemory();
    this.#base = this.#libc.addressOf(this.wasm.buffer);
    this.#refreshViews();
    this.#libc.protect(this.#base, this.bytes.length, PROT.NONE);
  }

  #refreshViews(): void {
    this.bytes = new Uint8Array(this.wasm.buffer);
    this.view = new DataView(this.wasm.buffer);
  }

  #host(address: number): bigint {
    return this.#base + BigInt(address);
  }

  /** Growing makes V8 set *all* of the memory readable and writable, so every protection is put back. */
  #reach(end: number): void {
    if (end > ADDRESS_LIMIT) throw new RangeError(`address 0x${end.toString(16)} is beyond the address space`);
    if (!grownMemory(this.wasm, this.bytes.length, end)) return;
    this.#refreshViews();
    this.#libc.protect(this.#base, this.bytes.length, PROT.NONE);
    const { list } = this.#regions;
    for (let index = 0; index < list.length; ) {
      const { start, prot } = list[index];
      let to = list[index++].end;
      while (list[index]?.start === to && hostProt(list[index].prot) === hostProt(prot)) to = list[index++].end;
      if (hostProt(prot) !== PROT.NONE) this.#libc.protect(this.#host(start), to - start, hostProt(prot));
    }
  }

  #overlaps(start: number, end: number): boolean {
    const region = this.#regions.list[this.#regions.indexAt(start)];
    return region !== undefined && region.start < end;
  }

  /** Takes over mappings that an earlier process left, if they are what is wanted. */
  #adopt(wanted: Mapping): boolean {
    if (!this.#hasStale || wanted.shared) return false;
    const { list } = this.#regions;
    let at = wanted.start;
    let sameProt = true;
    for (let index = this.#regions.indexAt(at); at < wanted.end; index++) {
      const region = list[index];
      if (region === undefined || region.live || region.start > at || region.source !== wanted.source) return false;
      if (region.source !== undefined && region.offset + (at - region.start) !== wanted.offset + (at - wanted.start)) return false;
      if (hostProt(region.prot) !== hostProt(wanted.prot)) sameProt = false;
      at = region.end;
    }
    if (!sameProt) this.#libc.protect(this.#host(wanted.start), wanted.end - wanted.start, hostProt(wanted.prot));
    this.#regions.set(wanted);
    return true;
  }

  #map(wanted: Mapping): void {
    this.#reach(wanted.end);
    if (this.#adopt(wanted)) return;
    if (wanted.prot & PROT_EXEC) {
      if (wanted.prot & PROT_WRITE || wanted.shared || !(wanted.source instanceof FfiBacking)) this.#ownCode = true;
      // Later changes are told to the engine; an engine that is yet to be made must not find other code.
      if (!this.#entered) this.engineSlot = undefined;
    }
    const { start, end, source } = wanted;
    const address = this.#host(start);
    const prot = hostProt(wanted.prot);
    if (source !== undefined) {
      if (wanted.shared) this.#libc.mapShared(address, end - start, prot, source.fd, wanted.offset);
      else this.#libc.mapPrivate(address, end - start, prot, source.fd, wanted.offset);
    } else if (this.#overlaps(start, end)) this.#libc.mapAnonymous(address, end - start, prot);
    else if (prot !== PROT.NONE) this.#libc.protect(address, end - start, prot);
    this.#regions.set(wanted);
  }

  mapAnonymous(address: number, length: number, prot: number): void {
    this.#map({ start: address, end: address + pageCeil(length), prot, source: undefined, offset: 0, shared: false, live: true });
  }

  mapBacking(address: number, length: number, prot: number, backing: Backing, offset: number, sharing: 'private' | 'shared'): void {
    const source = backing as FfiBacking;
    const end = address + pageCeil(length);
    const present = Math.min(end, address + Math.max(0, source.bytes.length - offset));
    if (present > address) this.#map({ start: address, end: present, prot, source, offset, shared: sharing === 'shared', live: true });
    // Behind the end of the file there are no pages: a mapping that always traps.
    if (present < end) this.mapAnonymous(present, end - present, 0);
  }

  protect(address: number, length: number, prot: number): void {
    const end = address + pageCeil(length);
    const wanted = hostProt(prot);
    let from = -1;
    let to = -1;
    const regions = this.#regions.within(address, end);
    for (const region of regions) {
      if (!region.live) continue;
      if (hostProt(region.prot) !== wanted) {
        if (to !== region.start) {
          if (from >= 0) this.#libc.protect(this.#host(from), to - from, wanted);
          from = region.start;
        }
        to = region.end;
      }
      if ((prot & PROT_EXEC) !== (region.prot & PROT_EXEC) || (prot & PROT_EXEC && prot & PROT_WRITE)) this.#ownCode = true;
      region.prot = prot;
    }
    if (from >= 0) this.#libc.protect(this.#host(from), to - from, wanted);
    this.#regions.mergeRange(address, end);
  }

  unmap(address: number, length: number): void {
    const end = address + pageCeil(length);
    if (!this.#overlaps(address, end)) return;
    this.#libc.unmap(this.#host(address), end - address);
    this.#regions.remove(address, end);
  }

  discard(address: number, length: number): void {
    const end = address + pageCeil(length);
    for (const region of this.#regions.within(address, end)) {
      if (!region.live || region.shared) continue;
      if (region.source === undefined) this.#libc.discard(this.#host(region.start), region.end - region.start);
      else {
        this.#libc.mapAnonymous(this.#host(region.start), region.end - region.start, hostProt(region.prot));
        this.#regions.set({ ...region, source: undefined, offset: 0 });
      }
    }
    this.#regions.mergeRange(address, end);
  }

  fork(): GuestMemory {
    const child = this.#backend.create(this.pool) as FfiMemory;
    try {
      if (this.bytes.length > child.bytes.length) child.#reach(this.bytes.length);
      for (const region of [...this.#regions.list]) if (region.live) this.#forkRegion(child, region);
    } catch (error) {
      child.dispose();
      throw error;
    }
    return child;
  }

  #forkRegion(child: FfiMemory, region: Mapping): void {
    child.#map({ ...region });
    if (region.shared) return;
    const { start, end, prot } = region;
    let runs = this.#backend.pageMap.owned(this.#host(start), (end - start) / PAGE_SIZE, GAP);
    for (let gap = GAP * 4; runs.length > MANY_RUNS; gap *= 4) runs = joined(runs, gap);
    const pages = runs.reduce((sum, run) => sum + run.to - run.from, 0);
    if (pages === 0) return;
    const readable = hostProt(prot) !== PROT.NONE;
    if (!readable) this.#libc.protect(this.#host(start), end - start, PROT.READ);
    const extent = this.#backend.snapshots.allocate(pages * PAGE_SIZE);
    let offset = 0;
    for (const run of runs) {
      const part = { start: start + run.from * PAGE_SIZE, end: start + run.to * PAGE_SIZE, prot, source: extent, offset: extent.offset + offset, shared: false, live: true };
      extent.bytes.set(this.bytes.subarray(part.start, part.end), offset);
      offset += part.end - part.start;
      child.#map({ ...part });
      if (pages >= REMAP_PAGES) this.#map(part);
    }
    extent.release();
    if (!readable) this.#libc.protect(this.#host(start), end - start, PROT.NONE);
  }

  permissionsAt(address: number): number {
    const region = this.#regions.at(address);
    return region?.live ? region.prot : -1;
  }

  /** Shared pages are the same pages; only what an earlier process left needs care. */
  enter(): void {
    this.#entered = true;
    if (!this.#staleAccessible) return;
    this.#staleAccessible = false;
    let from = -1;
    let to = -1;
    for (const region of this.#regions.list) {
      if (region.live || hostProt(region.prot) === PROT.NONE) {
        if (from >= 0) this.#libc.protect(this.#host(from), to - from, PROT.NONE);
        from = -1;
        continue;
      }
      if (from < 0) from = region.start;
      to = region.end;
      region.prot = 0;
    }
    if (from >= 0) this.#libc.protect(this.#host(from), to - from, PROT.NONE);
  }

  leave(): void {}

  residentBytes(): number {
    let pages = 0;
    for (const { start, end, shared, live } of this.#regions.list) {
      if (shared || !live) continue;
      for (const run of this.#backend.pageMap.owned(this.#host(start), (end - start) / PAGE_SIZE, 0)) pages += run.to - run.from;
    }
    return pages * PAGE_SIZE;
  }

  dispose(): void {
    if (this.#ownCode) this.engineSlot = undefined;
    this.#ownCode = this.#entered = false;
    const { list } = this.#regions;
    if (list.length > 0) {
      for (const region of [...list]) {
        const keep = !region.shared && (region.source === undefined || region.source instanceof FfiBacking);
        if (keep) region.live = false;
        else this.unmap(region.start, region.end - region.start);
      }
      this.#hasStale = list.length > 0;
      this.#staleAccessible = this.#hasStale;
      if (this.#hasStale) this.#libc.discard(this.#host(list[0].start), (list.at(-1) as Mapping).end - list[0].start);
    }
    this.#backend.pool.put(this);
  }

  /** For a memory that is not used again: its pages go back now, not when it is collected. */
  destroy(): void {
    this.#regions.clear();
    this.engineSlot = undefined;
    this.#libc.unmap(this.#base, this.bytes.length);
  }
}
