/**
 * An address space made of host pages: the wasm memory is a reservation of 16 GiB, and mmap(2) with MAP_FIXED
 * decides what lies in it. What is not mapped is PROT_NONE, so V8 raises a trap.
 *
 * **Fork.** The host cannot share anonymous pages copy-on-write within one process. So the pages that the
 * mappings own (pagemap(5) tells) are copied into the child; where there are many, once into an extent of a memory
 * file, which both map privately, so that the next fork copies only what was written since.
 *
 * **Pooling.** A disposed memory keeps its anonymous and file mappings with their original content, and the pages
 * of small processes with it: a page fault of the host costs many times what clearing a page does. The next process
 * of the same program takes over those that it maps alike, and what is left over is made inaccessible before it runs.
 * What the engine keeps in `engineSlot` stays; `origin` tells it which of it holds again.
 */

import { ADDRESS_LIMIT, type Backing, type CodeOrigin, type GuestMemory, PAGE_SIZE, PROT_EXEC, PROT_READ, PROT_WRITE } from '../../../kernel/platform.ts';
import type { FfiBackend } from './ffi.ts';
import { FfiBacking } from './ffi-backing.ts';
import { type Libc, PROT } from './libc.ts';
import type { PageRun } from './pagemap.ts';
import { grownMemory, newMemory, type Pooled } from './pool.ts';
import { pageCeil, type Region, RegionMap, setProt } from './regions.ts';
import type { MappedFile } from './snapshots.ts';

type Mapping = Region<MappedFile>;

/** Owned pages closer than this are copied together. */
const GAP = 8;
/** More runs than this in one region: a wider gap. */
const MANY_RUNS = 32;
/** A range that is to be mapped and consists of more different pieces than this is mapped whole. */
const MANY_PIECES = 6;
/** So many written pages a memory keeps when it goes to the pool, and all of them together; regions of so few pages are not asked which they are. */
const SCRUB_PAGES = 1024;
const SCRUB_PAGES_ALL = 8192;
const SMALL_PAGES = 16;
/** A fork of at most so many owned pages copies them: shells and the like. */
const COPY_PAGES = 1024;
/** From so many owned pages on, the parent moves to the extent as well. */
const REMAP_PAGES = 512;

function hostProt(prot: number): number {
  if (prot & PROT_WRITE) return PROT.READ | PROT.WRITE;
  return prot & (PROT_READ | PROT_EXEC) ? PROT.READ : PROT.NONE;
}

/** A part of a range that is to be mapped, and what has to be done about it. */
interface Piece {
  readonly from: number;
  to: number;
  readonly how: 'map' | 'protect' | 'keep';
}

/** Whether the pages of a region are what `wanted` would put there. */
function holdsSame(region: Mapping, wanted: Mapping): boolean {
  return region.clean && !region.shared && !wanted.shared && region.source === wanted.source && (region.source === undefined || region.offset - region.start === wanted.offset - wanted.start);
}

const NONE_OWNED: readonly PageRun[] = [];

const pagesIn = (runs: readonly PageRun[]): number => runs.reduce((sum, { from, to }) => sum + to - from, 0);

function joined(runs: readonly PageRun[], gap: number): PageRun[] {
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
  /** Regions of an earlier process may be accessible. */
  #staleAccessible = false;
  /** Pages that were kept when it went to the pool. */
  #kept = 0;
  /** Where the region that was unmapped last lies, if its pages are still there. */
  #aside: { readonly start: number; readonly end: number } | undefined;

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
      const { start, prot, end } = list.at(index++) as Mapping;
      let to = end;
      for (let next = list.at(index); next?.start === to && hostProt(next.prot) === hostProt(prot); next = list.at(++index)) to = next.end;
      if (hostProt(prot) !== PROT.NONE) this.#libc.protect(this.#host(start), to - start, hostProt(prot));
    }
  }

  #overlaps(start: number, end: number): boolean {
    const region = this.#regions.list.at(this.#regions.indexAt(start));
    return region !== undefined && region.start < end;
  }

  /** Maps, but for the parts that are there already (mostly from an earlier process) and at most need another protection. */
  #map(wanted: Mapping): void {
    const { start, end, source } = wanted;
    this.#reach(end);
    const prot = hostProt(wanted.prot);
    const { list } = this.#regions;
    const todo: Piece[] = [];
    for (let at = start, index = this.#regions.indexAt(start); at < end; ) {
      const region = list.at(index);
      const inside = region !== undefined && region.start <= at;
      const to = Math.min(end, region === undefined ? end : inside ? region.end : region.start);
      let how: Piece['how'] = 'map';
      if (inside ? holdsSame(region, wanted) : source === undefined) how = (inside ? hostProt(region.prot) : PROT.NONE) === prot ? 'keep' : 'protect';
      const last = todo.at(-1);
      if (last?.how === how) last.to = to;
      else todo.push({ from: at, to, how });
      if (inside) index++;
      at = to;
    }
    if (todo.length > MANY_PIECES) this.#mapPages(wanted, start, end, prot);
    else {
      for (const { from, to, how } of todo) {
        if (how === 'map') this.#mapPages(wanted, from, to, prot);
        else if (how === 'protect') this.#libc.protect(this.#host(from), to - from, prot);
      }
    }
    this.#regions.set(wanted);
  }

  #mapPages({ start, source, offset, shared }: Mapping, from: number, to: number, prot: number): void {
    const address = this.#host(from);
    if (source === undefined) this.#libc.mapAnonymous(address, to - from, prot);
    else if (shared) this.#libc.mapShared(address, to - from, prot, source.fd, offset + (from - start));
    else this.#libc.mapPrivate(address, to - from, prot, source.fd, offset + (from - start));
  }

  mapAnonymous(address: number, length: number, prot: number): void {
    this.#map({ start: address, end: address + pageCeil(length), prot, source: undefined, offset: 0, shared: false, clean: (prot & PROT_WRITE) === 0, live: true });
  }

  mapBacking(address: number, length: number, prot: number, backing: Backing, offset: number, sharing: 'private' | 'shared'): void {
    const source = backing as FfiBacking;
    const end = address + pageCeil(length);
    const present = Math.min(end, address + Math.max(0, source.bytes.length - offset));
    if (present > address) this.#map({ start: address, end: present, prot, source, offset, shared: sharing === 'shared', clean: (prot & PROT_WRITE) === 0, live: true });
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
      setProt(region, prot);
    }
    if (from >= 0) this.#libc.protect(this.#host(from), to - from, wanted);
    this.#regions.mergeRange(address, end);
  }

  unmap(address: number, length: number): void {
    const end = address + pageCeil(length);
    if (!this.#overlaps(address, end) || this.#setAside(address, end)) return;
    this.#libc.unmap(this.#host(address), end - address);
    this.#regions.remove(address, end);
  }

  /**
   * Keeps the cleared pages of one small region, out of reach, as the pool keeps those of whole memories: posix_spawn(3) maps a
   * stack for every child, mostly where the last one was. False where the region is of another kind.
   */
  #setAside(start: number, end: number): boolean {
    if ((end - start) / PAGE_SIZE > SMALL_PAGES) return false;
    const [region, ...others] = this.#regions.within(start, end);
    if (others.length > 0 || region.start !== start || region.end !== end || !region.live || region.shared || region.source !== undefined || region.prot !== (PROT_READ | PROT_WRITE)) return false;
    const last = this.#aside;
    this.#aside = { start, end };
    this.bytes.fill(0, start, end);
    this.#libc.protect(this.#host(start), end - start, PROT.NONE);
    region.prot = 0;
    region.live = false;
    region.clean = true;
    for (const old of last === undefined ? [] : this.#regions.within(last.start, last.end)) {
      if (old.live || old === region) continue;
      this.#libc.unmap(this.#host(old.start), old.end - old.start);
      this.#regions.remove(old.start, old.end);
    }
    return true;
  }

  discard(address: number, length: number): void {
    const end = address + pageCeil(length);
    for (const region of this.#regions.within(address, end)) {
      if (!region.live || region.shared) continue;
      if (region.source === undefined) this.#libc.discard(this.#host(region.start), region.end - region.start);
      else {
        this.#libc.mapAnonymous(this.#host(region.start), region.end - region.start, hostProt(region.prot));
        this.#regions.set({ ...region, source: undefined, offset: 0, clean: false });
      }
    }
    this.#regions.mergeRange(address, end);
  }

  fork(): GuestMemory {
    const child = this.#backend.create(this.pool) as FfiMemory;
    try {
      if (this.bytes.length > child.bytes.length) child.#reach(this.bytes.length);
      const regions = [...this.#regions.list].filter(({ live }) => live);
      const owned = regions.map((region) => (region.shared || region.clean ? NONE_OWNED : this.#owned(region, GAP)));
      const copies = owned.reduce((sum, runs) => sum + pagesIn(runs), 0) <= COPY_PAGES;
      regions.forEach((region, index) => {
        if (owned[index].length === 0) child.#map({ ...region });
        else if (copies) this.#copyRegion(child, region, owned[index]);
        else this.#partRegion(child, region, owned[index]);
      });
    } catch (error) {
      child.dispose();
      throw error;
    }
    return child;
  }

  #owned({ start, end }: Mapping, gap: number): PageRun[] {
    return this.#backend.pageMap.owned(this.#host(start), (end - start) / PAGE_SIZE, gap);
  }

  /** Runs `work` while the pages of a region can be read. */
  #whileReadable({ start, end, prot }: Mapping, work: () => void): void {
    const hidden = hostProt(prot) === PROT.NONE;
    if (hidden) this.#libc.protect(this.#host(start), end - start, PROT.READ);
    work();
    if (hidden) this.#libc.protect(this.#host(start), end - start, PROT.NONE);
  }

  /** Few pages: the child gets copies. */
  #copyRegion(child: FfiMemory, region: Mapping, runs: readonly PageRun[]): void {
    const { start, end, prot } = region;
    child.#map({ ...region, prot: prot | PROT_WRITE });
    this.#whileReadable(region, () => {
      for (const { from, to } of runs) child.bytes.set(this.bytes.subarray(start + from * PAGE_SIZE, start + to * PAGE_SIZE), start + from * PAGE_SIZE);
    });
    if ((prot & PROT_WRITE) === 0) child.protect(start, end - start, prot);
  }

  /** Many pages: they move to an extent that both map. */
  #partRegion(child: FfiMemory, region: Mapping, owned: readonly PageRun[]): void {
    child.#map({ ...region });
    const { start, prot } = region;
    let runs = owned;
    for (let gap = GAP * 4; runs.length > MANY_RUNS; gap *= 4) runs = joined(runs, gap);
    const pages = pagesIn(runs);
    this.#whileReadable(region, () => {
      const extent = this.#backend.snapshots.allocate(pages * PAGE_SIZE);
      let offset = 0;
      for (const run of runs) {
        const part = { start: start + run.from * PAGE_SIZE, end: start + run.to * PAGE_SIZE, prot, source: extent, offset: extent.offset + offset, shared: false, clean: false, live: true };
        extent.write(offset, this.bytes.subarray(part.start, part.end));
        offset += part.end - part.start;
        child.#map({ ...part });
        if (pages >= REMAP_PAGES) this.#map(part);
      }
      extent.release();
    });
  }

  permissionsAt(address: number): number {
    const region = this.#regions.at(address);
    return region?.live ? region.prot : -1;
  }

  isAliased(address: number): boolean {
    return this.#regions.isAliased(address);
  }

  origin(start: number, end: number): CodeOrigin | undefined {
    return this.#regions.origin(start, end);
  }

  /** Shared pages are the same pages; only what an earlier process left needs care. */
  enter(): void {
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
    const limit = Math.min(SCRUB_PAGES, SCRUB_PAGES_ALL - this.#backend.keptPages);
    let left = limit;
    for (const region of [...this.#regions.list]) {
      if (region.shared || (region.source !== undefined && !(region.source instanceof FfiBacking))) {
        this.unmap(region.start, region.end - region.start);
        continue;
      }
      // What nobody wrote to is as it was.
      if (!region.clean) left -= this.#scrub(region, left);
      region.live = false;
      region.clean = true;
    }
    this.#aside = undefined;
    this.#staleAccessible = this.#regions.list.length > 0;
    this.#kept = limit - left;
    this.#backend.keptPages += this.#kept;
    this.#backend.pool.put(this);
  }

  /** Leaves the pool. */
  taken(): this {
    this.#backend.keptPages -= this.#kept;
    this.#kept = 0;
    return this;
  }

  /**
   * Gives pages that were written their first content again: in place where there are at most `limit`, which spares the
   * next process the faults; else they go back to the host. Returns how many stay.
   */
  #scrub(region: Mapping, limit: number): number {
    const { start, end, offset } = region;
    const source = region.source as FfiBacking | undefined;
    const size = (end - start) / PAGE_SIZE;
    const runs = source?.constant === false ? undefined : size <= SMALL_PAGES ? [{ from: 0, to: size }] : this.#owned(region, 0);
    const pages = runs === undefined ? 0 : pagesIn(runs);
    if (runs === undefined || pages > limit) {
      this.#libc.discard(this.#host(start), end - start);
      return 0;
    }
    if (pages > 0 && (region.prot & PROT_WRITE) === 0) {
      this.#libc.protect(this.#host(start), end - start, PROT.READ | PROT.WRITE);
      region.prot = PROT_READ | PROT_WRITE;
    }
    for (const { from, to } of runs) {
      if (source === undefined) this.bytes.fill(0, start + from * PAGE_SIZE, start + to * PAGE_SIZE);
      else this.bytes.set(source.bytes.subarray(offset + from * PAGE_SIZE, offset + to * PAGE_SIZE), start + from * PAGE_SIZE);
    }
    return pages;
  }

  /** For a memory that is not used again: its pages go back now, not when it is collected. */
  destroy(): void {
    this.taken();
    this.#regions.clear();
    this.engineSlot = undefined;
    this.#libc.unmap(this.#base, this.bytes.length);
  }
}
