/** A growing byte buffer with the number encodings of the WebAssembly binary format (LEB128, spec §5.2.2). */

export class ByteWriter {
  bytes: Uint8Array;
  length = 0;

  constructor(capacity = 1024) {
    this.bytes = new Uint8Array(capacity);
  }

  #room(count: number): void {
    if (this.length + count <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, this.length + count));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
  }

  u8(value: number): void {
    if (this.length === this.bytes.length) this.#room(1);
    this.bytes[this.length++] = value;
  }

  /** Unsigned LEB128 of an integer below 2^32. */
  u32(value: number): void {
    this.#room(5);
    let rest = value >>> 0;
    while (rest >= 0x80) {
      this.bytes[this.length++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.bytes[this.length++] = rest;
  }

  /** Unsigned LEB128 of an integer below 2^53. */
  u53(value: number): void {
    this.#room(8);
    let rest = value;
    while (rest >= 0x80) {
      this.bytes[this.length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.bytes[this.length++] = rest;
  }

  /** Signed LEB128 of a 32-bit integer. */
  s32(value: number): void {
    this.#room(5);
    let rest = value | 0;
    for (;;) {
      const low = rest & 0x7f;
      rest >>= 7;
      if ((rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0)) {
        this.bytes[this.length++] = low;
        return;
      }
      this.bytes[this.length++] = low | 0x80;
    }
  }

  /** Signed LEB128 of a 64-bit integer. */
  s64(value: bigint): void {
    const small = Number(value);
    if (small >= -0x8000_0000 && small <= 0x7fff_ffff) {
      this.s32(small);
      return;
    }
    this.#room(10);
    let rest = BigInt.asIntN(64, value);
    for (;;) {
      const low = Number(rest & 0x7fn);
      rest >>= 7n;
      if ((rest === 0n && (low & 0x40) === 0) || (rest === -1n && (low & 0x40) !== 0)) {
        this.bytes[this.length++] = low;
        return;
      }
      this.bytes[this.length++] = low | 0x80;
    }
  }

  raw(from: Uint8Array): void {
    this.#room(from.length);
    this.bytes.set(from, this.length);
    this.length += from.length;
  }

  /** A name: length and UTF-8 (ASCII here). */
  name(text: string): void {
    this.u32(text.length);
    for (let at = 0; at < text.length; at++) this.u8(text.charCodeAt(at));
  }

  view(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }

  take(): Uint8Array {
    return this.bytes.slice(0, this.length);
  }
}
