/** The time-stamp counter (SDM vol. 3 §18.17): nanoseconds, as a processor of 1 GHz would count. */

import type { CpuState } from './state.ts';
import { RAX, RCX, RDX } from './state.ts';

/** Ticks per second of `rdtsc`. */
export const TSC_HZ = 1_000_000_000;

let clock: () => number = () => performance.now() * 1e6;

/** The engine's host gives the clock: monotonic, in nanoseconds. */
export function setTscClock(nowNs: () => number): void {
  clock = nowNs;
}

export function rdtsc(cpu: CpuState): void {
  const now = Math.floor(clock());
  cpu.setReg(RAX, now % 0x1_0000_0000);
  cpu.setReg(RDX, Math.floor(now / 0x1_0000_0000));
}

/** IA32_TSC_AUX is the number of the processor: 0. */
export function rdtscp(cpu: CpuState): void {
  rdtsc(cpu);
  cpu.setReg(RCX, 0);
}
