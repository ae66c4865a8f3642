/**
 * An address space: the mappings (`vmas`), the pages that carry them out (`memory`) and the code that runs over them
 * (`executor`). Changes go through here so that the three agree. Shared by tasks after clone(CLONE_VM); `users`
 * counts them. Follows mmap(2), brk(2), mremap(2).
 */

import { MAP_GROWSDOWN, MAP_LOCKED, MAP_NORESERVE, MAP_STACK } from '../../abi/mman.ts';
import { EINVAL, ENOMEM } from '../errno.ts';
import { ADDRESS_LIMIT, type Backing, type Executor, type GuestMemory, type MemoryBackend, MIN_ADDRESS, PAGE_SIZE, PROT_EXEC, PROT_WRITE } from '../platform.ts';
import type { Task } from '../task/task.ts';
import { HEAP_BASE, HEAP_ROOM, MMAP_BASE, PRELINK_BASE, PRELINK_END } from './layout.ts';
import { effectiveProt, type Mappable, pageCeil, pageFloor, type Vma, VmaList } from './vma.ts';

/** Beside PROT_ bits. */
const OCCUPIED = 0x100;
const KEPT_FLAGS = MAP_GROWSDOWN | MAP_LOCKED | MAP_NORESERVE | MAP_STACK;

/** What an address space takes of the host's memory beside its pages: tables, and code that is its own. Measured; counted like memory, so that endless forks meet the limit. */
const OWN_BYTES = 1024 * 1024;

/** Counts what all address spaces together may come to need. */
export interface CommitAccount {
  committedBytes: number;
  readonly limitBytes: number;
}

export interface MapRequest {
  /** Page-aligned; undefined = anywhere. */
  readonly address?: number;
  /** A wish only, if `address` is not given. */
  readonly hint?: number;
  readonly length: number;
  readonly prot: number;
  readonly sharing: 'private' | 'shared';
  readonly flags?: number;
  readonly file?: Mappable;
  readonly offset?: number;
  readonly name?: string;
  readonly mayWrite?: boolean;
}

const NO_BYTES = new Uint8Array(0);

export class AddressSpace {
  readonly memory: GuestMemory;
  readonly vmas: VmaList;
  readonly account: CommitAccount;
  executor!: Executor;
  /** Tasks that run in it. */
  users = 1;
  /** The task whose registers are in `executor.cpu`. */
  loaded: Task | undefined;
  brkStart = HEAP_BASE;
  brk = HEAP_BASE;
  /** Where brk(2) must stop. */
  brkLimit = HEAP_BASE + HEAP_ROOM;
  /** For /proc/<pid>: set by execve. */
  argStart = 0;
  argEnd = 0;
  envStart = 0;
  envEnd = 0;
  stackTop = 0;
  startCode = 0;
  endCode = 0;
  auxv: Uint8Array = NO_BYTES;
  /** The last views of guest bytes that were made; for `guest.ts`. */
  readonly views: Record<'read' | 'write', Uint8Array> = { read: NO_BYTES, write: NO_BYTES };
  #committed = 0;
  /** Below `at`, from MMAP_BASE on, there is no hole of `length` bytes or more. */
  #full: { readonly at: number; readonly length: number } = { at: MMAP_BASE, length: 0 };

  constructor(memory: GuestMemory, account: CommitAccount, vmas: VmaList = new VmaList()) {
    this.memory = memory;
    this.account = account;
    this.vmas = vmas;
    account.committedBytes += OWN_BYTES;
  }

  /** With memory of its own. Throws ENOMEM. */
  static make(account: CommitAccount, memory: () => GuestMemory, vmas?: VmaList): AddressSpace {
    reserve(account, OWN_BYTES);
    return new AddressSpace(orNoMemory(memory), account, vmas);
  }

  /** Keeps the heap above `end` of the program that was loaded. */
  placeHeap(end: number): void {
    this.brkStart = end > PRELINK_BASE ? HEAP_BASE : Math.max(HEAP_BASE, pageCeil(end) + 16 * PAGE_SIZE);
    this.brk = this.brkStart;
    this.brkLimit = this.brkStart + HEAP_ROOM;
  }

  /** Lowest free range of `length` bytes, outside the room for brk(2) and for prelinked files. */
  findFree(length: number): number {
    const known = this.#full;
    const start = this.#search(length, length >= known.length ? known.at : MMAP_BASE);
    // A shorter wish says more about the holes; a longer one leaves what is known as it is.
    if (length <= known.length || known.at === MMAP_BASE) this.#full = { at: start, length };
    return start;
  }

  #search(length: number, from: number): number {
    const reservedEnd = Math.max(this.brkLimit, PRELINK_END);
    let at = from;
    for (let index = this.vmas.indexAt(at); ; index++) {
      const next = this.vmas.at(index);
      const limit = next === undefined ? ADDRESS_LIMIT : next.start;
      if (at < reservedEnd && at + length > this.brkStart) {
        if (limit >= reservedEnd && reservedEnd + length <= limit) return reservedEnd;
      } else if (at + length <= limit) return at;
      if (next === undefined) throw ENOMEM;
      at = Math.max(at, next.end);
      if (at > this.brkStart && at < reservedEnd) at = reservedEnd;
    }
  }

  isFree(start: number, end: number): boolean {
    const next = this.vmas.at(this.vmas.indexAt(start));
    return next === undefined || next.start >= end;
  }

  /** Maps; whatever lay in a fixed range is replaced. Returns the address. */
  map(request: MapRequest): number {
    const length = pageCeil(request.length);
    if (length <= 0 || length > ADDRESS_LIMIT) throw ENOMEM;
    let start: number;
    if (request.address !== undefined) {
      start = request.address;
      if (start < MIN_ADDRESS || start + length > ADDRESS_LIMIT) throw ENOMEM;
    } else {
      const hint = request.hint === undefined ? 0 : pageFloor(request.hint);
      start = hint >= MIN_ADDRESS && hint + length <= ADDRESS_LIMIT && this.isFree(hint, hint + length) ? hint : this.findFree(length);
    }
    const flags = (request.flags ?? 0) & KEPT_FLAGS;
    const vma: Vma = {
      start,
      end: start + length,
      prot: request.prot,
      sharing: request.sharing,
      flags,
      file: request.file,
      offset: request.offset ?? 0,
      name: request.name ?? '',
      mayWrite: request.mayWrite ?? true,
      accessible: start + length,
    };
    this.#reserve(commitOf(vma));
    const before = this.#replaced(start, vma.end);
    try {
      orNoMemory(() => this.#populate(vma, before !== 0));
    } catch (error) {
      this.memory.unmap(start, length);
      this.#opened(start);
      throw error;
    } finally {
      if ((vma.prot | before) & PROT_EXEC) this.executor?.codeChanged(start, length);
    }
    vma.file?.retain?.();
    this.#insert(vma);
    return start;
  }

  /** Gives the pages of a mapping their content and protection. */
  #populate(vma: Vma, overOthers: boolean): void {
    const { file, start } = vma;
    const length = vma.end - start;
    const prot = effectiveProt(vma.prot);
    if (file === undefined) {
      this.memory.mapAnonymous(start, length, prot);
      return;
    }
    const backing = file.backing();
    const present = Math.min(Math.max(pageCeil(file.size) - vma.offset, 0), length);
    vma.accessible = start + present;
    if (present > 0) this.memory.mapBacking(start, present, prot, backing, vma.offset, vma.sharing);
    if (overOthers && present < length) this.memory.unmap(start + present, length - present);
  }

  /** A file has grown behind a mapping: true when `address` is accessible now. */
  extend(address: number): boolean {
    const vma = this.vmas.find(address);
    if (vma?.file === undefined || address < vma.accessible) return false;
    const from = vma.accessible;
    const to = Math.min(vma.end, vma.start + pageCeil(vma.file.size) - vma.offset);
    if (address >= to) return false;
    const { file } = vma;
    orNoMemory(() => this.memory.mapBacking(from, to - from, effectiveProt(vma.prot), file.backing(), vma.offset + (from - vma.start), vma.sharing));
    vma.accessible = to;
    return true;
  }

  unmap(start: number, end: number): void {
    if (this.isFree(start, end)) return;
    for (const vma of this.vmas.remove(start, end)) {
      this.memory.unmap(vma.start, vma.end - vma.start);
      if (vma.prot & PROT_EXEC) this.executor?.codeChanged(vma.start, vma.end - vma.start);
      this.#gone(vma);
    }
    this.#opened(start);
  }

  /** There is a hole now that holds `address`. */
  #opened(address: number): void {
    const { at, length } = this.#full;
    if (address >= at) return;
    const before = this.vmas.at(this.vmas.indexAt(address) - 1);
    this.#full = { at: Math.max(before?.end ?? 0, MMAP_BASE), length };
  }

  /** Forgets what lay in a range whose pages are about to be replaced. Returns the protections there were, with a bit of its own when there was anything. */
  #replaced(start: number, end: number): number {
    let prots = 0;
    if (this.isFree(start, end)) return prots;
    for (const vma of this.vmas.remove(start, end)) {
      prots |= vma.prot | OCCUPIED;
      this.#gone(vma);
    }
    return prots;
  }

  #gone(vma: Vma): void {
    this.#commit(-commitOf(vma));
    flushShared(vma);
    vma.file?.release?.();
  }

  /** ENOMEM where the range has holes (what lies before the hole has changed by then, as in Linux). */
  protect(start: number, end: number, prot: number, check: (vma: Vma) => void): void {
    this.vmas.split(start);
    this.vmas.split(end);
    let at = start;
    for (let index = this.vmas.indexAt(start); at < end; index++) {
      const vma = this.vmas.at(index);
      if (vma === undefined || vma.start > at) {
        this.vmas.merge(start, end);
        throw ENOMEM;
      }
      check(vma);
      at = vma.end;
      if (vma.prot === prot) continue;
      const before = commitOf(vma);
      const old = vma.prot;
      vma.prot = prot;
      try {
        this.#reserve(commitOf(vma) - before);
      } catch (error) {
        vma.prot = old;
        throw error;
      }
      this.#commit(commitOf(vma) - before);
      if (effectiveProt(old) !== effectiveProt(prot) && vma.accessible > vma.start) orNoMemory(() => this.memory.protect(vma.start, vma.accessible - vma.start, effectiveProt(prot)));
      if ((old | prot) & PROT_EXEC) this.executor?.codeChanged(vma.start, vma.end - vma.start);
    }
    this.vmas.merge(start, end);
  }

  /** The new break, or the old one when it cannot be (brk(2), "C library/kernel differences"). */
  setBrk(wish: number): number {
    if (wish < this.brkStart || wish > this.brkLimit) return this.brk;
    const oldEnd = pageCeil(this.brk);
    const newEnd = pageCeil(wish);
    try {
      if (newEnd > oldEnd) {
        if (!this.isFree(oldEnd, newEnd)) return this.brk;
        this.map({ address: oldEnd, length: newEnd - oldEnd, prot: 3, sharing: 'private', name: '[heap]' });
      } else if (newEnd < oldEnd) this.unmap(newEnd, oldEnd);
    } catch (error) {
      if (error === ENOMEM) return this.brk;
      throw error;
    }
    this.brk = wish;
    return wish;
  }

  /** mremap(2) without the argument checks: `vma` holds [address, address + oldLength), lengths are whole pages. */
  remap(vma: Vma, address: number, oldLength: number, newLength: number, to: number | undefined, mayMove: boolean): number {
    if (to === undefined) {
      if (newLength <= oldLength) {
        if (newLength < oldLength) this.unmap(address + newLength, address + oldLength);
        return address;
      }
      const end = address + oldLength;
      if (vma.end === end && address + newLength <= ADDRESS_LIMIT && this.isFree(end, address + newLength) && this.#heapAllows(vma, end, address + newLength)) {
        this.map({ address: end, length: newLength - oldLength, ...this.#likeness(vma, oldLength + (address - vma.start)) });
        return address;
      }
      if (!mayMove) throw ENOMEM;
    }
    const target = to ?? this.findFree(newLength);
    const like = this.#likeness(vma, address - vma.start);
    const { prot, accessible } = vma;
    const moved = Math.min(oldLength, newLength);
    this.map({ address: target, length: newLength, ...like });
    if (like.sharing === 'private') {
      const present = Math.min(moved, accessible - address);
      if (present > 0) {
        if ((effectiveProt(prot) & 1) === 0) this.memory.protect(address, present, 1);
        if ((prot & PROT_WRITE) === 0) this.memory.protect(target, present, 3);
        this.memory.bytes.copyWithin(target, address, address + present);
        if ((prot & PROT_WRITE) === 0) this.memory.protect(target, present, effectiveProt(prot));
      }
    }
    this.unmap(address, address + oldLength);
    this.vmas.merge(target, target + newLength);
    return target;
  }

  #heapAllows(vma: Vma, start: number, end: number): boolean {
    return vma.name === '[heap]' || end <= this.brkStart || start >= this.brkLimit;
  }

  #likeness(vma: Vma, skip: number): Omit<MapRequest, 'length' | 'address'> {
    return { prot: vma.prot, sharing: vma.sharing, flags: vma.flags, file: vma.file, offset: vma.file === undefined ? 0 : vma.offset + skip, name: vma.name, mayWrite: vma.mayWrite };
  }

  /** Private anonymous pages read as zero again; private file pages as the file (madvise(MADV_DONTNEED)). */
  discard(start: number, end: number): void {
    for (let index = this.vmas.indexAt(start), at = start; at < end; index++) {
      const vma = this.vmas.at(index);
      if (vma === undefined || vma.start > at) throw ENOMEM;
      const from = at;
      at = Math.min(vma.end, end);
      if (vma.sharing === 'shared') continue;
      if (vma.file === undefined) this.memory.discard(from, at - from);
      else {
        const to = Math.min(at, vma.accessible);
        if (to > from) this.memory.mapBacking(from, to - from, effectiveProt(vma.prot), vma.file.backing(), vma.offset + (from - vma.start), 'private');
      }
      if (vma.prot & PROT_EXEC) this.executor?.codeChanged(from, at - from);
    }
  }

  /** msync(2): shared file pages reach the file. */
  sync(start: number, end: number): void {
    let at = start;
    for (let index = this.vmas.indexAt(start); at < end; index++) {
      const vma = this.vmas.at(index);
      if (vma === undefined || vma.start > at) throw ENOMEM;
      flushShared(vma, Math.max(start, vma.start), Math.min(end, vma.end));
      at = vma.end;
    }
  }

  /** A copy for a child process; its executor is the caller's to make. */
  fork(): AddressSpace {
    const child = AddressSpace.make(this.account, () => this.memory.fork(), this.vmas.copy());
    child.brkStart = this.brkStart;
    child.brk = this.brk;
    child.brkLimit = this.brkLimit;
    child.argStart = this.argStart;
    child.argEnd = this.argEnd;
    child.envStart = this.envStart;
    child.envEnd = this.envEnd;
    child.stackTop = this.stackTop;
    child.startCode = this.startCode;
    child.endCode = this.endCode;
    child.auxv = this.auxv;
    child.#commit(this.#committed);
    return child;
  }

  /** The last task is gone. Must not be called from inside the executor. */
  dispose(): void {
    for (const vma of this.vmas.clear()) {
      flushShared(vma);
      vma.file?.release?.();
    }
    this.#commit(-this.#committed);
    this.account.committedBytes -= OWN_BYTES;
    this.executor?.dispose();
    this.memory.dispose();
  }

  #insert(vma: Vma): void {
    this.vmas.insert(vma);
    this.#commit(commitOf(vma));
    this.vmas.merge(vma.start, vma.end);
  }

  #reserve(more: number): void {
    if (more > 0) reserve(this.account, more);
  }

  #commit(delta: number): void {
    this.#committed += delta;
    this.account.committedBytes += delta;
  }

  /** Memory that this address space may come to need, in bytes. */
  get committedBytes(): number {
    return this.#committed;
  }

  /** EINVAL unless page-aligned, EFAULT-free helper for handlers: [address, address + length) rounded up to pages. */
  static range(address: number, length: number): { start: number; end: number } {
    if (address % PAGE_SIZE !== 0) throw EINVAL;
    const end = address + pageCeil(length);
    if (end > Number.MAX_SAFE_INTEGER) throw ENOMEM;
    return { start: address, end };
  }
}

function reserve({ committedBytes, limitBytes }: CommitAccount, more: number): void {
  if (committedBytes + more > limitBytes) throw ENOMEM;
}

/** Pages that several address spaces may map. They count as long as they are there; `release` says when they are not. */
export function committedBacking(account: CommitAccount, memory: MemoryBackend, size: number): { readonly backing: Backing; release(): void } {
  const bytes = pageCeil(size);
  reserve(account, bytes);
  const backing = orNoMemory(() => memory.createBacking(size));
  account.committedBytes += bytes;
  return {
    backing,
    release() {
      account.committedBytes -= bytes;
      backing.release();
    },
  };
}

/** The host's refusal to give memory is the guest's ENOMEM. */
export function orNoMemory<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof RangeError) throw ENOMEM;
    throw error;
  }
}

/** Writable memory of its own counts; stacks are mapped generously and rarely used, so they do not. Shared pages count where they are made. */
function commitOf(vma: Vma): number {
  if ((vma.prot & PROT_WRITE) === 0 || vma.flags & (MAP_STACK | MAP_GROWSDOWN) || vma.sharing === 'shared') return 0;
  return vma.end - vma.start;
}

function flushShared(vma: Vma, start = vma.start, end = vma.end): void {
  if (vma.sharing !== 'shared' || vma.file?.flush === undefined || !vma.mayWrite) return;
  const to = Math.min(end, vma.accessible);
  if (to > start) vma.file.flush(vma.offset + (start - vma.start), to - start);
}
