/**
 * The memory back end that needs nothing from the host: plain wasm memories, eager copies, permissions in a
 * table that engines check before each access. Shared pages are copies brought up to date when an address
 * space is entered and written back when it is left; between the two only its own tasks and the kernel run.
 */

import { type Backing, type GuestMemory, type MemoryBackend, PAGE_SIZE, PROT_EXEC, PROT_WRITE } from '../../../kernel/platform.ts';
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
  bytes: Uint8Array;
  size: number;
  #references = 1;

  constructor(size: number) {
    this.size = size;
    this.bytes = new Uint8Array(pageCeil(size));
  }

  resize(size: number): void {
    const bytes = new Uint8Array(pageCeil(size));
    bytes.set(this.bytes.subarray(0, Math.min(size, this.size)));
    this.bytes = bytes;
    this.size = size;
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
  /** The backing as it was at `enter`, to find out what the tasks wrote. */
  readonly before: Uint8Array;
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
    const table = this.#table;
    for (let page = address / PAGE_SIZE; page < end / PAGE_SIZE; page++) {
      if (table[page] & USED) this.bytes.fill(0, page * PAGE_SIZE, (page + 1) * PAGE_SIZE);
    }
    this.#setPages(address, end, effective(prot) | MAPPED | USED);
    this.#regions.set({ start: address, end, prot, source: undefined, offset: 0, shared: false, live: true });
  }

  mapBacking(address: number, length: number, prot: number, backing: Backing, offset: number, sharing: 'private' | 'shared'): void {
    const source = backing as CopyBacking;
    const end = address + pageCeil(length);
    if (sharing === 'private') {
      this.mapAnonymous(address, length, prot);
      this.bytes.set(source.bytes.subarray(offset, offset + (end - address)), address);
      return;
    }
    this.#reach(end);
    this.#setPages(address, end, effective(prot) | MAPPED | USED);
    const region = { start: address, end, prot, source, offset, shared: true, live: true };
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
      if (!region.shared) this.bytes.fill(0, region.start, region.end);
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

  #refresh(region: Region<CopyBacking>): void {
    const length = region.end - region.start;
    const content = (region.source as CopyBacking).bytes.subarray(region.offset, region.offset + length);
    this.bytes.set(content, region.start);
    if (content.length < length) this.bytes.fill(0, region.start + content.length, region.end);
  }

  enter(): void {
    this.#shared = [];
    for (const region of this.#regions.list) {
      if (!region.shared) continue;
      this.#refresh(region);
      this.#shared.push({ region: { ...region }, before: this.bytes.slice(region.start, region.end) });
    }
  }

  leave(): void {
    for (const { region, before } of this.#shared ?? []) {
      const backing = (region.source as CopyBacking).bytes;
      for (let at = 0; at < before.length; at += PAGE_SIZE) {
        const now = this.bytes.subarray(region.start + at, region.start + at + PAGE_SIZE);
        const old = before.subarray(at, at + PAGE_SIZE);
        if (Buffer.compare(now, old) === 0) continue;
        for (let i = 0; i < PAGE_SIZE; i++) {
          const target = region.offset + at + i;
          if (now[i] !== old[i] && target < backing.length) backing[target] = now[i];
        }
      }
    }
    this.#shared = undefined;
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
    // Whether the next process has the same code is not known here.
    this.engineSlot = undefined;
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

  createBacking(size: number): Backing {
    return new CopyBacking(size);
  }
}
