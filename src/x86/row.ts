/**
 * One instruction encoding: a line in `inst/<family>.ts`, in the words of the manual (SDM vol. 2).
 *
 *     i('add',   '01 /r',       'Ev,Gv', I386, alu(add)),
 *     i('paddb', '66 0F FC /r', 'Vx,Wx', SSE2, lanes('i8x16.add')),
 *
 * Encoding: mandatory prefix (`66`, `F3`, `F2`, or `NP` = none of them allowed), `REX.W` where it selects
 * the row, opcode bytes, `+r` (register in the low three bits), `/r` or `/0`…`/7` (ModRM.reg), a fixed
 * second ModRM byte, and `ib iw id iq` immediates, `cb cd` relative targets.
 * Operands: SDM vol. 2, appendix A.2.1–A.2.2 (`Ev`, `Gv`, `Vx`, `Wsd`, `Mdq`, `Ib`, `Iz`, `Jz`, `AL`, `1` …).
 */

import type { Lift } from './lift.ts';

/** CPUID features, by the level that introduced them. */
export type Feature =
  | 'I386'
  | 'X87'
  | 'CMOV'
  | 'CX8'
  | 'CX16'
  | 'MMX'
  | 'FXSR'
  | 'SSE'
  | 'SSE2'
  | 'SSE3'
  | 'SSSE3'
  | 'SSE4_1'
  | 'SSE4_2'
  | 'POPCNT'
  | 'X86_64'
  | 'LAHF64'
  | 'MOVBE'
  | 'BMI1'
  | 'BMI2'
  | 'LZCNT'
  | 'ADX'
  | 'RDTSC'
  | 'RDTSCP'
  | 'RDRAND'
  | 'CPUID'
  | 'XSAVE'
  | 'CLFLUSH'
  | 'PREFETCHW';

export interface RowOptions {
  /** Flags (RFLAGS bits) that the manual leaves undefined; the differential tests mask them. A function where it depends on operands. */
  readonly undefinedFlags?: number;
  /** Accepts a LOCK prefix with a memory destination. */
  readonly lockable?: boolean;
  /** Defaults to 64-bit operand size (push, pop, near branches). */
  readonly default64?: boolean;
  /** Traps with #GP in user programs; no test runs it natively. */
  readonly privileged?: boolean;
  /** Takes F3/F2 as repeat prefixes. */
  readonly repeats?: boolean;
}

export interface Row extends RowOptions {
  readonly mnemonic: string;
  readonly encoding: string;
  readonly operands: string;
  readonly feature: Feature;
  readonly lift: Lift;
}

/** Makes a row. The decoder validates the strings when the tables are loaded. */
export function i(mnemonic: string, encoding: string, operands: string, feature: Feature, lift: Lift, options: RowOptions = {}): Row {
  return { mnemonic, encoding, operands, feature, lift, ...options };
}
