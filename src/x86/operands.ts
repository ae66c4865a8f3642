/**
 * Operand codes of the rows: SDM vol. 2, appendix A.2.1 (where the operand is) and A.2.2 (how wide it is).
 *
 * Where (upper-case letter):
 *   E  ModRM.rm: general register or memory      G  ModRM.reg: general register
 *   R  ModRM.rm: general register only           M  ModRM.rm: memory only
 *   Q  ModRM.rm: MMX register or memory          P  ModRM.reg: MMX register       N  ModRM.rm: MMX register only
 *   W  ModRM.rm: XMM register or memory          V  ModRM.reg: XMM register       U  ModRM.rm: XMM register only
 *   S  ModRM.reg: segment register               I  immediate, zero-extended      J  relative branch target
 *   C, D  ModRM.reg: control, debug register     O  absolute address (moffs)
 *   X  memory at DS:rSI (fs, gs override)        Y  memory at ES:rDI
 * Beyond the appendix, for what it writes in words:
 *   Z  general register in the opcode's low three bits (`+r`)
 *   sIb  byte sign-extended to the operand size  Iz  is always sign-extended
 *   ST0, STi  x87 registers (`STi`: low three bits of the second byte, `C0+i`)
 *   A/B  register form A, memory form B (`Ry/Mb`, `Udq/Mq`, `Rv/Mw`): both read ModRM.rm
 * How wide (lower case):
 *   b 1 · w 2 · d 4 · q 8 · v 2, 4, 8 by operand size · z 2, 4, 4 · y 4, or 8 under REX.W
 *   x, dq, ps, pd 16 · ss 4 · sd 8 · si 4 · pi 8 · t 10 · none: an address that is not accessed, or whose
 *   access the row's `lift` spells out (FXSAVE, FLDENV …).
 * Fixed registers: AL CL DL …, AX CX DX …, EAX …, RAX …, eAX (2, 4, 4), rAX … rDI (2, 4, 8), ES … GS, and `1`, `3`.
 */

import type { Gpr, Mmx, Operand, Seg, St, Xmm } from './insn.ts';

export const Where = {
  E: 0, G: 1, R: 2, M: 3, Q: 4, P: 5, N: 6, W: 7, V: 8, U: 9, S: 10, I: 11, J: 12, C: 13, D: 14, O: 15, X: 16, Y: 17, Z: 18,
  ST: 19, fixedGpr: 20, fixedSeg: 21, constant: 22, ST0: 23,
} as const;
export type Where = (typeof Where)[keyof typeof Where];

/** Widths in bytes by operand size 2, 4 and 8. */
export type Widths = readonly [number, number, number];

const same = (width: number): Widths => [width, width, width];
const WIDTHS: Readonly<Record<string, Widths>> = {
  '': same(0), b: same(1), w: same(2), d: same(4), q: same(8), v: [2, 4, 8], z: [2, 4, 4], y: [4, 4, 8],
  x: same(16), dq: same(16), ps: same(16), pd: same(16), ss: same(4), sd: same(8), si: same(4), pi: same(8), t: same(10),
};

export interface OperandSpec {
  readonly code: string;
  readonly where: Where;
  /** Width of the value (register forms, immediates after extension). */
  readonly widths: Widths;
  /** Width of the memory form, where it differs. */
  readonly memoryWidths: Widths;
  /** Bytes in the encoding: immediates, displacements of branches. */
  readonly encoded: Widths;
  readonly signed: boolean;
  /** Fixed registers and constants. */
  readonly fixed: Operand | undefined;
  /** Fixed registers by operand size. */
  readonly fixedBySize: readonly [Operand, Operand, Operand] | undefined;
}

const range = (count: number): number[] => Array.from({ length: count }, (_, at) => at);
const gprs = (size: 1 | 2 | 4 | 8): readonly Gpr[] => range(16).map((index) => Object.freeze({ kind: 'gpr', index, size, high: false }));
/** General registers by log2 of the width. */
export const GPR: readonly (readonly Gpr[])[] = [gprs(1), gprs(2), gprs(4), gprs(8)];
/** ah, ch, dh, bh. */
export const HIGH: readonly Gpr[] = range(4).map((index) => Object.freeze({ kind: 'gpr', index, size: 1, high: true }));
const xmms = (size: number): readonly Xmm[] => range(16).map((index) => Object.freeze({ kind: 'xmm', index, size }));
/** XMM registers by bytes named. */
export const XMM: readonly (readonly Xmm[])[] = range(17).map(xmms);
export const MMX: readonly Mmx[] = range(8).map((index) => Object.freeze({ kind: 'mmx', index, size: 8 }));
export const ST: readonly St[] = range(8).map((index) => Object.freeze({ kind: 'st', index, size: 10 }));
export const SEG: readonly Seg[] = range(6).map((index) => Object.freeze({ kind: 'seg', index, size: 2 }));

export const SEGMENTS = ['es', 'cs', 'ss', 'ds', 'fs', 'gs'] as const;
const LOG2: Readonly<Record<number, number>> = { 1: 0, 2: 1, 4: 2, 8: 3 };
const LEGACY = ['AX', 'CX', 'DX', 'BX', 'SP', 'BP', 'SI', 'DI'];
const LOW = ['AL', 'CL', 'DL', 'BL'];
const HIGH_NAMES = ['AH', 'CH', 'DH', 'BH'];

function spec(code: string, where: Where, widths: Widths, more: Partial<OperandSpec> = {}): OperandSpec {
  return { code, where, widths, memoryWidths: widths, encoded: [0, 0, 0], signed: false, fixed: undefined, fixedBySize: undefined, ...more };
}

function fixedRegister(code: string): OperandSpec | undefined {
  const fixed = (operand: Operand): OperandSpec => spec(code, Where.fixedGpr, same(operand.size), { fixed: operand });
  const low = LOW.indexOf(code);
  if (low >= 0) return fixed(GPR[0][low]);
  const high = HIGH_NAMES.indexOf(code);
  if (high >= 0) return fixed(HIGH[high]);
  const word = LEGACY.indexOf(code);
  if (word >= 0) return fixed(GPR[1][word]);
  const named = LEGACY.indexOf(code.slice(1));
  if (named >= 0 && code.length === 3) {
    if (code[0] === 'E') return fixed(GPR[2][named]);
    if (code[0] === 'R') return fixed(GPR[3][named]);
    const by = (sizes: Widths): OperandSpec =>
      spec(code, Where.fixedGpr, sizes, { fixedBySize: [GPR[LOG2[sizes[0]]][named], GPR[LOG2[sizes[1]]][named], GPR[LOG2[sizes[2]]][named]] });
    if (code[0] === 'e') return by([2, 4, 4]);
    if (code[0] === 'r') return by([2, 4, 8]);
  }
  const segment = (SEGMENTS as readonly string[]).indexOf(code.toLowerCase());
  if (segment >= 0 && code === code.toUpperCase()) return spec(code, Where.fixedSeg, same(2), { fixed: SEG[segment] });
  if (code === '1' || code === '3') return spec(code, Where.constant, same(1), { fixed: { kind: 'imm', value: BigInt(code), size: 1 } });
  return undefined;
}

/** Parses one operand code; throws on one that is not in the tables above. */
export function parseOperand(code: string): OperandSpec {
  if (code === 'ST' || code === 'ST0') return spec(code, Where.ST0, same(10), { fixed: ST[0] });
  if (code === 'STi') return spec(code, Where.ST, same(10));
  const register = fixedRegister(code);
  if (register !== undefined) return register;
  if (code.includes('/')) {
    const [first, second] = code.split('/').map(parseOperand);
    if (second?.where !== Where.M) throw new Error(`operand ${code}: the second half is not memory`);
    const both = first.where === Where.R ? Where.E : first.where === Where.U ? Where.W : first.where === Where.N ? Where.Q : undefined;
    if (both === undefined) throw new Error(`operand ${code}: the first half is not a register of ModRM.rm`);
    return spec(code, both, first.widths, { memoryWidths: second.widths });
  }
  if (code === 'sIb') return spec(code, Where.I, [2, 4, 8], { encoded: same(1), signed: true });
  const where = Where[code[0] as keyof typeof Where];
  const widths = WIDTHS[code.slice(1)];
  if (where === undefined || widths === undefined || where >= Where.ST) throw new Error(`no operand is written ${code}`);
  switch (where) {
    case Where.I: return spec(code, where, code === 'Iz' ? [2, 4, 8] : widths, { encoded: widths, signed: code === 'Iz' });
    case Where.J: return spec(code, where, same(8), { encoded: code === 'Jz' ? same(4) : widths, signed: true });
    case Where.P: case Where.N: case Where.Q: return spec(code, where, same(8), { memoryWidths: widths });
    default: return spec(code, where, widths);
  }
}

/** Reads ModRM.rm and accepts a register there. */
export const takesRegister = (where: Where): boolean =>
  where === Where.E || where === Where.R || where === Where.Q || where === Where.N || where === Where.W || where === Where.U;
/** Reads ModRM.rm and accepts memory there. */
export const takesMemory = (where: Where): boolean => where === Where.E || where === Where.M || where === Where.Q || where === Where.W;
