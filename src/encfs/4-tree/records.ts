/**
 * The metadata of a layer as a sequence of records. A record says what something is now, never what happened, so
 * the same records serve commits and snapshots. Numbers are little-endian; names and values carry their length.
 */

import { byteString, bytesOf } from '../../base/bytes.ts';
import { StorageError } from '../errors.ts';

export const RECORD = {
  layout: 1, // u32 next inode, u32 slots
  slot: 2, // u32 slot, u8 units, 28 seal
  inode: 3, // u32 ino, u32 mode, u32 nlink, u32 uid, u32 gid, u32 rdev, f64 size, i64 atime, i64 mtime, i64 ctime
  cut: 4, // u32 ino, u32 blocks
  blocks: 5, // u32 ino, u32 first, u32 count, count × (u32 slot + 1, or 0 for a hole)
  target: 6, // u32 ino, text
  entry: 7, // u32 directory, u32 ino (0 = none), text
  xattr: 8, // u32 ino, u8 present, text, bytes
  drop: 9, // u32 ino
} as const;

export class RecordWriter {
  #bytes = new Uint8Array(4096);
  #view = new DataView(this.#bytes.buffer);
  #at = 0;

  get length(): number {
    return this.#at;
  }

  take(): Uint8Array {
    const taken = this.#bytes.slice(0, this.#at);
    this.#at = 0;
    return taken;
  }

  #room(count: number): number {
    const at = this.#at;
    this.#at += count;
    if (this.#at > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#at, this.#bytes.length * 2));
      grown.set(this.#bytes);
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    return at;
  }

  u8(value: number): this {
    const at = this.#room(1);
    this.#view.setUint8(at, value);
    return this;
  }

  u32(value: number): this {
    const at = this.#room(4);
    this.#view.setUint32(at, value, true);
    return this;
  }

  f64(value: number): this {
    const at = this.#room(8);
    this.#view.setFloat64(at, value, true);
    return this;
  }

  i64(value: bigint): this {
    const at = this.#room(8);
    this.#view.setBigInt64(at, value, true);
    return this;
  }

  raw(bytes: Uint8Array): this {
    const at = this.#room(bytes.length);
    this.#bytes.set(bytes, at);
    return this;
  }

  bytes(bytes: Uint8Array): this {
    return this.u32(bytes.length).raw(bytes);
  }

  text(text: string): this {
    return this.bytes(bytesOf(text));
  }
}

/** Reads what was authenticated; throws StorageError all the same where it makes no sense. */
export class RecordReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get done(): boolean {
    return this.#at === this.#bytes.length;
  }

  #next(count: number): number {
    const at = this.#at;
    this.#at += count;
    if (this.#at > this.#bytes.length) throw new StorageError('layer-corrupt', 'the metadata of the writable layer makes no sense');
    return at;
  }

  u8(): number {
    return this.#view.getUint8(this.#next(1));
  }

  u32(): number {
    return this.#view.getUint32(this.#next(4), true);
  }

  f64(): number {
    return this.#view.getFloat64(this.#next(8), true);
  }

  i64(): bigint {
    return this.#view.getBigInt64(this.#next(8), true);
  }

  raw(length: number): Uint8Array {
    const at = this.#next(length);
    return this.#bytes.slice(at, at + length);
  }

  bytes(): Uint8Array {
    return this.raw(this.u32());
  }

  text(): string {
    return byteString(this.bytes());
  }
}
