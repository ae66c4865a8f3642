/**
 * What the meaning of an instruction is written in.
 *
 * A row's `lift` function calls a `Lifter` once per execution path through the instruction; the IR builder
 * implements it. Values are immutable and typed like wasm's: `i32`, `i64`, `f32`, `f64`, `v128`.
 *
 * Conventions, all of them relied upon by the engines:
 * - 8- and 16-bit integers are `i32` values whose upper bits are **zero**; 32-bit ones are `i32`; 64-bit `i64`.
 * - Faults are precise: do everything that may fault (loads, stores, `trapIf`) before the first
 *   `writeReg`/`setFlag`; a store is the last thing that may fault. (For several stores in one instruction,
 *   the first one covering the lowest address is enough for architectural purposes.)
 * - Flags are lazy: `setFlag` takes a thunk, forced only where somebody reads the flag. Undefined flags: leave
 *   them as hardware's most common choice, and say so in the row's `undefinedFlags`.
 */

import type { LoadOp, Op, StoreOp, Type } from '../ops/index.ts';
import type { Insn, Mem, Operand } from './insn.ts';

export interface Value {
  readonly type: Type;
}

export type Flag = 'cf' | 'pf' | 'af' | 'zf' | 'sf' | 'of';
/** Condition codes, in the order of the opcode's low four bits. */
export const CONDITIONS = ['o', 'no', 'b', 'ae', 'e', 'ne', 'be', 'a', 's', 'ns', 'p', 'np', 'l', 'ge', 'le', 'g'] as const;
export type Condition = (typeof CONDITIONS)[number];

/** #DE, #DB, #BP, #UD, #GP, #MF (x87), #XM (SIMD); the kernel turns them into signals. */
export type TrapKind = 'de' | 'db' | 'bp' | 'of' | 'ud' | 'gp' | 'mf' | 'xm';

export interface Lifter {
  i32(value: number): Value;
  i64(value: bigint | number): Value;
  f32(value: number): Value;
  f64(value: number): Value;
  /** Sixteen bytes, lane 0 first. */
  v128(bytes: readonly number[]): Value;
  /** Applies an operation without side effect; operands must have the types of its signature. Constants fold. */
  op(op: Op, a: Value, b?: Value, c?: Value): Value;
  /** `extract_lane`/`replace_lane`. */
  lane(op: Op, lane: number, a: Value, b?: Value): Value;
  /** `i8x16.shuffle`: 16 indices into the 32 bytes of `a` then `b`. */
  shuffle(indices: readonly number[], a: Value, b: Value): Value;
  /** `condition` is i32; both arms are evaluated. */
  select(condition: Value, ifTrue: Value, ifFalse: Value): Value;

  /** Memory access relative to an i64 address. Loads of the `_lane` kind are spelled out by lane operations instead. */
  load(op: LoadOp, address: Value): Value;
  store(op: StoreOp, address: Value, value: Value): void;

  /** The effective address of a memory operand, segment base included (i64). */
  address(mem: Mem): Value;
  /** Reads an operand: gpr/mem/imm of 1, 2, 4 bytes give i32, 8 give i64, xmm and 16-byte memory give v128, mmx gives i64. `imm` takes the type of `operand.size`. */
  read(operand: Operand): Value;
  /** Writes an operand: 32-bit registers zero-extend, 8- and 16-bit ones merge; xmm replaces all 128 bits; a v128 written to memory of 4 or 8 bytes stores its low lane. */
  write(operand: Operand, value: Value): void;
  /** A whole general register (i64). */
  readGpr(index: number): Value;
  writeGpr(index: number, value: Value): void;
  /** A whole XMM register (v128). */
  readXmm(index: number): Value;
  writeXmm(index: number, value: Value): void;
  /** The direction flag (i32, 0 or 1). */
  readDf(): Value;
  writeDf(value: Value): void;
  readSegmentBase(segment: 'fs' | 'gs'): Value;
  writeSegmentBase(segment: 'fs' | 'gs', value: Value): void;

  /** Sets all six status flags from an addition, subtraction or logical result. `size` in bytes; operands clean (see above). */
  flagsAdd(size: 1 | 2 | 4 | 8, a: Value, b: Value, result: Value): void;
  flagsSub(size: 1 | 2 | 4 | 8, a: Value, b: Value, result: Value): void;
  flagsLogic(size: 1 | 2 | 4 | 8, result: Value): void;
  /** Sets one flag; the thunk gives i32 0 or 1. It runs at most once, possibly much later, possibly never. */
  setFlag(flag: Flag, value: () => Value): void;
  /** The flag now (i32 0 or 1). */
  flag(flag: Flag): Value;
  /** Captures the flag as it is now without forcing it: for thunks that may keep the old value. */
  flagLater(flag: Flag): () => Value;
  /** A condition on the flags (i32, 0 or 1); comparisons fuse with the instruction that set the flags. */
  condition(code: Condition): Value;

  /** The register file behind `CPU` offsets that is not cached in registers: MXCSR, x87, scratch. Any load or store op. */
  cpuLoad(op: LoadOp, offset: number): Value;
  cpuStore(op: StoreOp, offset: number, value: Value): void;
  /** Calls a row of `HELPERS`, which declares what it reads and writes of the registers. */
  helper(name: string): void;

  /** Control. Each ends the instruction, except `trapIf` and a `branch` not taken. */
  jump(target: number | Value): void;
  /** Conditional jump; falls through to the next instruction otherwise. */
  branch(condition: Value, target: number): void;
  /** Pushes the return address and jumps. */
  call(target: number | Value): void;
  /** Pops the return address, then `extraBytes` more, and jumps there. */
  ret(extraBytes: number): void;
  syscall(): void;
  trap(kind: TrapKind): void;
  trapIf(condition: Value, kind: TrapKind): void;
}

/** The meaning of a row. */
export type Lift = (b: Lifter, x: Insn) => void;
