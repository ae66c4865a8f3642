/**
 * Reads blocks of an image: from the host, verified, decrypted, kept in a small cache. A reader that goes on where it
 * stopped gets sixteen blocks with one host call; one that wants many at once gets them where it wants them.
 */

import { type HostFile, readFully } from '../../base/host-files.ts';
import { SHA256_BYTES, TAG_BYTES, sha256 } from '../../crypto/index.ts';
import { IMAGE_BLOCK, type ImageHeader, authenticatorBytes, blockOffset } from '../0-block/image-file.ts';
import { StorageError } from '../errors.ts';
import type { ImageCipher } from './image-cipher.ts';

const READ_AHEAD = 16;
const CACHED_BLOCKS = 1024;

const damaged = (block: number): StorageError => new StorageError('image-corrupt', `the image is damaged: block ${block} (at byte ${blockOffset(block)}) does not match its hash`);

export class ImageBlocks {
  readonly header: ImageHeader;
  readonly #file: HostFile;
  readonly #table: Uint8Array;
  readonly #cipher: ImageCipher | undefined;
  readonly #cache = new Map<number, Uint8Array>();
  readonly #stored = new Uint8Array(READ_AHEAD * IMAGE_BLOCK);
  #expected = -1;
  /** The block that was asked for last. */
  #last = -1;
  #lastBytes: Uint8Array = new Uint8Array(0);

  constructor(file: HostFile, header: ImageHeader, table: Uint8Array, cipher: ImageCipher | undefined) {
    this.#file = file;
    this.header = header;
    this.#table = table;
    this.#cipher = cipher;
  }

  /** The plaintext of a block. Never written to. Throws StorageError `image-corrupt`. */
  block(block: number): Uint8Array {
    if (block === this.#last) return this.#lastBytes;
    const cached = this.#cache.get(block);
    if (cached !== undefined) {
      this.#last = block;
      this.#lastBytes = cached;
      // Most recently used goes last.
      this.#cache.delete(block);
      this.#cache.set(block, cached);
      return cached;
    }
    const wanted = block === this.#expected ? Math.min(READ_AHEAD, this.header.blocks - block) : 1;
    this.#load(block, wanted);
    this.#expected = block + wanted;
    return this.#cache.get(block)!;
  }

  /** Plaintext of whole blocks, past the cache; zeros where it throws StorageError `image-corrupt`. */
  blocksInto(first: number, into: Uint8Array): void {
    const got = readFully(this.#file, blockOffset(first), into);
    for (let at = 0; at < into.length; at += IMAGE_BLOCK) {
      const block = first + at / IMAGE_BLOCK;
      const stored = into.subarray(at, at + IMAGE_BLOCK);
      const intact = got >= at + IMAGE_BLOCK && this.#matches(block, stored);
      const plaintext = intact && this.#cipher !== undefined ? this.#cipher.open(block, stored, this.#tag(block)) : stored;
      if (!intact || plaintext === undefined) {
        into.fill(0);
        throw damaged(block);
      }
      if (plaintext !== stored) stored.set(plaintext);
    }
  }

  #load(first: number, count: number): void {
    const stored = this.#stored.subarray(0, count * IMAGE_BLOCK);
    const got = readFully(this.#file, blockOffset(first), stored);
    for (let at = 0; at < count; at++) {
      const block = first + at;
      // Damage in what was only read ahead is reported when somebody asks for it.
      if (at > 0 && this.#cache.has(block)) continue;
      const plaintext = got < (at + 1) * IMAGE_BLOCK ? undefined : this.#open(block, stored.subarray(at * IMAGE_BLOCK, (at + 1) * IMAGE_BLOCK));
      if (plaintext === undefined) {
        if (at > 0) return;
        throw damaged(block);
      }
      this.#cache.set(block, plaintext);
      if (this.#cache.size > CACHED_BLOCKS) this.#cache.delete(this.#cache.keys().next().value!);
    }
  }

  #open(block: number, stored: Uint8Array): Uint8Array | undefined {
    if (!this.#matches(block, stored)) return undefined;
    return this.#cipher === undefined ? stored.slice() : this.#cipher.open(block, stored, this.#tag(block));
  }

  #matches(block: number, stored: Uint8Array): boolean {
    const at = block * authenticatorBytes(this.header.kind);
    const hash = sha256(stored);
    for (let byte = 0; byte < SHA256_BYTES; byte++) if (hash[byte] !== this.#table[at + byte]) return false;
    return true;
  }

  #tag(block: number): Uint8Array {
    const at = block * authenticatorBytes(this.header.kind) + SHA256_BYTES;
    return this.#table.subarray(at, at + TAG_BYTES);
  }

  /** Checks the hash of every block without decrypting or caching. Throws StorageError `image-corrupt`. */
  verifyAll(): void {
    for (let first = 0; first < this.header.blocks; first += READ_AHEAD) {
      const count = Math.min(READ_AHEAD, this.header.blocks - first);
      const stored = this.#stored.subarray(0, count * IMAGE_BLOCK);
      const got = readFully(this.#file, blockOffset(first), stored);
      for (let at = 0; at < count; at++) {
        if (got < (at + 1) * IMAGE_BLOCK || !this.#matches(first + at, stored.subarray(at * IMAGE_BLOCK, (at + 1) * IMAGE_BLOCK))) throw damaged(first + at);
      }
    }
  }

  close(): void {
    this.#cache.clear();
    this.#last = -1;
    this.#file.close();
  }
}
