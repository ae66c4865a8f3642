/**
 * The assembler: a form and its operands to bytes (SDM vol. 2, chapter 2). The inverse of the decoder, for
 * tests that need an instance of every row; it picks the shortest displacement and no redundant prefix.
 */

import { assert } from '../base/assert.ts';
import type { Insn, Mem, Operand } from './insn.ts';
import { Where } from './operands.ts';
import type { Form } from './table.ts';

export interface AssembleOptions {
  /** Operand size, where the form leaves it open; 4 by default, 8 for forms that default to 64 bits. */
  readonly size?: 2 | 4 | 8;
  readonly addressSize?: 4 | 8;
  readonly lock?: boolean;
  readonly rep?: Insn['rep'];
  /** Address of the instruction, for relative operands. */
  readonly pc?: number;
}

const PREFIX_BYTES = [undefined, 0x66, 0xf3, 0xf2] as const;
const ESCAPES: readonly (readonly number[])[] = [[], [0x0f], [0x0f, 0x38], [0x0f, 0x3a]];
const fits8 = (value: number): boolean => value >= -128 && value <= 127;

function littleEndian(value: bigint, bytes: number): number[] {
  return Array.from({ length: bytes }, (_, n) => Number((value >> BigInt(8 * n)) & 0xffn));
}

class Encoding {
  rex = 0;
  rexNeeded = false;
  rexForbidden = false;
  segment: Mem['segment'];
  address32 = false;
  reg = 0;
  opcodeLow = 0;
  /** ModRM.mod and .rm, then SIB and displacement. */
  mod = 3;
  rm = 0;
  readonly tail: number[] = [];
  /** Place and end of the relative field within `tail` or the immediates. */
  relative: number | undefined;

  register(number: number, rexBit: number): number {
    if (number >= 8) this.rex |= rexBit;
    return number & 7;
  }

  byteRegister(operand: Operand): void {
    if (operand.kind !== 'gpr' || operand.size !== 1) return;
    if (operand.high) this.rexForbidden = true;
    else if (operand.index >= 4 && operand.index < 8) this.rexNeeded = true;
  }

  memory(mem: Mem): void {
    this.segment = mem.segment;
    this.address32 = mem.addressSize === 4;
    this.mod = 0;
    if (mem.ripRelative) {
      this.rm = 5;
      this.relative = mem.disp;
      return;
    }
    const base = mem.base < 0 ? 5 : this.register(mem.base, 1);
    const sib = mem.index >= 0 || mem.base < 0 || base === 4;
    if (mem.base >= 0 && (mem.disp !== 0 || base === 5)) this.mod = fits8(mem.disp) ? 1 : 2;
    this.rm = sib ? 4 : base;
    if (sib) this.tail.push((Math.log2(mem.scale) << 6) | ((mem.index < 0 ? 4 : this.register(mem.index, 2)) << 3) | base);
    const width = mem.base < 0 || this.mod === 2 ? 4 : this.mod;
    this.tail.push(...littleEndian(BigInt(mem.disp), width));
  }
}

const numberOf = (operand: Operand): number => ('index' in operand ? operand.index : 0);
const highOr = (operand: Operand): number => (operand.kind === 'gpr' && operand.high ? operand.index + 4 : numberOf(operand));

/** Throws where the operands do not fit the form. */
export function assemble(form: Form, ops: readonly Operand[], options: AssembleOptions = {}): Uint8Array {
  assert(ops.length === form.operands.length, `${form.row.mnemonic} takes ${form.row.operands}`);
  const size = options.size ?? (form.rexW || form.default64 ? 8 : 4);
  const sizeIndex = size === 2 ? 0 : size === 4 ? 1 : 2;
  const pc = options.pc ?? 0;
  const e = new Encoding();
  if (size === 8 && !form.default64) e.rex |= 8;
  if (form.rexW) e.rex |= 8;
  if (options.addressSize === 4) e.address32 = true;
  const immediates: number[] = [];
  let target: { readonly at: number; readonly width: number; readonly to: number } | undefined;
  for (const [n, spec] of form.operands.entries()) {
    const operand = ops[n];
    e.byteRegister(operand);
    switch (spec.where) {
      case Where.G:
      case Where.V:
      case Where.P:
      case Where.S:
      case Where.C:
      case Where.D:
        e.reg = e.register(highOr(operand), 4);
        break;
      case Where.E:
      case Where.R:
      case Where.W:
      case Where.U:
      case Where.Q:
      case Where.N:
      case Where.M:
        if (operand.kind === 'mem') e.memory(operand);
        else e.rm = e.register(highOr(operand), 1);
        break;
      case Where.Z:
        e.opcodeLow = e.register(highOr(operand), 1);
        break;
      case Where.ST:
        e.rm = numberOf(operand);
        break;
      case Where.X:
      case Where.Y:
        assert(operand.kind === 'mem', `${spec.code} is memory`);
        e.segment ??= operand.segment;
        e.address32 ||= operand.addressSize === 4;
        break;
      case Where.O:
        assert(operand.kind === 'mem', `${spec.code} is memory`);
        e.segment = operand.segment;
        e.address32 = operand.addressSize === 4;
        immediates.push(...littleEndian(BigInt(operand.disp), operand.addressSize));
        break;
      case Where.I:
        assert(operand.kind === 'imm', `${spec.code} is an immediate`);
        immediates.push(...littleEndian(operand.value, spec.encoded[sizeIndex]));
        break;
      case Where.J:
        assert(operand.kind === 'rel', `${spec.code} is a branch target`);
        target = { at: immediates.length, width: spec.encoded[sizeIndex], to: operand.target };
        immediates.push(...littleEndian(0n, target.width));
        break;
      default:
        break;
    }
  }
  const bytes: number[] = [];
  if (options.lock === true) bytes.push(0xf0);
  if (options.rep !== undefined) bytes.push(options.rep === 'rep' ? 0xf3 : 0xf2);
  if (e.segment !== undefined) bytes.push(e.segment === 'fs' ? 0x64 : 0x65);
  if (e.address32) bytes.push(0x67);
  if (size === 2 && !form.mandatory66) bytes.push(0x66);
  const mandatory = PREFIX_BYTES[Math.max(form.prefix, 0)];
  if (mandatory !== undefined) bytes.push(mandatory);
  if (e.rex !== 0 || e.rexNeeded) {
    assert(!e.rexForbidden, 'ah, ch, dh and bh do not go with REX');
    bytes.push(0x40 | e.rex);
  }
  bytes.push(...ESCAPES[form.map], form.opcode | e.opcodeLow);
  if (form.fixed >= 0) bytes.push(form.plusI ? form.fixed | e.rm : form.fixed);
  else if (form.hasModRM) {
    bytes.push((e.mod << 6) | ((form.digit >= 0 ? form.digit : e.reg) << 3) | e.rm, ...e.tail);
    if (e.relative !== undefined) bytes.push(...littleEndian(BigInt(e.relative - (pc + bytes.length + 4 + immediates.length)), 4));
  }
  const length = bytes.length + immediates.length;
  if (target !== undefined) immediates.splice(target.at, target.width, ...littleEndian(BigInt(target.to - (pc + length)), target.width));
  return Uint8Array.from([...bytes, ...immediates]);
}
