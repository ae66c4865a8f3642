/**
 * The body of one function, written instruction by instruction (spec §5.4).
 *
 * Labels are absolute: `block`/`loop` return the depth at which they were opened, and `br` takes it, so that
 * the writer of structured code need not count.
 */

import { OPS, type Op, type OpInfo, type Type } from '../ops/index.ts';
import { ByteWriter } from './writer.ts';

/** Types of parameters and results. */
export type ValueType = Type | 'funcref';

export const VALUE_TYPE: Record<ValueType, number> = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, v128: 0x7b, funcref: 0x70 };

export type BranchHint = readonly [offset: number, taken: 0 | 1];

export class FunctionBody {
  readonly out: ByteWriter;
  readonly #paramCount: number;
  readonly #locals: Type[] = [];
  /** Offsets of branches, and 1 for those that are nearly always taken, 0 for never. */
  readonly #hints: BranchHint[] = [];
  #depth = 0;

  constructor(paramCount: number, capacity = 2048) {
    this.#paramCount = paramCount;
    this.out = new ByteWriter(capacity);
  }

  /** Bytes of instructions written so far. */
  get length(): number {
    return this.out.length;
  }

  local(type: Type): number {
    this.#locals.push(type);
    return this.#paramCount + this.#locals.length - 1;
  }

  get localCount(): number {
    return this.#locals.length;
  }

  get depth(): number {
    return this.#depth;
  }

  block(): number {
    this.out.u8(0x02);
    this.out.u8(0x40);
    return this.#depth++;
  }

  loop(): number {
    this.out.u8(0x03);
    this.out.u8(0x40);
    return this.#depth++;
  }

  /** The next `if` or `brIf` is hardly ever taken (proposal "Branch Hinting"). */
  unlikely(): void {
    this.#hints.push([this.out.length, 0]);
  }

  likely(): void {
    this.#hints.push([this.out.length, 1]);
  }

  if(result?: Type): number {
    this.out.u8(0x04);
    this.out.u8(result === undefined ? 0x40 : VALUE_TYPE[result]);
    return this.#depth++;
  }

  else(): void {
    this.out.u8(0x05);
  }

  end(): void {
    this.#depth--;
    this.out.u8(0x0b);
  }

  br(label: number): void {
    this.out.u8(0x0c);
    this.out.u32(this.#depth - 1 - label);
  }

  brIf(label: number): void {
    this.out.u8(0x0d);
    this.out.u32(this.#depth - 1 - label);
  }

  /** Index on the stack; `labels` by index, else `otherwise`. */
  brTable(labels: readonly number[], otherwise: number): void {
    this.out.u8(0x0e);
    this.out.u32(labels.length);
    for (const label of labels) this.out.u32(this.#depth - 1 - label);
    this.out.u32(this.#depth - 1 - otherwise);
  }

  return(): void {
    this.out.u8(0x0f);
  }

  unreachable(): void {
    this.out.u8(0x00);
  }

  drop(): void {
    this.out.u8(0x1a);
  }

  select(): void {
    this.out.u8(0x1b);
  }

  /** Select for v128, which the untyped form does not take. */
  selectTyped(type: Type): void {
    this.out.u8(0x1c);
    this.out.u8(1);
    this.out.u8(VALUE_TYPE[type]);
  }

  localGet(index: number): void {
    this.out.u8(0x20);
    this.out.u32(index);
  }

  localSet(index: number): void {
    this.out.u8(0x21);
    this.out.u32(index);
  }

  localTee(index: number): void {
    this.out.u8(0x22);
    this.out.u32(index);
  }

  globalGet(index: number): void {
    this.out.u8(0x23);
    this.out.u32(index);
  }

  globalSet(index: number): void {
    this.out.u8(0x24);
    this.out.u32(index);
  }

  refFunc(functionIndex: number): void {
    this.out.u8(0xd2);
    this.out.u32(functionIndex);
  }

  call(functionIndex: number): void {
    this.out.u8(0x10);
    this.out.u32(functionIndex);
  }

  callIndirect(typeIndex: number, table = 0): void {
    this.out.u8(0x11);
    this.out.u32(typeIndex);
    this.out.u32(table);
  }

  returnCall(functionIndex: number): void {
    this.out.u8(0x12);
    this.out.u32(functionIndex);
  }

  returnCallIndirect(typeIndex: number, table = 0): void {
    this.out.u8(0x13);
    this.out.u32(typeIndex);
    this.out.u32(table);
  }

  i32(value: number): void {
    this.out.u8(0x41);
    this.out.s32(value);
  }

  i64(value: bigint): void {
    this.out.u8(0x42);
    this.out.s64(value);
  }

  /** An i64 constant given as a number (an integer within ±2^53). */
  i64n(value: number): void {
    this.out.u8(0x42);
    if (value >= -0x8000_0000 && value <= 0x7fff_ffff) this.out.s32(value);
    else this.out.s64(BigInt(value));
  }

  f32(value: number): void {
    this.out.u8(0x43);
    this.out.raw(new Uint8Array(new Float32Array([value]).buffer));
  }

  f64(value: number): void {
    this.out.u8(0x44);
    this.out.raw(new Uint8Array(new Float64Array([value]).buffer));
  }

  v128(bytes: Uint8Array): void {
    this.#prefixed(0xfd, 12);
    this.out.raw(bytes);
  }

  shuffle(indices: Uint8Array | readonly number[]): void {
    this.#prefixed(0xfd, 13);
    for (const index of indices) this.out.u8(index);
  }

  op(op: Op): void {
    this.#opcode(OPS[op]);
  }

  lane(op: Op, lane: number): void {
    this.#opcode(OPS[op]);
    this.out.u8(lane);
  }

  /** A load or store of memory `memory` at a constant offset; alignment hint 1. */
  memory(op: Op, offset: number, memory = 0): void {
    this.#opcode(OPS[op]);
    if (memory === 0) {
      this.out.u8(0);
    } else {
      this.out.u8(0x40);
      this.out.u32(memory);
    }
    this.out.u53(offset);
  }

  memoryCopy(to = 0, from = 0): void {
    this.#prefixed(0xfc, 10);
    this.out.u32(to);
    this.out.u32(from);
  }

  memoryFill(memory = 0): void {
    this.#prefixed(0xfc, 11);
    this.out.u32(memory);
  }

  #opcode(info: OpInfo): void {
    if (info.prefix === 0) this.out.u8(info.code);
    else this.#prefixed(info.prefix, info.code);
  }

  #prefixed(prefix: number, code: number): void {
    this.out.u8(prefix);
    this.out.u32(code);
  }

  /**
   * Size, local declarations and instructions, as they stand in the code section; `prefix` = bytes before the first instruction.
   * Offsets of `hints` count from behind the size.
   */
  finish(): { bytes: Uint8Array; prefix: number; hints: readonly BranchHint[] } {
    const head = new ByteWriter(64);
    const runs: [number, Type][] = [];
    for (const type of this.#locals) {
      const last = runs[runs.length - 1];
      if (last !== undefined && last[1] === type) last[0]++;
      else runs.push([1, type]);
    }
    head.u32(runs.length);
    for (const [count, type] of runs) {
      head.u32(count);
      head.u8(VALUE_TYPE[type]);
    }
    const all = new ByteWriter(head.length + this.out.length + 6);
    all.u32(head.length + this.out.length + 1);
    all.raw(head.view());
    const prefix = all.length;
    all.raw(this.out.view());
    all.u8(0x0b);
    return { bytes: all.view(), prefix, hints: this.#hints.map(([at, taken]) => [head.length + at, taken]) };
  }
}
