/**
 * CPUID (SDM vol. 2, CPUID; AMD APM vol. 3 appendix E for 8000_0000h and above): what the rows implement, x86-64-v2.
 *
 * One literal row per leaf and subleaf. The vendor is one that glibc and libgcc know: for others they do not look
 * at the feature bits at all, and a libc built for any level refuses to start; the caches are those of a common
 * server, so that libc picks sane copy thresholds.
 */

import type { CpuState } from './state.ts';
import { RAX, RBX, RCX, RDX } from './state.ts';

type Registers = readonly [eax: number, ebx: number, ecx: number, edx: number];

/** Twelve or sixteen characters as little-endian words. */
function words(text: string): number[] {
  return Array.from({ length: text.length / 4 }, (_, n) => [0, 1, 2, 3].reduce((word, k) => word | (text.charCodeAt(n * 4 + k) << (8 * k)), 0) >>> 0);
}
const VENDOR = words('GenuineIntel');
const BRAND = words('Cloister virtual x86-64-v2 processor'.padEnd(48, '\0'));

const at = (...bits: number[]): number => bits.reduce((mask, bit) => mask | (1 << bit), 0) >>> 0;
/** Leaf 1 EDX: FPU TSC MSR PAE CX8 SEP… those that user programs can use, and what every x86-64 has beside them. */
const EDX_1 = at(0 /* FPU */, 4 /* TSC */, 6 /* PAE */, 8 /* CX8 */, 13 /* PGE */, 15 /* CMOV */, 16 /* PAT */, 19 /* CLFSH */, 23 /* MMX */, 24 /* FXSR */, 25 /* SSE */, 26 /* SSE2 */);
const ECX_1 = at(0 /* SSE3 */, 9 /* SSSE3 */, 13 /* CX16 */, 19 /* SSE4.1 */, 20 /* SSE4.2 */, 23 /* POPCNT */, 31 /* a hypervisor is there */);
const EDX_EXTENDED = at(11 /* SYSCALL */, 20 /* NX */, 27 /* RDTSCP */, 29 /* 64-bit mode */);
const ECX_EXTENDED = at(0 /* LAHF64 */, 8 /* PREFETCHW */);

const cache = (type: 1 | 2 | 3, level: number, ways: number, sets: number): Registers => [type | (level << 5) | (1 << 8), ((ways - 1) << 22) | 63, sets - 1, 0];

/** By leaf, then subleaf; a leaf with one row ignores the subleaf. */
const LEAVES: Readonly<Record<number, readonly Registers[]>> = {
  0x0000_0000: [[7, VENDOR[0], VENDOR[2], VENDOR[1]]],
  0x0000_0001: [[0x0006_0f01, (8 << 8) | (1 << 16), ECX_1, EDX_1]],
  0x0000_0002: [[0x00fe_ff01, 0, 0, 0]],
  0x0000_0004: [cache(1, 1, 8, 64), cache(2, 1, 8, 64), cache(3, 2, 16, 1024), cache(3, 3, 16, 16384), [0, 0, 0, 0]],
  0x0000_0007: [
    [0, 0, 0, 0],
    [0, 0, 0, 0],
  ],
  0x8000_0000: [[0x8000_0008, VENDOR[0], VENDOR[2], VENDOR[1]]],
  0x8000_0001: [[0, 0, ECX_EXTENDED, EDX_EXTENDED]],
  0x8000_0002: [[BRAND[0], BRAND[1], BRAND[2], BRAND[3]]],
  0x8000_0003: [[BRAND[4], BRAND[5], BRAND[6], BRAND[7]]],
  0x8000_0004: [[BRAND[8], BRAND[9], BRAND[10], BRAND[11]]],
  0x8000_0005: [[0, 0, (32 << 24) | (8 << 16) | (1 << 8) | 64, (32 << 24) | (8 << 16) | (1 << 8) | 64]],
  0x8000_0006: [[0, 0, (1024 << 16) | (8 << 12) | (1 << 8) | 64, (32 << 18) | (8 << 12) | (1 << 8) | 64]],
  0x8000_0007: [[0, 0, 0, 1 << 8]],
  0x8000_0008: [[(48 << 8) | 40, 0, 0, 0]],
};

const NOTHING: Registers = [0, 0, 0, 0];

/** The four words of a leaf; leaves beyond the last are zero. */
export function cpuidLeaf(leaf: number, subleaf: number): Registers {
  const rows = LEAVES[leaf >>> 0];
  if (rows === undefined) return NOTHING;
  return rows.length === 1 ? rows[0] : (rows[subleaf >>> 0] ?? NOTHING);
}

/** Every start of a libc asks dozens of times, before any of this is optimised: no iterators, no numbers on the heap. */
export function cpuid({ u32 }: CpuState): void {
  const row = cpuidLeaf(u32[RAX * 2], u32[RCX * 2]);
  u32[RAX * 2] = row[0];
  u32[RBX * 2] = row[1];
  u32[RCX * 2] = row[2];
  u32[RDX * 2] = row[3];
  u32[RAX * 2 + 1] = u32[RBX * 2 + 1] = u32[RCX * 2 + 1] = u32[RDX * 2 + 1] = 0;
}
