/**
 * Instances of a form, and states in which they can be run natively: addresses inside the data area, quotients that
 * fit, control words that mask everything. What cannot be made safe or comparable is in `EXCLUDED`, with its reason.
 */

import { assemble } from '../../src/x86/assemble.ts';
import { disassemble } from '../../src/x86/disassemble.ts';
import { decode, type Mem, type Operand, TRUNCATED } from '../../src/x86/index.ts';
import { randomInstance } from '../../src/x86/instances.ts';
import { Where } from '../../src/x86/operands.ts';
import type { Form } from '../../src/x86/table.ts';
import { DATA_BYTES } from './native.ts';
import type { Source } from './random.ts';

const HOST = 'tells about the host, which the guest does not see';
const PRIVILEGED = 'traps in user mode';
const APPROXIMATE = 'the manual allows an error, and CPUs differ in it';

/** Mnemonics that are not compared, and why. */
// biome-ignore format: a table
export const EXCLUDED: Readonly<Record<string, string>> = {
  cpuid: HOST, rdtsc: HOST, rdtscp: HOST, xgetbv: HOST, rdrand: HOST, rdseed: HOST, rdpid: HOST, rdpmc: HOST, sldt: HOST, str: HOST, smsw: HOST, sgdt: HOST, sidt: HOST, lar: HOST, lsl: HOST, verr: HOST, verw: HOST,
  rdfsbase: HOST, rdgsbase: HOST, wrfsbase: 'would take the host thread its thread-local storage', wrgsbase: HOST,
  syscall: 'ends the run', int3: 'traps', int1: 'traps', int: 'traps', ud2: 'traps', ud1: 'traps', ud0: 'traps', into: 'traps',
  hlt: PRIVILEGED, cli: PRIVILEGED, sti: PRIVILEGED, in: PRIVILEGED, out: PRIVILEGED, ins: PRIVILEGED, outs: PRIVILEGED, rdmsr: PRIVILEGED, wrmsr: PRIVILEGED, clts: PRIVILEGED, invd: PRIVILEGED, wbinvd: PRIVILEGED, sysret: PRIVILEGED, iret: PRIVILEGED, retf: PRIVILEGED,
  lgdt: PRIVILEGED, lidt: PRIVILEGED, lldt: PRIVILEGED, ltr: PRIVILEGED, lmsw: PRIVILEGED, invlpg: PRIVILEGED, swapgs: PRIVILEGED, sysenter: PRIVILEGED, sysexit: PRIVILEGED, monitor: PRIVILEGED, mwait: PRIVILEGED, xsetbv: PRIVILEGED,
  rcpps: APPROXIMATE, rcpss: APPROXIMATE, rsqrtps: APPROXIMATE, rsqrtss: APPROXIMATE,
  fsin: APPROXIMATE, fcos: APPROXIMATE, fsincos: APPROXIMATE, fptan: APPROXIMATE, fpatan: APPROXIMATE, f2xm1: APPROXIMATE, fyl2x: APPROXIMATE, fyl2xp1: APPROXIMATE,
};

/** Why a form is not compared; undefined where it is. */
export function excluded(form: Form): string | undefined {
  if (form.operands.some(({ where }) => where === Where.S || where === Where.C || where === Where.D || where === Where.fixedSeg)) return HOST;
  return EXCLUDED[form.row.mnemonic];
}

export interface Case {
  readonly mnemonic: string;
  readonly ops: readonly Operand[];
  readonly bytes: Uint8Array;
  /** What goes to the code area, for cases that need more than their bytes. */
  readonly code?: Uint8Array;
  readonly text: string;
  /** Where its explicit memory operand points. */
  readonly at: number;
  /** Where it goes if it jumps. */
  readonly target: number;
  readonly undefinedFlags: number;
  /** Works on x87 or MMX registers. */
  readonly x87: boolean;
}

export interface Place {
  readonly pc: number;
  readonly target: number;
  readonly data: number;
}

const STRING = /^(movs|cmps|stos|lods|scas)$/;
const BRANCH = /^(j.*|call|ret|loop.*)$/;
/** Obeys MXCSR.RC: conversions to integers. What makes a float rounds to nearest only (docs/divergences.md). */
const OBEYS_ROUNDING = /^(cvtt?[sp][sd]2(si|pi|dq)|round)/;
export const BIT_TEST = /^bt[src]?$/;
const ALIGNMENT: Readonly<Record<number, number>> = { 0: 64, 16: 16 };

function memoryAround(random: (limit: number) => number, size: number, at: number): Mem {
  const common = { kind: 'mem', segment: undefined, size } as const;
  const kind = random(8);
  if (kind === 0) return { ...common, base: -1, index: -1, scale: 1, disp: at, ripRelative: true, addressSize: 8 };
  const addressSize = random(8) === 0 ? 4 : 8;
  if (kind === 1) return { ...common, base: -1, index: -1, scale: 1, disp: at, ripRelative: false, addressSize };
  const scale = ([1, 2, 4, 8] as const)[random(4)];
  const index = random(16);
  if (kind === 2 && index !== 4) return { ...common, base: -1, index, scale, disp: at - random(1000) * scale, ripRelative: false, addressSize };
  const base = random(16);
  const small = random(256) - 128;
  if (base === 4) return { ...common, base, index: -1, scale: 1, disp: small, ripRelative: false, addressSize: 8 };
  const disp = [0, small, random(0x7fff_ffff), -random(0x7fff_ffff)][random(4)];
  if (random(2) === 0 || index === 4 || index === base) return { ...common, base, index: -1, scale: 1, disp, ripRelative: false, addressSize };
  return { ...common, base, index, scale, disp, ripRelative: false, addressSize };
}

/** An instance of a form; `undefined` where the draw was no good. `chooseMemory` makes memory operands, by default at the address given to it. */
export function makeCase(form: Form, source: Source, place: Place, chooseMemory = memoryAround): Case | undefined {
  const { mnemonic } = form.row;
  const middle = place.data + DATA_BYTES / 2;
  let at = middle;
  const memory = (random: (limit: number) => number, size: number): Mem => {
    at = middle + random(256);
    at -= at % (ALIGNMENT[size] ?? 1);
    return chooseMemory(random, size, at);
  };
  const instance = randomInstance(form, source.below, { memory, pc: place.pc });
  if (instance === undefined) return undefined;
  // AMD and Intel disagree about 66 before a near branch.
  if (BRANCH.test(mnemonic) && instance.options.size === 2) return undefined;
  const ops = instance.ops.map((operand, n): Operand => {
    const { where } = form.operands[n];
    if (operand.kind === 'rel') return { ...operand, target: place.target };
    if (where === Where.O && operand.kind === 'mem') return { ...operand, disp: at };
    if (mnemonic === 'enter' && operand.kind === 'imm' && n === 0) return { ...operand, value: operand.value & 0xfffn };
    return operand;
  });
  if (ops.some((operand) => operand.kind === 'seg')) return undefined;
  if (BIT_TEST.test(mnemonic) && ops[0].kind === 'mem' && ops[1].kind === 'gpr' && (ops[0].base === ops[1].index || ops[0].index === ops[1].index)) return undefined;
  const bytes = assemble(form, ops, instance.options);
  const decoded = decode(Uint8Array.from([...bytes, ...new Uint8Array(15)]), 0, place.pc);
  if (decoded === undefined || decoded === TRUNCATED || decoded.row !== form.row || decoded.length !== bytes.length) return undefined;
  return { mnemonic, ops, bytes, text: disassemble(decoded), at, target: place.target, undefinedFlags: form.row.undefinedFlags ?? 0, x87: form.row.feature === 'X87' || form.row.feature === 'MMX' };
}

export interface State {
  readonly gpr: BigUint64Array;
  readonly fx: Uint8Array;
  flags: number;
}

export const STATUS = 0x8d5;

/** Fills a state and the data that the case works on. `family` steers what the data looks like. */
export function fillState(x: Case, family: string, source: Source, place: Place, state: State, data: Uint8Array): void {
  const { gpr, fx } = state;
  const dataView = new DataView(data.buffer, data.byteOffset, data.length);
  const near = (offset: number): bigint => BigInt(place.data + offset + source.below(64) * 8);
  for (let register = 0; register < 16; register++) {
    gpr[register] = source.u64();
    // Equal registers, or nearly: comparisons are worth little otherwise.
    if (register > 0 && source.below(4) === 0) gpr[register] = BigInt.asUintN(64, gpr[source.below(register)] + BigInt(source.below(3) - 1));
  }
  gpr[4] = near(0x4000);
  state.flags = (source.u32() & STATUS) | (source.below(4) === 0 ? 0x400 : 0);
  fillFx(fx, source, OBEYS_ROUNDING.test(x.mnemonic));

  // Data around the operand.
  for (let at = -32; at < 64; at += 16) source.vector(data, x.at - place.data + at);
  if (family === 'x87') {
    if (source.below(2) === 0) source.f80(data, x.at - place.data);
    const word = 0x37f | (source.below(4) << 10) | ([0, 2, 3][source.below(3)] << 8);
    if (/^(fldcw|fldenv|frstor)$/.test(x.mnemonic)) dataView.setUint16(x.at - place.data, word, true);
    if (x.mnemonic === 'fbld') for (let at = 0; at < 10; at++) data[x.at - place.data + at] = at === 9 ? source.below(2) << 7 : source.below(10) * 16 + source.below(10);
  }
  if (x.mnemonic === 'ldmxcsr') dataView.setUint32(x.at - place.data, 0x1f80 | (source.below(4) << 13), true);
  if (x.mnemonic.startsWith('fxrstor')) fillFx(data.subarray(x.at - place.data, x.at - place.data + 512), source, true);

  implicitRegisters(x, source, place, state, dataView, near);
  if (x.mnemonic === 'div' || x.mnemonic === 'idiv') tameDividend(x, source, gpr);
  for (const operand of x.ops) if (operand.kind === 'mem' && operand.size >= 0) aim(x, operand, source, place, gpr);
}

function implicitRegisters(x: Case, source: Source, place: Place, state: State, data: DataView, near: (offset: number) => bigint): void {
  const { gpr } = state;
  const { mnemonic, ops } = x;
  if (STRING.test(mnemonic)) {
    gpr[6] = near(0x8000);
    gpr[7] = near(source.below(2) === 0 ? 0x8000 : 0xa000);
    gpr[1] = BigInt(source.below(24));
    // Runs of equal elements, so that comparisons last.
    if (source.below(2) === 0) for (let at = 0x7e00; at < 0xa400; at++) data.setUint8(at, source.below(40) === 0 ? 1 : 0);
    if (source.below(2) === 0) gpr[0] = 0n;
  }
  switch (mnemonic) {
    case 'xlat':
    case 'xlatb':
      gpr[3] = near(0x8000);
      break;
    case 'maskmovq':
    case 'maskmovdqu':
      gpr[7] = near(0x8000);
      break;
    case 'leave':
    case 'enter':
      gpr[5] = near(0x5000);
      break;
    case 'loop':
    case 'loope':
    case 'loopne':
    case 'jrcxz':
    case 'jecxz':
      if (source.below(2) === 0) gpr[1] = BigInt(source.below(3)) | (source.below(2) === 0 ? 1n << 32n : 0n);
      break;
    case 'popf':
      data.setBigUint64(Number(gpr[4]) - place.data, BigInt((source.u32() & (STATUS | 0x400)) | 0x202), true);
      break;
    case 'ret':
      data.setBigUint64(Number(gpr[4]) - place.data, BigInt(place.target), true);
      break;
    case 'jmp':
    case 'call':
      if (ops[0].kind === 'gpr') gpr[ops[0].index] = BigInt(place.target);
      else if (ops[0].kind === 'mem') data.setBigUint64(x.at - place.data, BigInt(place.target), true);
      break;
  }
  // Bits of memory are addressed by the whole register.
  if (BIT_TEST.test(mnemonic) && ops[0].kind === 'mem' && ops[1].kind === 'gpr') gpr[ops[1].index] = BigInt.asUintN(64, BigInt(source.below(0x2_0000) - 0x1_0000));
  if ((mnemonic === 'cmpxchg8b' || mnemonic === 'cmpxchg16b') && source.below(2) === 0) {
    const width = mnemonic === 'cmpxchg8b' ? 4 : 8;
    const word = (at: number): bigint => (width === 4 ? BigInt(data.getUint32(at, true)) : data.getBigUint64(at, true));
    gpr[0] = word(x.at - place.data);
    gpr[2] = word(x.at - place.data + width);
  }
  if (mnemonic === 'cmpxchg' && source.below(2) === 0) {
    if (ops[0].kind === 'gpr') gpr[0] = gpr[ops[0].index];
    else gpr[0] = data.getBigUint64(x.at - place.data, true);
  }
}

/** Half of the dividends are such that the quotient is likely to fit. */
function tameDividend(x: Case, source: Source, gpr: BigUint64Array): void {
  if (source.below(4) === 0) return;
  const { size } = x.ops[0] as { size: number };
  if (size === 1) gpr[0] = BigInt(source.below(0x800));
  else gpr[2] = x.mnemonic === 'div' ? BigInt(source.below(3)) : source.below(2) === 0 ? 0n : 0xffff_ffff_ffff_ffffn;
  if (x.mnemonic === 'idiv' && size > 1) {
    const top = (gpr[0] >> BigInt(size * 8 - 1)) & 1n;
    if (source.below(3) !== 0) gpr[2] = top === 1n ? 0xffff_ffff_ffff_ffffn : 0n;
  }
}

/** Chooses base and index registers so that the operand is at `x.at`. */
function aim(x: Case, mem: Mem, source: Source, place: Place, gpr: BigUint64Array): void {
  if (mem.ripRelative || (STRING.test(x.mnemonic) && mem.base >= 0)) return;
  const garbage = mem.addressSize === 4 ? BigInt(source.u32()) << 32n : 0n;
  const wanted = BigInt(x.at - mem.disp);
  if (x.mnemonic === 'xlat' || x.mnemonic === 'xlatb' || x.mnemonic.startsWith('maskmov')) return;
  if (mem.base < 0) {
    if (mem.index >= 0) gpr[mem.index] = BigInt.asUintN(64, (wanted / BigInt(mem.scale)) | garbage);
    return;
  }
  const index = mem.index < 0 ? 0n : gpr[mem.index] * BigInt(mem.scale);
  const base = BigInt.asUintN(64, wanted - index);
  gpr[mem.base] = mem.addressSize === 4 ? (base & 0xffff_ffffn) | garbage : base;
}

/** A random FXSAVE image, all exceptions masked. */
function fillFx(fx: Uint8Array, source: Source, directed: boolean): void {
  const view = new DataView(fx.buffer, fx.byteOffset, 512);
  fx.fill(0);
  view.setUint16(0, 0x37f | (source.below(4) << 10), true);
  if (source.below(2) === 0) view.setUint16(0, 0x7f | (source.below(4) << 10) | ([0, 2, 3][source.below(3)] << 8), true);
  view.setUint16(2, (source.below(8) << 11) | (source.u32() & 0x4700), true);
  view.setUint8(4, source.below(3) === 0 ? source.u32() & 0xff : 0xff);
  view.setUint32(24, 0x1f80 | (directed ? source.below(4) << 13 : 0), true);
  for (let at = 0; at < 8; at++) source.f80(fx, 32 + at * 16);
  for (let at = 0; at < 16; at++) {
    source.vector(fx, 160 + at * 16);
    if (at > 0 && source.below(8) === 0) fx.copyWithin(160 + at * 16, 160 + (at - 1) * 16, 160 + at * 16);
  }
}

/** Whether a division raises #DE (SDM vol. 2A, DIV and IDIV). */
export function divides(x: Case, state: State, data: Uint8Array, place: Place): boolean {
  const operand = x.ops[0];
  const size = (operand as { size: number }).size;
  const bits = size * 8;
  let divisor = 0n;
  if (operand.kind === 'gpr') divisor = operand.high ? (state.gpr[operand.index] >> 8n) & 0xffn : BigInt.asUintN(bits, state.gpr[operand.index]);
  else for (let at = size - 1; at >= 0; at--) divisor = (divisor << 8n) | BigInt(data[x.at - place.data + at]);
  const low = BigInt.asUintN(bits, state.gpr[0]);
  let dividend = size === 1 ? state.gpr[0] & 0xffffn : (BigInt.asUintN(bits, state.gpr[2]) << BigInt(bits)) | low;
  if (divisor === 0n) return false;
  if (x.mnemonic === 'div') return dividend / divisor < 1n << BigInt(bits);
  dividend = BigInt.asIntN(bits * 2, dividend);
  const quotient = dividend / BigInt.asIntN(bits, divisor);
  return quotient === BigInt.asIntN(bits, quotient);
}
