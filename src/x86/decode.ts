/**
 * The decoder (SDM vol. 2, chapter 2 and appendix A), on the path of every translation.
 *
 * 64-bit mode only. Legacy prefixes come in any order; REX counts only as the last of them; cs, ds, es and ss
 * overrides mean nothing; near branches ignore 66. Strings are read once per opcode, by `table.ts`.
 * Never reads outside `bytes`.
 */

import { ROWS } from './inst/index.ts';
import type { Gpr, Imm, Insn, Mem, Operand, Rel } from './insn.ts';
import { GPR, HIGH, MMX, SEG, ST, Where, XMM } from './operands.ts';
import type { OperandSpec } from './operands.ts';
import type { Row } from './row.ts';
import { DecodeTable } from './table.ts';
import type { Form } from './table.ts';

/** The bytes end before the instruction does. */
export const TRUNCATED = 'truncated';

const MAX_LENGTH = 15;
/** Made when something is first decoded, which is never where all code was translated ahead. */
let table: DecodeTable | undefined;
const SIZES = [2, 4, 8] as const;
const NO_OPERANDS: readonly Operand[] = [];

class DecodedInsn implements Insn {
  readonly row: Row;
  readonly pc: number;
  readonly length: number;
  readonly size: 2 | 4 | 8;
  readonly addressSize: 4 | 8;
  readonly lock: boolean;
  readonly rep: 'rep' | 'repne' | undefined;
  readonly ops: readonly Operand[];

  constructor(row: Row, pc: number, length: number, size: 2 | 4 | 8, addressSize: 4 | 8, lock: boolean, rep: 'rep' | 'repne' | undefined, ops: readonly Operand[]) {
    this.row = row;
    this.pc = pc;
    this.length = length;
    this.size = size;
    this.addressSize = addressSize;
    this.lock = lock;
    this.rep = rep;
    this.ops = ops;
  }
}

class MemOperand implements Mem {
  readonly kind = 'mem';
  readonly base: number;
  readonly index: number;
  readonly scale: 1 | 2 | 4 | 8;
  readonly disp: number;
  readonly segment: 'fs' | 'gs' | undefined;
  readonly ripRelative: boolean;
  readonly addressSize: 4 | 8;
  readonly size: number;

  constructor(base: number, index: number, scale: 1 | 2 | 4 | 8, disp: number, segment: 'fs' | 'gs' | undefined, ripRelative: boolean, addressSize: 4 | 8, size: number) {
    this.base = base;
    this.index = index;
    this.scale = scale;
    this.disp = disp;
    this.segment = segment;
    this.ripRelative = ripRelative;
    this.addressSize = addressSize;
    this.size = size;
  }
}

const byteRegister = (number: number, rex: number): Gpr => (rex === 0 && number >= 4 && number < 8 ? HIGH[number - 4] : GPR[0][number]);

function gpr(number: number, width: number, rex: number): Gpr {
  switch (width) {
    case 1:
      return byteRegister(number, rex);
    case 2:
      return GPR[1][number];
    case 4:
      return GPR[2][number];
    default:
      return GPR[3][number];
  }
}

function signed32(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
}

const SMALL: readonly bigint[] = Array.from({ length: 256 }, (_, value) => BigInt(value));

/** An immediate of `encoded` bytes, extended to `width`; its value is unsigned within the width. */
function immediate(bytes: Uint8Array, at: number, encoded: number, width: number, signed: boolean): Imm {
  const size = width as Imm['size'];
  if (encoded === 8) {
    return { kind: 'imm', value: (BigInt(signed32(bytes, at + 4) >>> 0) << 32n) | BigInt(signed32(bytes, at) >>> 0), size };
  }
  let value = encoded === 1 ? bytes[at] : encoded === 2 ? bytes[at] | (bytes[at + 1] << 8) : signed32(bytes, at);
  if (signed && encoded === 1) value = (value << 24) >> 24;
  if (signed && encoded === 2) value = (value << 16) >> 16;
  if (value >= 0 && value < 256) return { kind: 'imm', value: SMALL[value], size };
  if (width === 8) return { kind: 'imm', value: value < 0 && signed ? BigInt.asUintN(64, BigInt(value)) : BigInt(value >>> 0), size };
  return { kind: 'imm', value: BigInt(width === 4 ? value >>> 0 : width === 2 ? value & 0xffff : value & 0xff), size };
}

/**
 * Decodes the instruction at `bytes[offset]`, whose guest address is `pc`. `undefined`: no such instruction
 * (#UD; longer than 15 bytes too); `TRUNCATED`: `bytes` end before it does.
 */
export function decode(bytes: Uint8Array, offset: number, pc: number): Insn | undefined | typeof TRUNCATED {
  const limit = offset + MAX_LENGTH;
  const end = bytes.length < limit ? bytes.length : limit;
  const short = bytes.length < limit ? TRUNCATED : undefined;
  let at = offset;
  let rex = 0;
  let operand16 = false;
  let address32 = false;
  let lock = false;
  let repeat = 0;
  let segment: 'fs' | 'gs' | undefined;
  let opcode = 0;
  for (; ; at++) {
    if (at >= end) return short;
    opcode = bytes[at];
    if ((opcode & 0xf0) === 0x40) {
      rex = opcode;
      continue;
    }
    if (opcode === 0x66) operand16 = true;
    else if (opcode === 0xf2 || opcode === 0xf3) repeat = opcode;
    else if (opcode === 0x67) address32 = true;
    else if (opcode === 0xf0) lock = true;
    else if (opcode === 0x64) segment = 'fs';
    else if (opcode === 0x65) segment = 'gs';
    else if (opcode !== 0x2e && opcode !== 0x36 && opcode !== 0x26 && opcode !== 0x3e) break;
    rex = 0;
  }
  at++;
  let map = 0;
  if (opcode === 0x0f) {
    if (at >= end) return short;
    opcode = bytes[at++];
    map = 1;
    if (opcode === 0x38 || opcode === 0x3a) {
      map = opcode === 0x38 ? 2 : 3;
      if (at >= end) return short;
      opcode = bytes[at++];
    }
  }
  const w = (rex >> 3) & 1;
  const prefix = repeat === 0xf3 ? 2 : repeat === 0xf2 ? 3 : operand16 ? 1 : 0;
  // 90 is `xchg` again, and no longer `nop`, when REX.B names r8.
  const slot = opcode === 0x90 && (rex & 1) !== 0 && map === 0 ? 0x91 : opcode;
  table ??= new DecodeTable(ROWS);
  const leaf = table.leaf(map, slot, prefix, w);
  if (leaf === null) return undefined;

  let form: Form;
  let modrm = 0;
  if (Array.isArray(leaf)) {
    if (at >= end) return short;
    modrm = bytes[at++];
    const found = leaf[modrm] as Form | undefined;
    if (found === undefined) return undefined;
    form = found;
  } else {
    form = leaf as Form;
    if (form.hasModRM) {
      if (at >= end) return short;
      modrm = bytes[at++];
    }
  }

  const sizeIndex = w === 1 ? 2 : operand16 && !form.mandatory66 ? 0 : form.default64 ? 2 : 1;
  const addressSize = address32 ? 4 : 8;
  const mod = modrm >> 6;
  const reg = ((modrm >> 3) & 7) | ((rex & 4) << 1);
  const rm = (modrm & 7) | ((rex & 1) << 3);
  let base = -1;
  let index = -1;
  let scale: 1 | 2 | 4 | 8 = 1;
  let disp = 0;
  let ripRelative = false;
  if (form.hasModRM && mod !== 3) {
    let dispBytes = mod === 1 ? 1 : mod === 2 ? 4 : 0;
    if ((rm & 7) === 4) {
      if (at >= end) return short;
      const sib = bytes[at++];
      index = ((sib >> 3) & 7) | ((rex & 2) << 2);
      if (index === 4) index = -1;
      scale = (1 << (sib >> 6)) as 1 | 2 | 4 | 8;
      base = (sib & 7) | ((rex & 1) << 3);
      if ((sib & 7) === 5 && mod === 0) {
        base = -1;
        dispBytes = 4;
      }
    } else if ((rm & 7) === 5 && mod === 0) {
      ripRelative = true;
      dispBytes = 4;
    } else base = rm;
    if (at + dispBytes > end) return short;
    if (dispBytes === 1) disp = (bytes[at] << 24) >> 24;
    else if (dispBytes === 4) disp = signed32(bytes, at);
    at += dispBytes;
  }

  const specs = form.operands;
  const ops: Operand[] = specs.length === 0 ? (NO_OPERANDS as Operand[]) : [];
  let memAt = -1;
  let relAt = -1;
  for (let n = 0; n < specs.length; n++) {
    const spec: OperandSpec = specs[n];
    const width = spec.widths[sizeIndex];
    switch (spec.where) {
      case Where.E:
      case Where.R:
        if (mod === 3) ops.push(gpr(rm, width, rex));
        else {
          memAt = n;
          ops.push(NO_MEMORY);
        }
        break;
      case Where.W:
      case Where.U:
        if (mod === 3) ops.push(XMM[width][rm]);
        else {
          memAt = n;
          ops.push(NO_MEMORY);
        }
        break;
      case Where.Q:
      case Where.N:
        if (mod === 3) ops.push(MMX[rm & 7]);
        else {
          memAt = n;
          ops.push(NO_MEMORY);
        }
        break;
      case Where.M:
        memAt = n;
        ops.push(NO_MEMORY);
        break;
      case Where.G:
        ops.push(gpr(reg, width, rex));
        break;
      case Where.V:
        ops.push(XMM[width][reg]);
        break;
      case Where.P:
        ops.push(MMX[reg & 7]);
        break;
      case Where.S:
        if ((reg & 7) > 5) return undefined;
        ops.push(SEG[reg & 7]);
        break;
      case Where.C:
      case Where.D:
        ops.push(GPR[3][reg]);
        break;
      case Where.Z:
        ops.push(gpr((opcode & 7) | ((rex & 1) << 3), width, rex));
        break;
      case Where.ST:
        ops.push(ST[modrm & 7]);
        break;
      case Where.I: {
        const encoded = spec.encoded[sizeIndex];
        if (at + encoded > end) return short;
        ops.push(immediate(bytes, at, encoded, width, spec.signed));
        at += encoded;
        break;
      }
      case Where.J: {
        const encoded = spec.encoded[sizeIndex];
        if (at + encoded > end) return short;
        disp = encoded === 1 ? (bytes[at] << 24) >> 24 : signed32(bytes, at);
        at += encoded;
        relAt = n;
        ops.push(NO_MEMORY);
        break;
      }
      case Where.O: {
        if (at + addressSize > end) return short;
        const low = signed32(bytes, at) >>> 0;
        disp = addressSize === 4 ? low : low + signed32(bytes, at + 4) * 0x1_0000_0000;
        at += addressSize;
        ops.push(new MemOperand(-1, -1, 1, disp, segment, false, addressSize, width));
        break;
      }
      case Where.X:
        ops.push(new MemOperand(6, -1, 1, 0, segment, false, addressSize, width));
        break;
      case Where.Y:
        ops.push(new MemOperand(7, -1, 1, 0, undefined, false, addressSize, width));
        break;
      default:
        ops.push(spec.fixed ?? (spec.fixedBySize as readonly [Operand, Operand, Operand])[sizeIndex]);
    }
  }
  const length = at - offset;
  if (memAt >= 0) {
    if (ripRelative) disp += pc + length;
    ops[memAt] = new MemOperand(base, index, scale, disp, segment, ripRelative, addressSize, specs[memAt].memoryWidths[sizeIndex]);
  } else if (relAt >= 0) ops[relAt] = { kind: 'rel', target: pc + length + disp, size: 8 } satisfies Rel;
  if (lock && (!form.lockable || memAt !== 0)) return undefined;
  return new DecodedInsn(form.row, pc, length, SIZES[sizeIndex], addressSize, lock, repeat === 0 || form.prefix >= 2 ? undefined : repeat === 0xf3 ? 'rep' : 'repne', ops);
}

/** Holds an operand's place until the length of the instruction is known. */
const NO_MEMORY: Operand = new MemOperand(-1, -1, 1, 0, undefined, false, 8, 0);
