/** The state that the host CPU left against the engine's register file. */

import { CPU, type CpuState } from '../../src/x86/index.ts';
import type { Native } from './native.ts';

const NAMES = ['rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi', 'r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15'];
/** The SIMD exception flags of MXCSR are not computed (docs/divergences.md). */
const MXCSR_COMPARED = 0xffc0;
const DF = 0x400;

/** One line per difference. `flags`: the status flags that are defined. */
export function differences(native: Native, cpu: CpuState, flags: number): string[] {
  const found: string[] = [];
  const host = native.after;
  for (let at = 0; at < 16; at++) {
    if (host.gpr[at] !== cpu.u64[at]) found.push(`${NAMES[at]}: host ${host.gpr[at].toString(16)}, engine ${cpu.u64[at].toString(16)}`);
  }
  const mask = flags | DF;
  const [hostFlags, engineFlags] = [native.flags() & mask, cpu.rflags & mask];
  if (hostFlags !== engineFlags) found.push(`flags: host ${flagNames(hostFlags)}, engine ${flagNames(engineFlags)}`);

  const view = new DataView(host.fx.buffer, host.fx.byteOffset, 512);
  const words = [
    ['x87 control', view.getUint16(0, true), cpu.i32[CPU.x87Control / 4] & 0xffff],
    ['x87 status', view.getUint16(2, true), cpu.i32[CPU.x87Status / 4] & 0xffff],
    ['x87 tag', view.getUint8(4), cpu.i32[CPU.x87Tag / 4] & 0xff],
    ['mxcsr', view.getUint32(24, true) & MXCSR_COMPARED, cpu.i32[CPU.mxcsr / 4] & MXCSR_COMPARED],
  ] as const;
  for (const [name, expected, actual] of words) if (expected !== actual) found.push(`${name}: host ${expected.toString(16)}, engine ${actual.toString(16)}`);
  const top = (view.getUint16(2, true) >> 11) & 7;
  for (let at = 0; at < 8; at++) {
    const place = CPU.x87 + ((at + top) & 7) * 16;
    compareBytes(found, `st${at}`, host.fx.subarray(32 + at * 16, 42 + at * 16), cpu.u8.subarray(place, place + 10));
  }
  for (let at = 0; at < 16; at++) {
    compareBytes(found, `xmm${at}`, host.fx.subarray(160 + at * 16, 176 + at * 16), cpu.u8.subarray(CPU.xmm + at * 16, CPU.xmm + at * 16 + 16));
  }
  return found;
}

/** Bytes of an `Image`: sixteen registers, flags, whether it jumped, the FXSAVE area up to XMM15. */
export const IMAGE_BYTES = 128 + 4 + 4 + 416;
const FX = 136;

/** All that is compared, in one array: from an FXSAVE image. What is not compared is zero. */
export function imageOf(gpr: BigUint64Array, flags: number, jumped: boolean, fx: Uint8Array): Uint8Array {
  const image = new Uint8Array(IMAGE_BYTES);
  const view = new DataView(image.buffer);
  gpr.forEach((value, at) => view.setBigUint64(at * 8, value, true));
  view.setUint32(128, flags, true);
  view.setUint32(132, jumped ? 1 : 0, true);
  image.set(fx.subarray(0, 5), FX);
  view.setUint32(FX + 24, new DataView(fx.buffer, fx.byteOffset).getUint32(24, true) & MXCSR_COMPARED, true);
  for (let at = 0; at < 8; at++) image.set(fx.subarray(32 + at * 16, 42 + at * 16), FX + 32 + at * 16);
  image.set(fx.subarray(160, 416), FX + 160);
  return image;
}

/** The same from an engine's register file. */
export function imageOfCpu(cpu: CpuState, flags: number, jumped: boolean): Uint8Array {
  const fx = new Uint8Array(512);
  const view = new DataView(fx.buffer);
  const status = cpu.i32[CPU.x87Status / 4] & 0xffff;
  view.setUint16(0, cpu.i32[CPU.x87Control / 4] & 0xffff, true);
  view.setUint16(2, status, true);
  view.setUint8(4, cpu.i32[CPU.x87Tag / 4] & 0xff);
  view.setUint32(24, cpu.i32[CPU.mxcsr / 4], true);
  for (let at = 0; at < 8; at++) {
    const place = CPU.x87 + ((at + (status >> 11)) & 7) * 16;
    fx.set(cpu.u8.subarray(place, place + 10), 32 + at * 16);
  }
  fx.set(cpu.u8.subarray(CPU.xmm, CPU.xmm + 256), 160);
  return imageOf(cpu.u64.subarray(0, 16), flags, jumped, fx);
}

function compareBytes(found: string[], name: string, expected: Uint8Array, actual: Uint8Array): void {
  for (let at = 0; at < expected.length; at++) {
    if (expected[at] !== actual[at]) {
      found.push(`${name}: host ${Buffer.from(expected).toString('hex')}, engine ${Buffer.from(actual).toString('hex')}`);
      return;
    }
  }
}

function flagNames(flags: number): string {
  return [
    ['c', 0],
    ['p', 2],
    ['a', 4],
    ['z', 6],
    ['s', 7],
    ['d', 10],
    ['o', 11],
  ]
    .map(([name, bit]) => ((flags >> (bit as number)) & 1 ? name : '-'))
    .join('');
}
