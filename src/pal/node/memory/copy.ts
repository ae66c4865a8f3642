/**
 * The memory back end that needs nothing from the host: plain wasm memories, eager copies, permissions in a
 * table that engines check before each access.
 *
 * Shared pages are copies, brought up to date when an address space is entered and written back when it is left; only
 * one is entered at a time. While it is, its own tasks change them, which the kernel sees because `bytes` of the
 * backing collects their writes, and the kernel does, which they see because of `changed`. What remains: two mappings
 * of the same pages in one address space show each other's writes only after one of these.
 */

import { type Backing, type CodeOrigin, type GuestMemory, type MemoryBackend, PAGE_SIZE, PROT_EXEC, PROT_WRITE } from '../../../kernel/platform.ts';
import { grownMemory, newMemory, type Pooled, Pool } from './pool.ts';
import { pageCeil, type Region, RegionMap } from './regions.ts';

/** In the permission table beside the PROT_ bits. */
const MAPPED = 8;
/** The page may hold something else than zeros. */
const USED = 16;
/** 2^22 pages of 4 KiB are 16 GiB. */
const TABLE_WASM_PAGES = 64;
const ZERO_PAGE = Buffer.alloc(PAGE_SIZE);

/** On x86 a page that can be written or executed can be read. */
function effective(prot: number): number {
  return prot & (PROT_WRITE | PROT_EXEC) ? prot | 1 : prot;
}

export class CopyBacking implements Backing {
  /** What is known of it without asking the address space that has it entered. */
  stored: Uint8Array;
  size: number;
  /** The address space that is entered, while it shares pages of this. */
  sharer: CopyMemory | undefined;
  constant = false;
  #references = 1;

  constructor(size: number) {
    this.size = size;
    this.stored = new Uint8Array(pageCeil(size));
  }

  get bytes(): Uint8Array {
    this.sharer?.collect(this);
    return this.stored;
  }

  changed(offset: number, length: number): void {
    this.sharer?.show(this, offset, offset + length);
  }

  resize(size: number): void {
    const bytes = new Uint8Array(pageCeil(size));
    const before = this.bytes;
    bytes.set(before.subarray(0, Math.min(size, this.size)));
    this.stored = bytes;
    this.size = size;
    this.changed(0, Math.max(before.length, bytes.length));
  }

  retain(): void {
    this.#references++;
  }

  release(): void {
    if (--this.#references === 0) this.resize(0);
  }
}

interface SharedCopy {
  readonly region: Region<CopyBacking>;
  /** The pages as backing and copy last agreed, to find out what the tasks wrote. */
  readonly agreed: Uint8Array;
}

export class CopyMemory implements GuestMemory, Pooled {
  readonly wasm: WebAssembly.Memory;
  readonly permissions: WebAssembly.Memory;
  engineSlot: unknown = undefined;
  pool: string;
  bytes!: Uint8Array;
  view!: DataView;
  readonly #backend: CopyBackend;
  readonly #table: Uint8Array;
  readonly #regions = new RegionMap<CopyBacking>({ retain: (s) => s.retain(), release: (s) => s.release() });
  #shared: SharedCopy[] | undefined;

  constructor(backend: CopyBackend, pool: string) {
    this.#backend = backend;
    this.pool = pool;
    this.wasm = newMemory();
    this.permissions = new WebAssembly.Memory({ initial: TABLE_WASM_PAGES, maximum: TABLE_WASM_PAGES });
    this.#table = new Uint8Array(this.permissions.buffer);
    this.#remap();
  }

  #remap(): void {
    this.bytes = new Uint8Array(this.wasm.buffer);
    this.view = new DataView(this.wasm.buffer);
  }

  #reach(end: number): void {
    if (grownMemory(this.wasm, this.bytes.length, end)) this.#remap();
  }

  #setPages(start: number, end: number, permissions: number): void {
    this.#table.fill(permissions, start / PAGE_SIZE, end / PAGE_SIZE);
  }

  mapAnonymous(address: number, length: number, prot: number): void {
    const end = address + pageCeil(length);
    this.#reach(end);
    this.#part(address, end);
    const table = this.#table;
    for (let page = address / PAGE_SIZE; page < end / PAGE_SIZE; page++) {
      if (table[page] & USED) this.bytes.fill(0, page * PAGE_SIZE, (page + 1) * PAGE_SIZE);
    }
    this.#setPages(address, end, effective(prot) | MAPPED | USED);
    this.#regions.set({ start: address, end, prot, source: undefined, offset: 0, shared: false, clean: (prot & PROT_WRITE) === 0, live: true });
  }

  /** Pages of a backing that are about to be replaced reach it first. */
  #part(start: number, end: number): void {
    if (this.#shared?.some(({ region }) => region.start < end && region.end > start) === true) this.unmap(start, end - start);
  }

  mapBacking(address: number, length: number, prot: number, backing: Backing, offset: number, sharing: 'private' | 'shared'): void {
    const source = backing as CopyBacking;
    const end = address + pageCeil(length);
    if (sharing === 'private') {
      this.mapAnonymous(address, length, prot);
      this.bytes.set(source.bytes.subarray(offset, offset + (end - address)), address);
      if ((prot & PROT_WRITE) === 0) this.#regions.set({ start: address, end, prot, source, offset, shared: false, clean: true, live: true });
      return;
    }
    this.#reach(end);
    this.#part(address, end);
    this.#setPages(address, end, effective(prot) | MAPPED | USED);
    const region = { start: address, end, prot, source, offset, shared: true, clean: false, live: true };
    this.#regions.set(region);
    if (this.#shared !== undefined) {
      this.leave();
      this.enter();
    } else this.#refresh(region);
  }

  protect(address: number, length: number, prot: number): void {
    const end = address + pageCeil(length);
    for (const region of this.#regions.within(address, end)) this.#setPages(region.start, region.end, effective(prot) | MAPPED | USED);
    this.#regions.protect(address, end, prot);
  }

  unmap(address: number, length: number): void {
    const end = address + pageCeil(length);
    const entered = this.#shared !== undefined;
    if (entered) this.leave();
    for (const region of this.#regions.within(address, end)) this.#setPages(region.start, region.end, USED);
    this.#regions.remove(address, end);
    if (entered) this.enter();
  }

  discard(address: number, length: number): void {
    for (const region of this.#regions.within(address, address + pageCeil(length))) {
      if (region.shared) continue;
      this.bytes.fill(0, region.start, region.end);
      this.#regions.set({ ...region, source: undefined, offset: 0, clean: false });
    }
    this.#regions.mergeRange(address, address + length);
  }

  fork(): GuestMemory {
    const child = this.#backend.create(this.pool) as CopyMemory;
    child.#reach(this.bytes.length);
    for (const region of this.#regions.list) {
      if (region.shared) child.mapBacking(region.start, region.end - region.start, region.prot, region.source as CopyBacking, region.offset, 'shared');
      else {
        child.mapAnonymous(region.start, region.end - region.start, region.prot);
        child.#regions.set({ ...region });
        this.#copyPages(child, region.start, region.end);
      }
    }
    return child;
  }

  #copyPages(to: CopyMemory, start: number, end: number): void {
    const from = Buffer.from(this.wasm.buffer, start, end - start);
    for (let at = 0; at < from.length; at += PAGE_SIZE) {
      const page = from.subarray(at, at + PAGE_SIZE);
      if (!page.equals(ZERO_PAGE)) to.bytes.set(page, start + at);
    }
  }

  permissionsAt(address: number): number {
    const permissions = this.#table[Math.floor(address / PAGE_SIZE)] ?? 0;
    return permissions & MAPPED ? permissions & 7 : -1;
  }

  isAliased(address: number): boolean {
    return this.#regions.isAliased(address);
  }

  origin(start: number, end: number): CodeOrigin | undefined {
    return this.#regions.origin(start, end);
  }

  /** Brings [from, to) of a backing, as it is stored, into a mapping of it. */
  #refresh(region: Region<CopyBacking>, agreed?: Uint8Array, from = 0, to = Number.POSITIVE_INFINITY): void {
    const start = Math.max(from, region.offset);
    const end = Math.min(to, region.offset + region.end - region.start);
    if (start >= end) return;
    const content = (region.source as CopyBacking).stored.subarray(start, end);
    const at = start - region.offset;
    for (const [target, place] of [
      [this.bytes, region.start + at],
      [agreed, at],
    ] as const) {
      target?.set(content, place);
      target?.fill(0, place + content.length, place + end - start);
    }
  }

  enter(): void {
    this.#shared = [];
    for (const region of this.#regions.list) {
      if (!region.shared) continue;
      this.#refresh(region);
      this.#shared.push({ region: { ...region }, agreed: this.bytes.slice(region.start, region.end) });
      (region.source as CopyBacking).sharer = this;
    }
  }

  leave(): void {
    for (const copy of this.#shared ?? []) this.#writeBack(copy);
    for (const { region } of this.#shared ?? []) (region.source as CopyBacking).sharer = undefined;
    this.#shared = undefined;
  }

  /** What tasks wrote to shared pages of a backing reaches it, and its other mappings here. */
  collect(source: CopyBacking): void {
    const copies = (this.#shared ?? []).filter(({ region }) => region.source === source);
    let wrote = false;
    for (const copy of copies) wrote = this.#writeBack(copy) || wrote;
    if (wrote && copies.length > 1) this.show(source, 0, Number.POSITIVE_INFINITY);
  }

  show(source: CopyBacking, from: number, to: number): void {
    for (const { region, agreed } of this.#shared ?? []) if (region.source === source) this.#refresh(region, agreed, from, to);
  }

  #writeBack({ region, agreed }: SharedCopy): boolean {
    const { stored } = region.source as CopyBacking;
    let wrote = false;
    for (let at = 0; at < agreed.length; at += PAGE_SIZE) {
      const now = this.bytes.subarray(region.start + at, region.start + at + PAGE_SIZE);
      const old = agreed.subarray(at, at + PAGE_SIZE);
      if (Buffer.compare(now, old) === 0) continue;
      for (let i = 0; i < PAGE_SIZE; i++) {
        const target = region.offset + at + i;
        if (now[i] !== old[i] && target < stored.length) stored[target] = now[i];
      }
      old.set(now);
      wrote = true;
    }
    return wrote;
  }

  residentBytes(): number {
    let bytes = 0;
    for (const region of this.#regions.list) if (!region.shared) bytes += region.end - region.start;
    return bytes;
  }

  dispose(): void {
    if (this.#shared !== undefined) this.leave();
    for (const region of this.#regions.list) this.#setPages(region.start, region.end, USED);
    this.#regions.clear();
    this.#backend.pool.put(this);
  }
}

export class CopyBackend implements MemoryBackend {
  readonly name = 'copy';
  readonly protects = false;
  readonly pool = new Pool<CopyMemory>(() => {});

  create(pool: string): GuestMemory {
    return this.pool.take(pool) ?? new CopyMemory(this, pool);
  }

  trim(): void {}

  createBacking(size: number): Backing {
    return new CopyBacking(size);
  }
}
