/** Little-endian fields of binary evidence. Reading past the end is a FormatError, never a default. */

import { toHex } from '../../base/bytes.ts';

export class FormatError extends Error {
  override readonly name = 'FormatError';
}

/** The structure may be whole, but it is of a version that is not known here. */
export class VersionError extends FormatError {}

export class Reader {
  readonly bytes: Uint8Array;
  at: number;
  readonly #view: DataView;

  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = bytes;
    this.at = at;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  #advance(length: number): number {
    const at = this.at;
    if (length < 0 || at + length > this.bytes.length) throw new FormatError(`${length} bytes are needed at offset ${at}, ${this.bytes.length - at} are there`);
    this.at = at + length;
    return at;
  }

  take(length: number): Uint8Array {
    const at = this.#advance(length);
    return this.bytes.subarray(at, at + length);
  }

  hex(length: number): string {
    return toHex(this.take(length));
  }

  u8(): number {
    return this.#view.getUint8(this.#advance(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#advance(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.#advance(4), true);
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.#advance(8), true);
  }

  get left(): number {
    return this.bytes.length - this.at;
  }
}

export const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0);
