/** Growable file content in memory: 64 KiB chunks with holes, or pages that are shared with mappings once the file is mapped. */

import { EFBIG, ENOSPC } from '../errno.ts';
import type { Backing, MemoryBackend } from '../platform.ts';

const CHUNK = 65536;
const FIRST = 256;
const MAX_SIZE = 2 ** 46;

/** What all files of one file system may take together. */
export interface SpaceAccount {
  usedBytes: number;
  readonly limitBytes: number;
  /** Counts them among the memory of the enclave too; throws when that is used up. */
  readonly charge?: (bytes: number) => void;
}

export class Chunks {
  #chunks: (Uint8Array | undefined)[] = [];
  #backing: Backing | undefined;
  readonly #account: SpaceAccount;
  #held = 0;
  size = 0;

  constructor(account: SpaceAccount) {
    this.#account = account;
  }

  get heldBytes(): number {
    return this.#held;
  }

  #take(bytes: number): void {
    if (bytes > 0 && this.#account.usedBytes + bytes > this.#account.limitBytes) throw ENOSPC;
    this.#account.charge?.(bytes);
    this.#account.usedBytes += bytes;
    this.#held += bytes;
  }

  read(offset: number, into: Uint8Array): number {
    const count = Math.min(into.length, Math.max(this.size - offset, 0));
    if (count === 0) return 0;
    if (this.#backing !== undefined) {
      into.set(this.#backing.bytes.subarray(offset, offset + count));
      return count;
    }
    for (let done = 0; done < count; ) {
      const at = offset + done;
      const inside = at % CHUNK;
      const take = Math.min(CHUNK - inside, count - done);
      const chunk = this.#chunks[Math.floor(at / CHUNK)];
      const present = chunk === undefined ? 0 : Math.max(Math.min(take, chunk.length - inside), 0);
      if (present > 0) into.set((chunk as Uint8Array).subarray(inside, inside + present), done);
      if (present < take) into.fill(0, done + present, done + take);
      done += take;
    }
    return count;
  }

  write(offset: number, from: Uint8Array): number {
    const end = offset + from.length;
    if (end > MAX_SIZE) throw EFBIG;
    if (this.#backing !== undefined) {
      if (end > this.size) this.truncate(end);
      this.#backing.bytes.set(from, offset);
      this.#backing.changed(offset, from.length);
      return from.length;
    }
    for (let done = 0; done < from.length; ) {
      const at = offset + done;
      const index = Math.floor(at / CHUNK);
      const inside = at % CHUNK;
      const take = Math.min(CHUNK - inside, from.length - done);
      let chunk: Uint8Array;
      try {
        chunk = this.#chunk(index, inside + take);
      } catch (error) {
        if (done === 0) throw error;
        this.size = Math.max(this.size, at);
        return done;
      }
      chunk.set(take === from.length ? from : from.subarray(done, done + take), inside);
      done += take;
    }
    this.size = Math.max(this.size, end);
    return from.length;
  }

  /** A chunk with room for `need` bytes. Only the first one starts small. */
  #chunk(index: number, need: number): Uint8Array {
    const old = this.#chunks[index];
    if (old !== undefined && old.length >= need) return old;
    let length = CHUNK;
    if (index === 0) {
      length = Math.max(FIRST, old?.length ?? 0);
      while (length < need) length *= 2;
    }
    this.#take(length - (old?.length ?? 0));
    const chunk = new Uint8Array(length);
    if (old !== undefined) chunk.set(old);
    while (this.#chunks.length < index) this.#chunks.push(undefined);
    this.#chunks[index] = chunk;
    return chunk;
  }

  truncate(size: number): void {
    if (size > MAX_SIZE) throw EFBIG;
    if (this.#backing !== undefined) {
      this.#take(size - this.#held);
      if (size < this.size) this.#backing.bytes.fill(0, size, this.size);
      this.#backing.resize(size);
    } else if (size < this.size) {
      const keep = Math.ceil(size / CHUNK);
      for (let index = keep; index < this.#chunks.length; index++) this.#take(-(this.#chunks[index]?.length ?? 0));
      this.#chunks.length = Math.min(this.#chunks.length, keep);
      this.#chunks[keep - 1]?.fill(0, size % CHUNK === 0 ? CHUNK : size % CHUNK);
    }
    this.size = size;
  }

  /** From now on the content is pages that mappings share. */
  backing(memory: MemoryBackend): Backing {
    if (this.#backing !== undefined) return this.#backing;
    const backing = memory.createBacking(this.size);
    this.read(0, backing.bytes.subarray(0, this.size));
    this.#take(this.size - this.#held);
    this.#chunks = [];
    this.#backing = backing;
    return backing;
  }

  dispose(): void {
    this.#take(-this.#held);
    this.#chunks = [];
    this.#backing?.release();
    this.#backing = undefined;
    this.size = 0;
  }
}
