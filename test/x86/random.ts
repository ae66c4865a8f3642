/** Edge-weighted random values, reproducible from a seed (mulberry32). */

export class Source {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  u32(): number {
    this.#state = (this.#state + 0x6d2b_79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (t ^ (t >>> 14)) >>> 0;
  }

  below = (limit: number): number => this.u32() % limit;

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)];
  }

  /** 64 bits: an edge of some width, a small number, or anything. */
  u64(): bigint {
    switch (this.below(6)) {
      case 0:
        return this.pick(EDGES);
      case 1:
        return BigInt.asUintN(64, BigInt(this.below(256) - 128));
      case 2:
        return BigInt.asUintN(64, this.pick(EDGES) ^ (1n << BigInt(this.below(64))));
      default:
        return (BigInt(this.u32()) << 32n) | BigInt(this.u32());
    }
  }

  /** Sixteen bytes: integers of some width, or floating-point numbers of some format. */
  vector(into: Uint8Array, at: number): void {
    const view = new DataView(into.buffer, into.byteOffset + at, 16);
    switch (this.below(5)) {
      case 0:
      case 1:
        for (let lane = 0; lane < 16; lane += 4) view.setUint32(lane, this.f32(), true);
        return;
      case 2:
      case 3:
        for (let lane = 0; lane < 16; lane += 8) view.setBigUint64(lane, this.f64(), true);
        return;
      default:
        for (let lane = 0; lane < 16; lane += 8) view.setBigUint64(lane, this.u64(), true);
        for (let lane = 0; lane < 16; lane++) if (this.below(4) === 0) view.setUint8(lane, this.pick(BYTES));
    }
  }

  f32(): number {
    const kind = this.below(8);
    if (kind === 0) return this.pick(F32_EDGES);
    if (kind === 1) return this.u32();
    if (kind === 2) return this.pick(F32_EDGES) ^ this.below(4);
    const view = new DataView(new ArrayBuffer(4));
    view.setFloat32(0, kind < 6 ? (this.below(2000) - 1000) / this.pick([1, 2, 3, 8]) : (this.u32() - 2 ** 31) * 2 ** (this.below(40) - 20));
    return view.getUint32(0);
  }

  f64(): bigint {
    const kind = this.below(8);
    if (kind === 0) return this.pick(F64_EDGES);
    if (kind === 1) return (BigInt(this.u32()) << 32n) | BigInt(this.u32());
    if (kind === 2) return this.pick(F64_EDGES) ^ BigInt(this.below(4));
    const view = new DataView(new ArrayBuffer(8));
    view.setFloat64(0, kind < 6 ? (this.below(2000) - 1000) / this.pick([1, 2, 3, 8]) : (this.u32() - 2 ** 31) * 2 ** (this.below(80) - 40));
    return view.getBigUint64(0);
  }

  /** An 80-bit number: normal, special, denormal, or (seldom) an encoding that is none. */
  f80(into: Uint8Array, at: number): void {
    const view = new DataView(into.buffer, into.byteOffset + at, 16);
    const sign = this.below(2) << 15;
    let exponent = 0x3fff + this.below(140) - 70;
    let significand = (1n << 63n) | ((BigInt(this.u32()) << 32n) | BigInt(this.u32()));
    const kind = this.below(16);
    if (kind === 0) [exponent, significand] = [0, 0n];
    else if (kind === 1) [exponent, significand] = [0x7fff, 1n << 63n];
    else if (kind === 2) [exponent, significand] = [0x7fff, significand | (BigInt(this.below(2)) << 62n)];
    // Denormal, or pseudo-denormal: the integer bit set although the exponent is 0.
    else if (kind === 3) [exponent, significand] = [0, this.below(2) === 0 ? significand : significand & ((1n << 63n) - 1n)];
    else if (kind === 4) exponent = this.below(0x7fff);
    else if (kind === 5) [exponent, significand] = [this.below(0x8000), this.u64()];
    else if (kind < 12) {
      const value = BigInt(1 + this.below(5000));
      const shift = 64 - value.toString(2).length;
      [exponent, significand] = [0x3fff + 63 - shift, BigInt.asUintN(64, value << BigInt(shift))];
    }
    view.setBigUint64(0, significand, true);
    view.setUint16(8, sign | exponent, true);
    view.setUint16(10, 0, true);
    view.setUint32(12, 0, true);
  }
}

const EDGES: readonly bigint[] = [
  0n,
  1n,
  2n,
  0x7fn,
  0x80n,
  0xffn,
  0x100n,
  0x7fffn,
  0x8000n,
  0xffffn,
  0x10000n,
  0x7fff_ffffn,
  0x8000_0000n,
  0xffff_ffffn,
  0x1_0000_0000n,
  0x7fff_ffff_ffff_ffffn,
  0x8000_0000_0000_0000n,
  0xffff_ffff_ffff_ffffn,
  0xffff_ffff_8000_0000n,
  0x8000_0000_8000_0000n,
  0x0101_0101_0101_0101n,
  0x8080_8080_8080_8080n,
];
const BYTES: readonly number[] = [0, 1, 0x7f, 0x80, 0xff];
const F32_EDGES: readonly number[] = [
  0, 0x8000_0000, 0x3f80_0000, 0xbf80_0000, 0x7f80_0000, 0xff80_0000, 0x7fc0_0000, 0xffc0_0000, 0x7f80_0001, 0xffa1_2345, 1, 0x8000_0001, 0x007f_ffff, 0x0080_0000, 0x7f7f_ffff, 0x4f00_0000, 0xcf00_0000, 0x4eff_ffff, 0x5f00_0000,
  0xdf00_0000, 0x3f00_0000, 0x3fc0_0000, 0x4020_0000, 0xbf00_0000, 0x4b00_0001,
];
const F64_EDGES: readonly bigint[] = [
  0n,
  0x8000_0000_0000_0000n,
  0x3ff0_0000_0000_0000n,
  0xbff0_0000_0000_0000n,
  0x7ff0_0000_0000_0000n,
  0xfff0_0000_0000_0000n,
  0x7ff8_0000_0000_0000n,
  0xfff8_0000_0000_0000n,
  0x7ff0_0000_0000_0001n,
  0xfff4_1234_5678_9abcn,
  1n,
  0x000f_ffff_ffff_ffffn,
  0x0010_0000_0000_0000n,
  0x7fef_ffff_ffff_ffffn,
  0x41e0_0000_0000_0000n,
  0xc1e0_0000_0000_0000n,
  0x41df_ffff_ffc0_0000n,
  0x43e0_0000_0000_0000n,
  0xc3e0_0000_0000_0000n,
  0x3fe0_0000_0000_0000n,
  0x3ff8_0000_0000_0000n,
  0x4004_0000_0000_0000n,
  0xbfe0_0000_0000_0000n,
  0x36a0_0000_0000_0000n,
  0x47ef_ffff_f000_0000n,
];
