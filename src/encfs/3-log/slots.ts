/**
 * The blocks of a layer's files: the host file `data` is a row of 16 KiB slots, each sealed under a random nonce. A
 * slot that the last durable commit refers to is never overwritten: new content goes to another slot, and the old
 * one is free once the commit that let go of it is durable.
 *
 * Nonce and tag of every slot, used or free, are part of the layer's metadata, and a slot without them is zero: so
 * every byte of the file can be checked. A crash leaves free slots of which that is not true; opening erases them.
 *
 * Owner of the state: one layer. The table is recorded and restored by 4-tree.
 */

import { type HostFile, HostFileError, readFully, writeFully } from '../../base/host-files.ts';
import { type AeadKey, NONCE_BYTES, TAG_BYTES } from '../../crypto/index.ts';
import { NoncePool } from '../1-crypto/keys.ts';
import { StorageError } from '../errors.ts';

export const BLOCK = 16384;
/** A slot's sealed part is a multiple of this; what follows in the slot is zero. */
export const UNIT = 4096;
export const SEAL_BYTES = NONCE_BYTES + TAG_BYTES;

const FREE = 0,
  LIVE = 1,
  LEAVING = 2;
const BATCH = 64;
const READ_AHEAD = 16;
const CACHED_BLOCKS = 1024;

/** Of whole units at the beginning of a buffer's multiple of four. */
function isZero(bytes: Uint8Array): boolean {
  const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
  for (let at = 0; at < words.length; at++) if (words[at] !== 0) return false;
  return true;
}

export interface SlotRow {
  readonly units: number;
  /** Nonce and tag. */
  readonly seal: Uint8Array;
}

export class SlotLog {
  readonly #file: HostFile;
  readonly #key: AeadKey;
  readonly #nonces = new NoncePool();
  readonly #buffer = new Uint8Array(BATCH * BLOCK);
  readonly #cache = new Map<number, Uint8Array>();
  #seals = new Uint8Array(256 * SEAL_BYTES);
  /** Sealed units; 0 = the slot is all zeros, unless it is among `#garbage`. */
  #units = new Uint8Array(256);
  #state = new Uint8Array(256);
  #count = 0;
  #free: number[] = [];
  #sorted = true;
  #leaving: number[] = [];
  /** Taken since the last commit: nobody else refers to them. */
  readonly #fresh = new Set<number>();
  /** Free slots that a failed write left in no known state. */
  readonly #garbage = new Set<number>();
  /** Written since the last commit. */
  readonly written = new Set<number>();
  #expected = -1;

  constructor(file: HostFile, key: AeadKey) {
    this.#file = file;
    this.#key = key;
  }

  get count(): number {
    return this.#count;
  }

  get freeCount(): number {
    return this.#free.length + this.#leaving.length;
  }

  // Restoring

  /** Every slot from `count` on is forgotten. */
  resize(count: number): void {
    if (count > this.#state.length) {
      const capacity = Math.max(count, this.#state.length * 2);
      const grow = (old: Uint8Array, factor: number): Uint8Array<ArrayBuffer> => {
        const grown = new Uint8Array(capacity * factor);
        grown.set(old);
        return grown;
      };
      this.#seals = grow(this.#seals, SEAL_BYTES);
      this.#units = grow(this.#units, 1);
      this.#state = grow(this.#state, 1);
    }
    if (count > this.#count) {
      this.#units.fill(0, this.#count, count);
      this.#state.fill(FREE, this.#count, count);
    }
    this.#count = count;
  }

  restore(slot: number, row: SlotRow): void {
    if (slot >= this.#count) this.resize(slot + 1);
    this.#units[slot] = row.units;
    this.#seals.set(row.seal, slot * SEAL_BYTES);
  }

  /** False for a slot that is not there, was never written or has an owner already. */
  claim(slot: number): boolean {
    if (slot >= this.#count || this.#state[slot] !== FREE || this.#units[slot] === 0) return false;
    this.#state[slot] = LIVE;
    return true;
  }

  /** After everything was claimed. */
  restored(): void {
    this.#free = [];
    for (let slot = this.#count - 1; slot >= 0; slot--) if (this.#state[slot] === FREE) this.#free.push(slot);
  }

  /** After a crash, whose session may have written to any free slot: those that are not what the table says are erased. */
  recover(): void {
    const end = this.requiredBytes('live');
    if (this.#file.size() > end) this.#file.truncate(end);
    const stored = new Uint8Array(BLOCK);
    for (const slot of this.#free) {
      stored.fill(0, slot * BLOCK >= end ? 0 : readFully(this.#file, slot * BLOCK, stored));
      if (this.#isAsRecorded(slot, stored)) continue;
      this.#units[slot] = 0;
      this.written.add(slot);
      if (slot * BLOCK < end) this.#garbage.add(slot);
    }
    this.erase();
  }

  /** Writes zeros to what is in no known state. */
  erase(): void {
    const zeros = new Uint8Array(BLOCK);
    for (const slot of this.#garbage) {
      if (slot * BLOCK < this.#file.size()) writeFully(this.#file, slot * BLOCK, zeros.subarray(0, this.#file.size() - slot * BLOCK));
      this.#garbage.delete(slot);
    }
  }

  row(slot: number): SlotRow {
    return { units: this.#units[slot], seal: this.#seals.subarray(slot * SEAL_BYTES, (slot + 1) * SEAL_BYTES) };
  }

  /** How long the host's file must be (at least, after a crash). */
  requiredBytes(which: 'all' | 'live'): number {
    for (let slot = this.#count - 1; slot >= 0; slot--) {
      if (this.#units[slot] > 0 && (which === 'all' || this.#state[slot] === LIVE)) return slot * BLOCK + this.#units[slot] * UNIT;
    }
    return 0;
  }

  fileBytes(): number {
    return this.#file.size();
  }

  // Writing

  /**
   * Writes blocks (16 KiB each, of which `used` bytes count, the rest being zero) to slots of their own, in few host
   * calls. Returns the slots; the bytes are kept as they are from now on. Throws HostFileError, and then none of the blocks has a slot.
   */
  write(blocks: readonly { readonly bytes: Uint8Array; readonly used: number }[]): number[] {
    const slots: number[] = [];
    try {
      for (let first = 0; first < blocks.length; ) {
        const start = this.#take();
        slots.push(start);
        let last = start;
        const run = [blocks[first++]];
        while (first < blocks.length && run.length < BATCH && this.#nextIs(last + 1)) {
          last = this.#take();
          slots.push(last);
          run.push(blocks[first++]);
        }
        this.#writeRun(start, run);
      }
    } catch (error) {
      for (const slot of slots) this.release(slot);
      this.#free.sort((a, b) => b - a);
      this.#cutQuietly();
      throw error;
    }
    return slots;
  }

  /** On a full disk, gives back what a failed write took at the end: the journal may need it. */
  #cutQuietly(): void {
    try {
      this.trim();
    } catch (error) {
      if (!(error instanceof HostFileError)) throw error;
    }
  }

  #nextIs(slot: number): boolean {
    return this.#free.length > 0 ? this.#free[this.#free.length - 1] === slot : slot === this.#count;
  }

  #take(): number {
    const slot = this.#free.pop() ?? this.#count;
    if (slot === this.#count) this.resize(slot + 1);
    this.#state[slot] = LIVE;
    this.#fresh.add(slot);
    return slot;
  }

  #writeRun(start: number, run: readonly { readonly bytes: Uint8Array; readonly used: number }[]): void {
    let end = 0;
    const sealed: { slot: number; units: number; nonce: Uint8Array; tag: Uint8Array }[] = [];
    run.forEach(({ bytes, used }, index) => {
      const slot = start + index;
      // Nothing of an earlier content stays behind the new one.
      const units = Math.max(1, Math.ceil(used / UNIT), this.#garbage.has(slot) ? BLOCK / UNIT : this.#units[slot]);
      const nonce = this.#nonces.next();
      const tag = new Uint8Array(TAG_BYTES);
      const at = index * BLOCK;
      this.#buffer.set(this.#key.seal(nonce, bytes.subarray(0, units * UNIT), undefined, tag), at);
      end = at + units * UNIT;
      if (index < run.length - 1) this.#buffer.fill(0, end, at + BLOCK);
      sealed.push({ slot, units, nonce, tag });
    });
    for (const { slot } of sealed) {
      this.#units[slot] = 0;
      this.#garbage.add(slot);
      this.written.add(slot);
      this.#cache.delete(slot);
    }
    writeFully(this.#file, start * BLOCK, this.#buffer.subarray(0, end));
    sealed.forEach(({ slot }, index) => this.#remember(slot, run[index].bytes));
    for (const { slot, units, nonce, tag } of sealed) {
      this.#garbage.delete(slot);
      this.#units[slot] = units;
      this.#seals.set(nonce, slot * SEAL_BYTES);
      this.#seals.set(tag, slot * SEAL_BYTES + NONCE_BYTES);
    }
  }

  /** Nobody refers to the slot any more. */
  release(slot: number): void {
    this.#cache.delete(slot);
    if (this.#fresh.delete(slot)) {
      this.#state[slot] = FREE;
      this.#free.push(slot);
      this.#sorted = false;
    } else {
      this.#state[slot] = LEAVING;
      this.#leaving.push(slot);
    }
  }

  /** How many slots are left when the free ones at the end go. */
  shrunkCount(): number {
    let count = this.#count;
    while (count > 0 && this.#state[count - 1] !== LIVE) count--;
    return count;
  }

  /** The commit that recorded `written` is durable; it said that there are `count` slots. */
  committed(count: number): void {
    this.written.clear();
    this.#fresh.clear();
    for (const slot of this.#leaving) this.#state[slot] = FREE;
    if (!this.#sorted || this.#leaving.length > 0 || count < this.#count) {
      // The lowest is taken first.
      this.#free = [...this.#free, ...this.#leaving].filter((slot) => slot < count).sort((a, b) => b - a);
      this.#leaving = [];
      this.#sorted = true;
    }
    if (count < this.#count) {
      for (const slot of this.#garbage) if (slot >= count) this.#garbage.delete(slot);
      this.resize(count);
      this.trim();
    }
  }

  /** Cuts what lies behind the last slot whose content is known. */
  trim(): void {
    const end = this.requiredBytes('all');
    if (this.#file.size() <= end) return;
    this.#file.truncate(end);
    for (const slot of this.#garbage) if (slot * BLOCK >= end) this.#garbage.delete(slot);
  }

  sync(): void {
    this.#file.sync();
  }

  // Reading

  /** The block in a slot: 16 KiB, never written to by the caller. `ahead`: slots after it that will be wanted next if this is sequential. Throws StorageError. */
  read(slot: number, ahead: number): Uint8Array {
    const cached = this.#cache.get(slot);
    if (cached !== undefined) {
      this.#cache.delete(slot);
      this.#cache.set(slot, cached);
      return cached;
    }
    const count = slot === this.#expected ? Math.min(READ_AHEAD, ahead + 1) : 1;
    const stored = this.#buffer.subarray(0, count * BLOCK);
    const got = readFully(this.#file, slot * BLOCK, stored);
    if (got < stored.length) stored.fill(0, got);
    for (let index = 0; index < count; index++) {
      if (index > 0 && this.#cache.has(slot + index)) continue;
      const block = this.#open(slot + index, stored.subarray(index * BLOCK, (index + 1) * BLOCK));
      if (block === undefined) {
        if (index === 0) throw new StorageError('layer-corrupt', `the writable layer is damaged: slot ${slot} of data (at byte ${slot * BLOCK}) fails authentication`);
        break;
      }
      this.#remember(slot + index, block);
    }
    this.#expected = slot + count;
    return this.#cache.get(slot)!;
  }

  #remember(slot: number, block: Uint8Array): void {
    this.#cache.set(slot, block);
    if (this.#cache.size > CACHED_BLOCKS) this.#cache.delete(this.#cache.keys().next().value!);
  }

  #open(slot: number, stored: Uint8Array): Uint8Array | undefined {
    const sealedBytes = this.#units[slot] * UNIT;
    const seal = this.#seals.subarray(slot * SEAL_BYTES, (slot + 1) * SEAL_BYTES);
    const plain = this.#key.open(seal.subarray(0, NONCE_BYTES), stored.subarray(0, sealedBytes), undefined, seal.subarray(NONCE_BYTES));
    if (plain === undefined || sealedBytes === BLOCK) return plain;
    const block = new Uint8Array(BLOCK);
    block.set(plain);
    return block;
  }

  /** Whether a slot's 16 KiB are what the table says: sealed content and zeros behind it. */
  #isAsRecorded(slot: number, stored: Uint8Array): boolean {
    const sealed = this.#units[slot] * UNIT;
    return (sealed === 0 || this.#open(slot, stored) !== undefined) && isZero(stored.subarray(sealed));
  }

  /** Checks every slot, used or free. Throws StorageError. */
  verifyAll(): void {
    for (let first = 0; first < this.#count; first += BATCH) {
      const stored = this.#buffer.subarray(0, Math.min(BATCH, this.#count - first) * BLOCK);
      stored.fill(0, readFully(this.#file, first * BLOCK, stored));
      for (let slot = first; slot < first + stored.length / BLOCK; slot++) {
        if (!this.#garbage.has(slot) && !this.#isAsRecorded(slot, stored.subarray((slot - first) * BLOCK, (slot - first + 1) * BLOCK))) {
          throw new StorageError('layer-corrupt', `the writable layer is damaged: slot ${slot} of data (at byte ${slot * BLOCK}) fails authentication`);
        }
      }
    }
  }

  close(): void {
    this.#cache.clear();
    this.#file.close();
  }
}
