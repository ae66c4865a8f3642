/**
 * Instances of a form: operands for every shape that its codes allow (register, high byte, memory with and
 * without index, segment, RIP-relative, each operand size, LOCK, REP), for tests that cover the rows.
 */

import { assemble } from './assemble.ts';
import type { AssembleOptions } from './assemble.ts';
import type { Gpr, Mem, Operand } from './insn.ts';
import { FORMS } from './forms.ts';
import { GPR, HIGH, MMX, SEG, ST, takesMemory, takesRegister, Where, XMM } from './operands.ts';
import type { OperandSpec } from './operands.ts';
import type { Form } from './table.ts';

/** An integer in [0, limit). */
export type Random = (limit: number) => number;

export interface Instance {
  readonly form: Form;
  readonly ops: readonly Operand[];
  readonly options: AssembleOptions;
  readonly bytes: Uint8Array;
}

export interface InstanceLimits {
  /** Chooses memory operands; the default makes all addressing modes. */
  readonly memory?: (random: Random, size: number) => Mem;
  /** Branch targets, near `pc`. */
  readonly pc?: number;
}

export function anyMemory(random: Random, size: number): Mem {
  const ripRelative = random(8) === 0;
  const base = ripRelative || random(10) === 0 ? -1 : random(16);
  const index = ripRelative || random(2) === 0 ? -1 : random(16);
  const disp = ripRelative ? 0x4000 + random(0x1000) : [0, random(256) - 128, random(0x7fff_ffff), -random(0x7fff_ffff)][random(4)];
  const segment = random(8) === 0 ? (random(2) === 0 ? 'fs' : 'gs') : undefined;
  const clean = index === 4 ? -1 : index;
  return { kind: 'mem', base, index: clean, scale: clean < 0 ? 1 : ([1, 2, 4, 8] as const)[random(4)], disp, segment, ripRelative, addressSize: random(8) === 0 ? 4 : 8, size };
}

/** Rows that REX.W turns into others (`fxsave`, `fxsave64`). */
const place = (form: Form): string => [form.map, form.opcode, form.digit, form.fixed].join();
const WIDE = new Set(FORMS.filter((form) => form.rexW).map((form) => `${place(form)},${form.prefix}`));
const hasWideTwin = (form: Form): boolean => !form.rexW && (WIDE.has(`${place(form)},${form.prefix}`) || WIDE.has(`${place(form)},-1`));

function randomBits(random: Random, bits: number): bigint {
  let value = 0n;
  for (let at = 0; at < bits; at += 8) value |= BigInt(random(256)) << BigInt(at);
  return value;
}

function register(spec: OperandSpec, width: number, random: Random, high: boolean): Operand {
  switch (spec.where) {
    case Where.V:
    case Where.W:
    case Where.U:
      return XMM[width][random(16)];
    case Where.P:
    case Where.Q:
    case Where.N:
      return MMX[random(8)];
    case Where.S:
      return SEG[random(6)];
    case Where.C:
    case Where.D:
      return GPR[3][random(16)];
    default: {
      if (width === 1 && high && random(3) === 0) return HIGH[random(4)];
      const log2 = Math.log2(width);
      // Beside a high byte there can be no REX: keep to the first four.
      return GPR[log2][high ? random(4) : random(16)] satisfies Gpr;
    }
  }
}

function immediateOf(spec: OperandSpec, sizeIndex: number, random: Random): Operand {
  const encoded = spec.encoded[sizeIndex];
  const width = spec.widths[sizeIndex] as 1 | 2 | 4 | 8;
  const raw = randomBits(random, encoded * 8);
  const value = spec.signed ? BigInt.asUintN(width * 8, BigInt.asIntN(encoded * 8, raw)) : raw;
  return { kind: 'imm', value, size: width };
}

/** One random instance of a form; `undefined` where the shape that was drawn cannot be encoded. */
export function randomInstance(form: Form, random: Random, limits: InstanceLimits = {}): Instance | undefined {
  const pc = limits.pc ?? 0x1000;
  const sizes = form.rexW
    ? ([8] as const)
    : form.mandatory66 || form.prefix === 0
      ? ([4, 8] as const)
      : form.default64
        ? ([2, 8] as const)
        : form.prefix >= 0 && form.operands.every((o) => o.widths[0] === o.widths[2])
          ? ([4] as const)
          : ([2, 4, 8] as const);
  const allowed = hasWideTwin(form) ? sizes.filter((size) => size !== 8) : sizes;
  const near = form.operands.some((o) => o.where === Where.J);
  const size = near ? 8 : allowed[random(allowed.length)];
  const sizeIndex = size === 2 ? 0 : size === 4 ? 1 : 2;
  const high = size !== 8 && random(4) === 0;
  const useMemory = form.memoryForm && (!form.registerForm || random(2) === 0);
  const makeMemory = limits.memory ?? anyMemory;
  const stringAddress = random(4) === 0 ? 4 : 8;
  let addressSize: 4 | 8 = 8;
  const ops = form.operands.map((spec): Operand => {
    const width = spec.widths[sizeIndex];
    if (spec.fixed !== undefined) return spec.fixed;
    if (spec.fixedBySize !== undefined) return spec.fixedBySize[sizeIndex];
    if (useMemory && takesMemory(spec.where)) {
      const mem = makeMemory(random, spec.memoryWidths[sizeIndex]);
      addressSize = mem.addressSize;
      return mem;
    }
    if (takesRegister(spec.where)) return register(spec, width, random, high);
    switch (spec.where) {
      case Where.I:
        return immediateOf(spec, sizeIndex, random);
      case Where.J:
        return { kind: 'rel', target: pc + 15 + random(64), size: 8 };
      case Where.ST:
        return ST[random(8)];
      case Where.O:
        return { ...makeMemory(random, width), base: -1, index: -1, scale: 1, ripRelative: false, addressSize: 8, disp: random(0x7fff_ffff) };
      case Where.X:
      case Where.Y:
        addressSize = stringAddress;
        return { kind: 'mem', base: spec.where === Where.X ? 6 : 7, index: -1, scale: 1, disp: 0, segment: undefined, ripRelative: false, addressSize, size: width };
      default:
        return register(spec, width, random, high);
    }
  });
  const lock = form.lockable && ops[0].kind === 'mem' && random(4) === 0;
  const rep = form.row.repeats === true ? ([undefined, 'rep', 'repne'] as const)[random(3)] : undefined;
  const options: AssembleOptions = { size, addressSize, lock, rep, pc };
  const wantsHigh = ops.some((o) => o.kind === 'gpr' && o.high);
  const wantsRex =
    (size === 8 && !form.default64) || ops.some((o) => (o.kind === 'gpr' && (o.index >= 8 || (o.size === 1 && !o.high && o.index >= 4))) || (o.kind === 'xmm' && o.index >= 8) || (o.kind === 'mem' && (o.base >= 8 || o.index >= 8)));
  if (wantsHigh && wantsRex) return undefined;
  // `nop` has this encoding.
  if (form.plusR && form.map === 0 && form.opcode === 0x90 && ops[0].kind === 'gpr' && ops[0].index === 0) return undefined;
  return { form, ops, options, bytes: assemble(form, ops, options) };
}
