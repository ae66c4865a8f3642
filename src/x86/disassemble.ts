/** Intel syntax, as `objdump -M intel` writes it: for logs, traces and tests. */

import type { Insn, Mem, Operand } from './insn.ts';
import { SEGMENTS } from './operands.ts';

const LEGACY = ['ax', 'cx', 'dx', 'bx', 'sp', 'bp', 'si', 'di'];
const LOW = ['al', 'cl', 'dl', 'bl', 'spl', 'bpl', 'sil', 'dil'];
const HIGH = ['ah', 'ch', 'dh', 'bh'];
const WIDTH: Readonly<Record<number, string>> = {
  1: 'BYTE PTR ',
  2: 'WORD PTR ',
  4: 'DWORD PTR ',
  8: 'QWORD PTR ',
  10: 'TBYTE PTR ',
  16: 'XMMWORD PTR ',
};
const signed = (value: number): string => (value < 0 ? `-${hex(-value)}` : `+${hex(value)}`);
const hex = (value: number | bigint): string => `0x${value.toString(16)}`;

function gprName(index: number, size: number, high: boolean): string {
  if (high) return HIGH[index];
  if (index >= 8) return `r${index}${size === 8 ? '' : size === 4 ? 'd' : size === 2 ? 'w' : 'b'}`;
  if (size === 1) return LOW[index];
  return size === 8 ? `r${LEGACY[index]}` : size === 4 ? `e${LEGACY[index]}` : LEGACY[index];
}

function memoryName(mem: Mem, segment: string, next: number): string {
  const parts: string[] = [];
  if (mem.base >= 0) parts.push(gprName(mem.base, mem.addressSize, false));
  if (mem.index >= 0) parts.push(`${gprName(mem.index, mem.addressSize, false)}*${mem.scale}`);
  const width = WIDTH[mem.size] ?? '';
  if (mem.ripRelative) return `${width}${segment}[rip${signed(mem.disp - next)}]`;
  if (parts.length === 0) return `${width}${segment === '' ? 'ds:' : segment}${hex(BigInt.asUintN(64, BigInt(mem.disp)))}`;
  return `${width}${segment}[${parts.join('+')}${mem.disp === 0 ? '' : signed(mem.disp)}]`;
}

function operandName(operand: Operand, code: string, segment: string, next: number): string {
  switch (operand.kind) {
    case 'gpr':
      return gprName(operand.index, operand.size, operand.high);
    case 'xmm':
      return `xmm${operand.index}`;
    case 'mmx':
      return `mm${operand.index}`;
    case 'st':
      return code === 'ST0' || code === 'ST' ? 'st' : `st(${operand.index})`;
    case 'seg':
      return SEGMENTS[operand.index];
    case 'imm':
      return hex(operand.value);
    case 'rel':
      return hex(operand.target);
    case 'mem':
      return memoryName(operand, segment, next);
  }
}

/** `cbw/cwde/cdqe` is written by operand size. */
function mnemonicOf(x: Insn): string {
  const { mnemonic } = x.row;
  if (mnemonic.includes('/')) return mnemonic.split('/')[x.size === 2 ? 0 : x.size === 4 ? 1 : 2];
  if (mnemonic === 'mov' && x.ops[1]?.kind === 'imm' && x.ops[1].size === 8 && x.length >= 10 && x.ops[0].kind === 'gpr') return 'movabs';
  if (x.row.default64 === true && x.size === 2 && x.ops[0]?.kind !== 'rel' && (x.ops.length === 0 || x.ops[0].kind === 'imm' || x.ops[0].kind === 'seg')) return `${mnemonic}w`;
  if (mnemonic === 'pextrd' || mnemonic === 'pinsrd') return x.size === 8 ? mnemonic.replace(/d$/, 'q') : mnemonic;
  if (mnemonic === 'movd' && x.ops.some((operand) => operand.kind === 'gpr' && operand.size === 8)) return 'movq';
  return mnemonic;
}

/** `strings` name their segments: ds for the source, es for the destination. */
function segmentOf(x: Insn, operand: Operand, code: string): string {
  if (operand.kind !== 'mem') return '';
  if (operand.segment !== undefined) return `${operand.segment}:`;
  return code.startsWith('X') ? 'ds:' : code.startsWith('Y') ? 'es:' : '';
}

export function disassemble(x: Insn): string {
  const codes = x.row.operands.split(',');
  const operands = x.ops.map((operand, n) => operandName(operand, codes[n].trim(), segmentOf(x, operand, codes[n].trim()), x.pc + x.length));
  const address = x.ops.find((operand) => operand.kind === 'mem' && operand.ripRelative) as Mem | undefined;
  const compares = x.row.mnemonic === 'cmps' || x.row.mnemonic === 'scas';
  const rep = x.row.repeats !== true || x.rep === undefined ? '' : x.rep === 'repne' ? 'repnz ' : compares ? 'repz ' : 'rep ';
  const name = `${x.lock ? 'lock ' : ''}${rep}${mnemonicOf(x)}`;
  const comment = address === undefined ? '' : `        # ${hex(address.disp)}`;
  return operands.length === 0 ? name : `${name.padEnd(6)} ${operands.join(',')}${comment}`;
}
