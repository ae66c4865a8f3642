/** The register file as translated code reads and writes it: registers by their id (see `ir/`), other fields by offset and type. */

import { REG_DF, REG_FLAGS_A, REG_FLAGS_B, REG_FLAGS_CODE } from '../ir/index.ts';
import type { Type } from '../ops/index.ts';
import type { FunctionBody } from '../wasm/index.ts';
import { CPU } from '../x86/index.ts';
import { CPU_MEMORY } from './layout.ts';

/** Type and place in the register file of a register id. */
export function registerPlace(id: number): { type: Type; offset: number } {
  if (id < 16) return { type: 'i64', offset: id * 8 };
  if (id === 16) return { type: 'i64', offset: CPU.fsBase };
  if (id === 17) return { type: 'i64', offset: CPU.gsBase };
  if (id === REG_DF) return { type: 'i32', offset: CPU.df };
  if (id === REG_FLAGS_CODE) return { type: 'i32', offset: CPU.flagsCode };
  if (id === REG_FLAGS_A) return { type: 'i64', offset: CPU.flagsA };
  if (id === REG_FLAGS_B) return { type: 'i64', offset: CPU.flagsB };
  return { type: 'v128', offset: CPU.xmm + (id - 32) * 16 };
}

/** Leaves a register's value on the stack. */
export function loadRegister(b: FunctionBody, id: number): void {
  const { type, offset } = registerPlace(id);
  loadField(b, type, offset);
}

/** `value` leaves it on the stack. */
export function storeRegister(b: FunctionBody, id: number, value: () => void): void {
  const { type, offset } = registerPlace(id);
  storeField(b, type, offset, value);
}

export function loadField(b: FunctionBody, type: Type, offset: number): void {
  b.i32(0);
  b.memory(type === 'v128' ? 'v128.load' : `${type}.load`, offset, CPU_MEMORY);
}

export function storeField(b: FunctionBody, type: Type, offset: number, value: () => void): void {
  b.i32(0);
  value();
  b.memory(type === 'v128' ? 'v128.store' : `${type}.store`, offset, CPU_MEMORY);
}

/** A pc that is known, as `rip`. */
export function storeRip(b: FunctionBody, pc: number): void {
  storeField(b, 'i64', CPU.rip, () => b.i64n(pc));
}

/** The pc in a local, as `rip`. */
export function storeRipFrom(b: FunctionBody, local: number): void {
  storeField(b, 'i64', CPU.rip, () => b.localGet(local));
}
