/**
 * Short cuts through the common cases, in 32-bit halves: normal operands, everything masked, round to nearest
 * at full precision. A function returns false where its case is not common; the exact code then does the work.
 */

import { CPU } from '../state.ts';
import type { CpuState } from '../state.ts';
import { BIAS, C1, PE } from './float80.ts';
import { X87 } from './state.ts';

const STATUS = CPU.x87Status / 4,
  CONTROL = CPU.x87Control / 4,
  TAG = CPU.x87Tag / 4;
const VALUE = X87.value / 4;
/** RC to nearest, precision 64 bits, all exceptions masked. */
const COMMON = 0x33f,
  CONTROL_MASK = 0xf3f;

const word = (top: number, index: number): number => CPU.x87 / 4 + 4 * ((top + index) & 7);

/** FLD m64 of a zero or normal number with room on the stack. */
export function loadDouble(cpu: CpuState): boolean {
  const status = cpu.i32[STATUS];
  const top = ((status >> 11) - 1) & 7;
  if ((cpu.i32[TAG] >> top) & 1) return false;
  const low = cpu.u32[VALUE],
    high = cpu.u32[VALUE + 1];
  const exponent = (high >>> 20) & 0x7ff;
  const at = word(top, 0);
  if (exponent === 0x7ff) return false;
  if (exponent === 0) {
    if ((low | (high << 12)) !== 0) return false;
    cpu.i32[at] = 0;
    cpu.i32[at + 1] = 0;
    cpu.u16[2 * at + 4] = (high >>> 16) & 0x8000;
  } else {
    cpu.i32[at] = low << 11;
    cpu.i32[at + 1] = 0x8000_0000 | ((high & 0xf_ffff) << 11) | (low >>> 21);
    cpu.u16[2 * at + 4] = ((high >>> 16) & 0x8000) | (exponent - 1023 + BIAS);
  }
  cpu.i32[TAG] |= 1 << top;
  cpu.i32[STATUS] = (status & ~(0x3800 | C1)) | (top << 11);
  return true;
}

/** FST m64 of a zero, or of a number that is normal as a double; the status and tag words are left to the caller's row. */
export function storeDouble(cpu: CpuState, pops: number): boolean {
  const status = cpu.i32[STATUS];
  const top = (status >> 11) & 7;
  if ((cpu.i32[CONTROL] & 0xc3f) !== 0x3f || ((cpu.i32[TAG] >> top) & 1) === 0) return false;
  const at = word(top, 0);
  const low = cpu.u32[at],
    high = cpu.u32[at + 1],
    head = cpu.u16[2 * at + 4];
  let exponent = (head & 0x7fff) - BIAS + 1023;
  let flags = 0;
  let bottom = 0,
    upper = 0;
  if ((head & 0x7fff) === 0) {
    if ((low | high) !== 0) return false;
    exponent = 0;
  } else {
    if (exponent < 1 || exponent > 2045 || high < 0x8000_0000) return false;
    const rest = low & 0x7ff;
    bottom = ((low >>> 11) | (high << 21)) >>> 0;
    upper = (high >>> 11) & 0xf_ffff;
    if (rest !== 0) {
      flags = PE;
      if (rest > 0x400 || (rest === 0x400 && (bottom & 1) === 1)) {
        flags |= C1;
        bottom = (bottom + 1) >>> 0;
        if (bottom === 0 && (upper = (upper + 1) & 0xf_ffff) === 0) exponent += 1;
      }
    }
  }
  cpu.u32[VALUE] = bottom;
  cpu.i32[VALUE + 1] = ((head & 0x8000) << 16) | (exponent << 20) | upper;
  let next = (status & ~C1) | flags;
  let tags = cpu.i32[TAG];
  if (pops === 1) {
    next = (next & ~0x3800) | (((top + 1) & 7) << 11);
    tags &= ~(1 << top);
  }
  cpu.i32[X87.status / 4] = next;
  cpu.i32[X87.tag / 4] = tags;
  return true;
}

/** The high word of a 32 by 32 bit product. */
function high32(a: number, b: number): number {
  const al = a & 0xffff,
    ah = a >>> 16,
    bl = b & 0xffff,
    bh = b >>> 16;
  const middle = ah * bl + ((al * bl) >>> 16);
  const other = al * bh + (middle % 0x1_0000);
  return ah * bh + Math.floor(middle / 0x1_0000) + Math.floor(other / 0x1_0000);
}

/** Both in use, both normal, both with their integer bit. */
function ordinary(cpu: CpuState, top: number, a: number, b: number, first: number, second: number): boolean {
  const ea = cpu.u16[2 * first + 4] & 0x7fff,
    eb = cpu.u16[2 * second + 4] & 0x7fff;
  const used = (1 << ((top + a) & 7)) | (1 << ((top + b) & 7));
  return (cpu.i32[CONTROL] & CONTROL_MASK) === COMMON && (cpu.i32[TAG] & used) === used && ea !== 0 && ea !== 0x7fff && eb !== 0 && eb !== 0x7fff && cpu.i32[first + 1] < 0 && cpu.i32[second + 1] < 0;
}

/** Rounds `high:low` and a tail (its top bit worth half, any other bit sticky), and writes it. */
function finish(cpu: CpuState, at: number, sign: number, exponent: number, high: number, low: number, tail: number): boolean {
  let flags = 0;
  if (tail !== 0) {
    flags = PE;
    if (tail > 0x8000_0000 || (tail === 0x8000_0000 && (low & 1) === 1)) {
      flags |= C1;
      low = (low + 1) >>> 0;
      if (low === 0) {
        high = (high + 1) >>> 0;
        if (high === 0) {
          high = 0x8000_0000;
          exponent += 1;
        }
      }
    }
  }
  if (exponent < 1 || exponent > 0x7ffe) return false;
  cpu.u32[at] = low;
  cpu.u32[at + 1] = high;
  cpu.u16[2 * at + 4] = sign | exponent;
  cpu.i32[STATUS] = (cpu.i32[STATUS] & ~C1) | flags;
  return true;
}

/** ST(target) *= ST(other). */
export function multiply(cpu: CpuState, target: number, other: number): boolean {
  const top = (cpu.i32[STATUS] >> 11) & 7;
  const at = word(top, target),
    from = word(top, other);
  if (!ordinary(cpu, top, target, other, at, from)) return false;
  const al = cpu.u32[at],
    ah = cpu.u32[at + 1],
    bl = cpu.u32[from],
    bh = cpu.u32[from + 1];
  const lowest = Math.imul(al, bl) >>> 0;
  const second = high32(al, bl) + (Math.imul(al, bh) >>> 0) + (Math.imul(ah, bl) >>> 0);
  const third = high32(al, bh) + high32(ah, bl) + (Math.imul(ah, bh) >>> 0) + Math.floor(second / 0x1_0000_0000);
  let high = (high32(ah, bh) + Math.floor(third / 0x1_0000_0000)) >>> 0;
  let low = third >>> 0;
  let tail = second >>> 0;
  let exponent = (cpu.u16[2 * at + 4] & 0x7fff) + (cpu.u16[2 * from + 4] & 0x7fff) - BIAS + 1;
  if (high < 0x8000_0000) {
    high = ((high << 1) | (low >>> 31)) >>> 0;
    low = ((low << 1) | (tail >>> 31)) >>> 0;
    tail = ((tail << 1) | (lowest >>> 31)) >>> 0;
    exponent -= 1;
    if (lowest << 1 !== 0) tail = (tail | 1) >>> 0;
  } else if (lowest !== 0) tail = (tail | 1) >>> 0;
  return finish(cpu, at, (cpu.u16[2 * at + 4] ^ cpu.u16[2 * from + 4]) & 0x8000, exponent, high, low, tail);
}

/** ST(target) = ST(first) ± ST(second); bits shifted out stay as the lowest bit of the tail. */
export function addOrSubtract(cpu: CpuState, target: number, first: number, second: number, negative: 0 | 0x8000): boolean {
  const top = (cpu.i32[STATUS] >> 11) & 7;
  let big = word(top, first),
    small = word(top, second);
  if (!ordinary(cpu, top, first, second, big, small)) return false;
  let sign = cpu.u16[2 * big + 4] & 0x8000;
  const opposite = (sign ^ cpu.u16[2 * small + 4] ^ negative) & 0x8000;
  let distance = (cpu.u16[2 * big + 4] & 0x7fff) - (cpu.u16[2 * small + 4] & 0x7fff);
  if (distance < 0) {
    [big, small, distance] = [small, big, -distance];
    sign ^= opposite;
  }
  if (opposite !== 0 && distance === 0 && (cpu.u32[small + 1] > cpu.u32[big + 1] || (cpu.u32[small + 1] === cpu.u32[big + 1] && cpu.u32[small] > cpu.u32[big]))) {
    [big, small] = [small, big];
    sign ^= opposite;
  }
  let exponent = cpu.u16[2 * big + 4] & 0x7fff;
  const sh = cpu.u32[small + 1],
    sl = cpu.u32[small];
  let high = sh,
    low = sl,
    tail = 0;
  if (distance > 63) {
    if (distance < 67) return false;
    high = 0;
    low = 0;
    tail = 1;
  } else if (distance > 31) {
    const by = distance - 32;
    high = 0;
    low = sh >>> by;
    tail = by === 0 ? sl : ((sl >>> by) | (sh << (32 - by))) >>> 0;
    if (by !== 0 && sl << (32 - by) !== 0) tail = (tail | 1) >>> 0;
  } else if (distance !== 0) {
    high = sh >>> distance;
    low = ((sl >>> distance) | (sh << (32 - distance))) >>> 0;
    tail = (sl << (32 - distance)) >>> 0;
  }
  let rh: number, rl: number;
  if (opposite === 0) {
    const lows = cpu.u32[big] + low;
    rl = lows >>> 0;
    const highs = cpu.u32[big + 1] + high + (lows > 0xffff_ffff ? 1 : 0);
    rh = highs >>> 0;
    if (highs > 0xffff_ffff) {
      tail = ((tail >>> 1) | (tail & 1) | (rl << 31)) >>> 0;
      rl = ((rl >>> 1) | (rh << 31)) >>> 0;
      rh = ((rh >>> 1) | 0x8000_0000) >>> 0;
      exponent += 1;
    }
  } else {
    const borrow = tail !== 0 ? 1 : 0;
    tail = -tail >>> 0;
    const lows = cpu.u32[big] - low - borrow;
    rl = lows >>> 0;
    rh = (cpu.u32[big + 1] - high - (lows < 0 ? 1 : 0)) >>> 0;
    if ((rh | rl | tail) === 0) return false;
    while (rh < 0x8000_0000) {
      rh = ((rh << 1) | (rl >>> 31)) >>> 0;
      rl = ((rl << 1) | (tail >>> 31)) >>> 0;
      tail = (tail << 1) >>> 0;
      exponent -= 1;
    }
  }
  return finish(cpu, word(top, target), sign, exponent, rh, rl, tail);
}
