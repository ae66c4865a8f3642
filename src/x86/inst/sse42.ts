/** SSE4.2: string comparison, CRC-32C, 64-bit greater-than (SDM vol. 1 §12.11). POPCNT is with the general instructions. */

import { defineHelper } from '../helpers.ts';
import type { Insn } from '../insn.ts';
import type { Lift, Lifter, Value } from '../lift.ts';
import { i } from '../row.ts';
import type { Row } from '../row.ts';
import { CPU } from '../state.ts';
import type { CpuState } from '../state.ts';
import { imm8, lanes, vec } from './simd.ts';

/** Operands of the string helper in the scratch area. */
const FIRST = CPU.scratch, SECOND = CPU.scratch + 16, CONTROL = CPU.scratch + 32, LENGTH_1 = CPU.scratch + 40, LENGTH_2 = CPU.scratch + 44;
/** Its results: IntRes2, and the flags CF 0, ZF 6, SF 7, OF 11. */
const RESULT = CPU.scratch + 48, FLAGS = CPU.scratch + 52;

/** Aggregations and polarity of SDM vol. 2B §4.1; lengths count elements, -1 asks for the implicit length. */
function compareStrings(cpu: CpuState): void {
  const control = cpu.i32[CONTROL / 4];
  const words = (control & 1) !== 0, signed = (control & 2) !== 0;
  const count = words ? 8 : 16;
  const element = (base: number, at: number): number => {
    const value = words ? cpu.u16[base / 2 + at] : cpu.u8[base + at];
    return signed ? (words ? (value << 16) >> 16 : (value << 24) >> 24) : value;
  };
  const length = (base: number, given: number): number => {
    if (given >= 0) return Math.min(given, count);
    let n = 0;
    while (n < count && element(base, n) !== 0) n++;
    return n;
  };
  const n1 = length(FIRST, cpu.i32[LENGTH_1 / 4]);
  const n2 = length(SECOND, cpu.i32[LENGTH_2 / 4]);
  let result = 0;
  for (let j = 0; j < count; j++) {
    let bit = false;
    switch ((control >> 2) & 3) {
      case 0: // Equal any.
        for (let at = 0; j < n2 && at < n1 && !bit; at++) bit = element(FIRST, at) === element(SECOND, j);
        break;
      case 1: // Ranges.
        for (let at = 0; j < n2 && at + 1 < n1 && !bit; at += 2) bit = element(SECOND, j) >= element(FIRST, at) && element(SECOND, j) <= element(FIRST, at + 1);
        break;
      case 2: // Equal each.
        bit = j < n1 && j < n2 ? element(FIRST, j) === element(SECOND, j) : j >= n1 && j >= n2;
        break;
      default: // Equal ordered.
        bit = true;
        for (let at = 0; at < n1 && j + at < count && bit; at++) bit = j + at < n2 && element(FIRST, at) === element(SECOND, j + at);
    }
    if (bit) result |= 1 << j;
  }
  const all = (1 << count) - 1;
  const polarity = (control >> 4) & 3;
  if (polarity === 1) result ^= all;
  else if (polarity === 3) result ^= (1 << n2) - 1;
  cpu.i32[RESULT / 4] = result;
  cpu.i32[FLAGS / 4] = (result !== 0 ? 1 : 0) | (n2 < count ? 0x40 : 0) | (n1 < count ? 0x80 : 0) | (result & 1 ? 0x800 : 0);
}
const PCMPSTR = defineHelper({ name: 'sse42.pcmpstr', reads: 0, writes: 0, memory: 'none', run: compareStrings });

/** An explicit length: the absolute value of EAX or EDX, or of RAX or RDX under REX.W, at most 16. */
function explicitLength(b: Lifter, x: Insn, register: number): Value {
  let value = b.readGpr(register);
  if (x.size !== 8) value = b.op('i64.extend32_s', value);
  const negative = b.op('i64.sub', b.i64(0), value);
  const absolute = b.select(b.op('i64.lt_s', value, b.i64(0)), negative, value);
  return b.op('i32.wrap_i64', b.select(b.op('i64.gt_u', absolute, b.i64(16)), b.i64(16), absolute));
}

/** `pcmpestri/m`, `pcmpistri/m`. */
const pcmpstr = (lengths: 'explicit' | 'implicit', output: 'index' | 'mask'): Lift => (b, x) => {
  const first = vec(b, x.ops[0]);
  const second = vec(b, x.ops[1]);
  const control = imm8(x);
  b.cpuStore('v128.store', FIRST, first);
  b.cpuStore('v128.store', SECOND, second);
  b.cpuStore('i32.store', CONTROL, b.i32(control));
  b.cpuStore('i32.store', LENGTH_1, lengths === 'explicit' ? explicitLength(b, x, 0) : b.i32(-1));
  b.cpuStore('i32.store', LENGTH_2, lengths === 'explicit' ? explicitLength(b, x, 2) : b.i32(-1));
  b.helper(PCMPSTR);
  const result = b.cpuLoad('i32.load', RESULT);
  const flags = b.cpuLoad('i32.load', FLAGS);
  const words = (control & 1) !== 0;
  if (output === 'index') {
    const none = b.i32(words ? 8 : 16);
    const found = control & 0x40 ? b.op('i32.sub', b.i32(31), b.op('i32.clz', result)) : b.op('i32.ctz', result);
    b.writeGpr(1, b.op('i64.extend_i32_u', b.select(result, found, none)));
  } else if (control & 0x40) {
    // Every bit becomes a whole element.
    const splat = b.op(words ? 'i16x8.splat' : 'i8x16.splat', result);
    const high = b.op('i8x16.splat', b.op('i32.shr_u', result, b.i32(8)));
    const bytes = words ? splat : b.shuffle(Array.from({ length: 16 }, (_, at) => (at < 8 ? at : at + 16)), splat, high);
    const bits = b.v128(Array.from({ length: 16 }, (_, at) => (words ? (at & 1 ? 0 : 1 << (at >> 1)) : 1 << (at & 7))));
    b.writeXmm(0, b.op(words ? 'i16x8.eq' : 'i8x16.eq', b.op('v128.and', bytes, bits), bits));
  } else b.writeXmm(0, b.lane('i32x4.replace_lane', 0, b.v128(new Array<number>(16).fill(0)), result));
  const bit = (n: number) => () => b.op('i32.and', b.op('i32.shr_u', flags, b.i32(n)), b.i32(1));
  const no = () => b.i32(0);
  b.setFlag('cf', bit(0));
  b.setFlag('zf', bit(6));
  b.setFlag('sf', bit(7));
  b.setFlag('of', bit(11));
  b.setFlag('pf', no);
  b.setFlag('af', no);
};

/** CRC-32C (polynomial 11EDC6F41, reflected), one table row per byte. */
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f6_3b78 : value >>> 1;
  return value;
});
/** The sum so far at scratch, the data 8 bytes after it, then the number of bytes. */
const CRC32 = defineHelper({
  name: 'sse42.crc32', reads: 0, writes: 0, memory: 'none',
  run: (cpu) => {
    let sum = cpu.u32[CPU.scratch / 4];
    const bytes = cpu.i32[CPU.scratch / 4 + 4];
    for (let at = 0; at < bytes; at++) sum = TABLE[(sum ^ cpu.u8[CPU.scratch + 8 + at]) & 0xff] ^ (sum >>> 8);
    cpu.u32[CPU.scratch / 4] = sum;
  },
});
const crc32: Lift = (b, x) => {
  const [dst, src] = x.ops;
  const data = b.read(src);
  b.cpuStore('i32.store', CPU.scratch, dst.kind === 'gpr' ? b.op('i32.wrap_i64', b.readGpr(dst.index)) : b.i32(0));
  b.cpuStore(src.size === 8 ? 'i64.store' : 'i32.store', CPU.scratch + 8, data);
  b.cpuStore('i32.store', CPU.scratch + 16, b.i32(src.size));
  b.helper(CRC32);
  if (dst.kind === 'gpr') b.writeGpr(dst.index, b.op('i64.extend_i32_u', b.cpuLoad('i32.load', CPU.scratch)));
};

// biome-ignore format: a table
export const SSE4_2: readonly Row[] = [
  i('pcmpgtq',    '66 0F 38 37 /r',    'Vx,Wx',       'SSE4_2', lanes('i64x2.gt_s')),
  i('crc32',      'F2 0F 38 F0 /r',    'Gy,Eb',       'SSE4_2', crc32),
  i('crc32',      'F2 0F 38 F1 /r',    'Gy,Ev',       'SSE4_2', crc32),
  i('pcmpestrm',  '66 0F 3A 60 /r ib', 'Vdq,Wdq,Ib',  'SSE4_2', pcmpstr('explicit', 'mask')),
  i('pcmpestri',  '66 0F 3A 61 /r ib', 'Vdq,Wdq,Ib',  'SSE4_2', pcmpstr('explicit', 'index')),
  i('pcmpistrm',  '66 0F 3A 62 /r ib', 'Vdq,Wdq,Ib',  'SSE4_2', pcmpstr('implicit', 'mask')),
  i('pcmpistri',  '66 0F 3A 63 /r ib', 'Vdq,Wdq,Ib',  'SSE4_2', pcmpstr('implicit', 'index')),
];
