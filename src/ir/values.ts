/** Nodes of the intermediate representation: typed values of one basic block, and its effects. */

import type { Op, Type } from '../ops/index.ts';

/**
 * - a name of `OPS`: that operation on `a`, `b`, `c`; loads and stores of guest memory take the address in `a`
 *   and a constant offset in `imm`; lane operations the lane in `imm`.
 * - `const`: i32/f32/f64 in `imm` (floats also as bits in `wide`), i64 in `wide` (bigint), v128 in `wide` (16 bytes).
 * - `reg.get`: register `imm` as it was at the start of the block.
 * - `reg.reload`: register `imm` from the register file, after a helper wrote it.
 * - `select`: c (i32) ? a : b. `shuffle`: indices in `wide`.
 * - `cpu.<load or store>`: the register file at offset `imm`; a store's value is `a`.
 * - `helper`: the helper named by `wide`; `args` are the registers it wants in the register file.
 * - `trapIf`: stops with trap `wide` if `a` is not zero.
 */
export type NodeOp = Op | 'const' | 'reg.get' | 'reg.reload' | 'select' | 'shuffle' | 'helper' | 'trapIf' | `cpu.${Op}`;

export class Node {
  readonly op: NodeOp;
  readonly type: Type;
  readonly a: Node | undefined;
  readonly b: Node | undefined;
  readonly c: Node | undefined;
  readonly imm: number;
  readonly wide: unknown;
  /** Guest address of the instruction, and its place in the block. */
  pc = 0;
  insn = 0;
  /** Has to happen, and in order (the value, if any, is the result). */
  isEffect = false;
  /** For `helper`. */
  args: readonly (readonly [number, Node])[] = [];
  /** For the emitter: uses counted, local that holds it. */
  uses = 0;
  local = -1;

  constructor(op: NodeOp, type: Type, a: Node | undefined, b: Node | undefined, c: Node | undefined, imm: number, wide: unknown) {
    this.op = op;
    this.type = type;
    this.a = a;
    this.b = b;
    this.c = c;
    this.imm = imm;
    this.wide = wide;
  }
}

/** Register ids: 0–15 general registers, then these; 32–47 XMM. */
export const REG_FS = 16,
  REG_GS = 17,
  REG_DF = 18,
  REG_XMM = 32;
/** CF PF AF ZF SF OF, each an i32 that is 0 or 1. They live in locals only; the register file has the descriptor. */
export const FLAG_IDS: readonly number[] = [19, 20, 21, 22, 23, 24];
/** The lazy descriptor of the flags (`CPU.flagsCode`, `flagsA`, `flagsB`). */
export const REG_FLAGS_CODE = 25,
  REG_FLAGS_A = 26,
  REG_FLAGS_B = 27;

export function registerType(id: number): Type {
  if (id < REG_DF || id === REG_FLAGS_A || id === REG_FLAGS_B) return 'i64';
  return id < REG_XMM ? 'i32' : 'v128';
}

/** How a block ends. The target of a `return` is loaded by the last effect. Addresses outside the unit are dealt with by whoever lays blocks out. */
export type Terminator =
  | { readonly kind: 'fallthrough' }
  | { readonly kind: 'jump'; readonly target: number }
  | { readonly kind: 'branch'; readonly condition: Node; readonly target: number }
  | { readonly kind: 'jumpIndirect'; readonly target: Node }
  | { readonly kind: 'call'; readonly target: number | Node }
  | { readonly kind: 'return'; readonly target: Node; readonly extraBytes: number }
  | { readonly kind: 'syscall' }
  | { readonly kind: 'trap'; readonly trap: 'de' | 'db' | 'bp' | 'of' | 'ud' | 'gp' | 'mf' | 'xm'; readonly pc: number };
