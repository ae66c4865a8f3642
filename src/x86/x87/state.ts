/** The x87 registers in the register file: stack, tags, status (SDM vol. 1 §8.1). */

import { CPU } from '../state.ts';
import type { CpuState } from '../state.ts';
import { C1, ES, IE, INDEFINITE, SF, make } from './float80.ts';
import type { Env, F80 } from './float80.ts';

/** Where row and helper meet, as offsets in the register file. */
export const X87 = {
  /** Memory operand or result, 16 bytes. */
  value: CPU.scratch,
  /** Number of the stack register, or a condition (i32). */
  index: CPU.scratch + 16,
  /** Flags of FCOMI (i32): CF 0, PF 2, ZF 6. */
  flags: CPU.scratch + 20,
  /** Status and tag words that become current once the result is in memory (i32). */
  status: CPU.scratch + 24,
  tag: CPU.scratch + 28,
} as const;

const PRECISION = [24, 64, 53, 64] as const;

export const status = (cpu: CpuState): number => cpu.i32[CPU.x87Status / 4];
export const setStatus = (cpu: CpuState, value: number): void => void (cpu.i32[CPU.x87Status / 4] = value);
export const control = (cpu: CpuState): number => cpu.i32[CPU.x87Control / 4];
const tags = (cpu: CpuState): number => cpu.i32[CPU.x87Tag / 4];
const setTags = (cpu: CpuState, value: number): void => void (cpu.i32[CPU.x87Tag / 4] = value);

export function environment(cpu: CpuState): Env {
  const word = control(cpu);
  return { rc: (word >> 10) & 3, precision: PRECISION[(word >> 8) & 3], raised: 0 };
}

const top = (cpu: CpuState): number => (status(cpu) >> 11) & 7;
const physical = (cpu: CpuState, index: number): number => (top(cpu) + index) & 7;
export const isEmpty = (cpu: CpuState, index: number): boolean => ((tags(cpu) >> physical(cpu, index)) & 1) === 0;

export function readRaw(cpu: CpuState, offset: number): F80 {
  const high = cpu.u16[(offset + 8) / 2];
  return make(high >> 15, high & 0x7fff, cpu.u64[offset / 8]);
}

export function writeRaw(cpu: CpuState, offset: number, value: F80): void {
  cpu.u64[offset / 8] = value.sig;
  cpu.u16[(offset + 8) / 2] = (value.sign << 15) | value.exp;
}

export const st = (cpu: CpuState, index: number): F80 => readRaw(cpu, CPU.x87 + 16 * physical(cpu, index));

export function setSt(cpu: CpuState, index: number, value: F80): void {
  const at = physical(cpu, index);
  writeRaw(cpu, CPU.x87 + 16 * at, value);
  setTags(cpu, tags(cpu) | (1 << at));
}

export function pop(cpu: CpuState): void {
  setTags(cpu, tags(cpu) & ~(1 << top(cpu)));
  setTop(cpu, top(cpu) + 1);
}

export function setTop(cpu: CpuState, value: number): void {
  setStatus(cpu, (status(cpu) & ~0x3800) | ((value & 7) << 11));
}

export function free(cpu: CpuState, index: number): void {
  setTags(cpu, tags(cpu) & ~(1 << physical(cpu, index)));
}

/** Adds exceptions; C1 is set or cleared with them. True where none of those that stop an instruction is unmasked. */
export function raise(cpu: CpuState, raised: number): boolean {
  let word = (status(cpu) & ~C1) | raised;
  const unmasked = word & ~control(cpu) & 0x3f;
  if (unmasked !== 0) word |= ES | 0x8000;
  setStatus(cpu, word);
  return (raised & ~control(cpu) & 7) === 0;
}

/** An empty register was read: IE, SF, C1 = 0. */
export const underflow = (cpu: CpuState): boolean => raise(cpu, IE | SF);

/** Pushes a value made by an instruction that raised `raised`. */
export function push(cpu: CpuState, value: F80, raised: number): void {
  if (!isEmpty(cpu, 7)) {
    if (!raise(cpu, IE | SF | C1)) return;
    setTop(cpu, top(cpu) - 1);
    setSt(cpu, 0, INDEFINITE);
    return;
  }
  if (!raise(cpu, raised)) return;
  setTop(cpu, top(cpu) - 1);
  setSt(cpu, 0, value);
}
