/** A decoded instruction: what the decoder makes and what lifting reads. */

import type { Row } from './row.ts';

/** Operand width in bytes; 10 is the x87 extended format, 16 an XMM register. */
export type Size = 1 | 2 | 4 | 8 | 10 | 16;

export interface Gpr {
  readonly kind: 'gpr';
  readonly index: number;
  readonly size: 1 | 2 | 4 | 8 /** ah, ch, dh, bh: `index` is 0–3 and bits 8–15 are meant. */;
  readonly high: boolean;
}
export interface Xmm {
  readonly kind: 'xmm';
  readonly index: number /** Bytes of it that the operand names (4 for ss, 8 for sd …). */;
  readonly size: number;
}
export interface Mmx {
  readonly kind: 'mmx';
  readonly index: number;
  readonly size: 8;
}
/** x87 stack register ST(index). */
export interface St {
  readonly kind: 'st';
  readonly index: number;
  readonly size: 10;
}
export interface Seg {
  readonly kind: 'seg';
  readonly index: number;
  readonly size: 2;
}
export interface Mem {
  readonly kind: 'mem';
  /** Register number, or -1 for none. RIP-relative operands are resolved: base -1, `disp` the absolute address. */
  readonly base: number;
  readonly index: number;
  readonly scale: 1 | 2 | 4 | 8;
  /** Sign-extended displacement, or the absolute address of a RIP-relative operand. */
  readonly disp: number;
  readonly segment: 'fs' | 'gs' | undefined;
  readonly ripRelative: boolean;
  /** 4 under an address-size prefix: the effective address is truncated to 32 bits. */
  readonly addressSize: 4 | 8;
  /** Bytes accessed; 0 where the instruction does not access memory through it (`lea`, prefetch). */
  readonly size: number;
}
/** Immediate, already sign- or zero-extended to the operand size as the manual says. */
export interface Imm {
  readonly kind: 'imm';
  readonly value: bigint;
  readonly size: 1 | 2 | 4 | 8;
}
/** Branch target, absolute. */
export interface Rel {
  readonly kind: 'rel';
  readonly target: number;
  readonly size: 8;
}

export type Operand = Gpr | Xmm | Mmx | St | Seg | Mem | Imm | Rel;

export interface Insn {
  readonly row: Row;
  readonly pc: number;
  /** Bytes of the instruction, 1 to 15. */
  readonly length: number;
  /** Effective operand size in bytes where the row leaves it open (`v` operands): 2, 4 or 8. */
  readonly size: 2 | 4 | 8;
  readonly addressSize: 4 | 8;
  readonly lock: boolean;
  /** F3 and F2 where they are not part of the opcode. */
  readonly rep: 'rep' | 'repne' | undefined;
  readonly ops: readonly Operand[];
}
