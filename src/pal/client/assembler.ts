/**
 * A small assembler for x86-64: text in, a static ELF program out. The encodings are those of `x86/`; every instruction is
 * decoded again and must be what was written.
 *
 * A line is `label:`, or an instruction with operands as Intel writes them: registers, numbers and names with `+` and `-`
 * between them, memory as `dword [rbx+rcx*8+16]`. `;` begins a comment. Jumps are near; the program lies below 2 GiB, so an
 * address is a number like any other.
 */

import { assert } from '../../base/assert.ts';
import { bytesOf } from '../../base/bytes.ts';
import { assemble, decode, FORMS, type Form, type Insn, type Mem, type Operand } from '../../x86/index.ts';

const ORIGIN = 0x40_0000;
const PAGE = 0x1000;
/** ELF header and three program headers. */
const HEADER_BYTES = 64 + 3 * 56;

const LOW = ['ax', 'cx', 'dx', 'bx', 'sp', 'bp', 'si', 'di'];
const NUMBERED = [8, 9, 10, 11, 12, 13, 14, 15];
const named = (names: readonly string[], size: 1 | 4 | 8, first = 0): [string, readonly [index: number, size: 1 | 4 | 8]][] => names.map((name, index) => [name, [index + first, size]]);
const REGISTERS = new Map([
  ...named(
    LOW.map((name) => `r${name}`),
    8,
  ),
  ...named(
    NUMBERED.map((index) => `r${index}`),
    8,
    8,
  ),
  ...named(
    LOW.map((name) => `e${name}`),
    4,
  ),
  ...named(
    NUMBERED.map((index) => `r${index}d`),
    4,
    8,
  ),
  ...named(['al', 'cl', 'dl', 'bl'], 1),
]);
const SIZES = { byte: 1, word: 2, dword: 4, qword: 8 } as const;
/** `rep movsb` and its like say in the name what their operands are. */
const STRINGS: Readonly<Record<string, { readonly mnemonic: string; readonly ops: readonly Operand[] }>> = {
  movsb: { mnemonic: 'movs', ops: [7, 6].map((base) => ({ kind: 'mem', base, index: -1, scale: 1, disp: 0, segment: undefined, ripRelative: false, addressSize: 8, size: 1 })) },
};

type Names = ReadonlyMap<string, number>;

/** A sum of numbers and names; a name that is not known yet is an address like those to come. */
function sum(text: string, names: Names, pass: 'measure' | 'emit'): number {
  let total = 0;
  for (const [, sign, term] of text.replaceAll(' ', '').matchAll(/([+-]?)([^+-]+)/g)) {
    const value = /^\d/.test(term) ? Number(term) : (names.get(term) ?? (pass === 'measure' ? ORIGIN : undefined));
    assert(value !== undefined && Number.isSafeInteger(value), `the assembler does not know ${term}`);
    total += sign === '-' ? -value : value;
  }
  return total;
}

function memory(inside: string, size: number, names: Names, pass: 'measure' | 'emit'): Mem {
  let base = -1,
    index = -1;
  let scale: Mem['scale'] = 1;
  const rest = inside
    .replaceAll(' ', '')
    .split(/(?=[+-])/)
    .filter((part) => {
      const [name, by] = part.replace(/^\+/, '').split('*');
      const register = REGISTERS.get(name);
      if (register === undefined) return true;
      if (base === -1 && by === undefined) base = register[0];
      else {
        index = register[0];
        scale = Number(by ?? 1) as Mem['scale'];
      }
      return false;
    });
  return { kind: 'mem', base, index, scale, disp: sum(rest.join(''), names, pass), segment: undefined, ripRelative: false, addressSize: 8, size };
}

/** Whether the instruction that was made is the one that was meant. */
function isMeant(made: Insn, mnemonic: string, ops: readonly Operand[]): boolean {
  return (
    made.row.mnemonic === mnemonic &&
    made.ops.length === ops.length &&
    made.ops.every((one, at) => {
      const other = ops[at];
      if (one.kind === 'gpr' && other.kind === 'gpr') return one.index === other.index && one.size === other.size && !one.high;
      if (one.kind === 'imm' && other.kind === 'imm') return one.value === BigInt.asUintN(one.size * 8, other.value);
      if (one.kind === 'rel' && other.kind === 'rel') return one.target === other.target;
      if (one.kind !== 'mem' || other.kind !== 'mem') return false;
      return one.base === other.base && one.index === other.index && one.disp === other.disp && one.size === other.size && (one.index === -1 || one.scale === other.scale);
    })
  );
}

const BY_MNEMONIC: ReadonlyMap<string, readonly Form[]> = Map.groupBy(FORMS, (form) => form.row.mnemonic);

/** The shortest encoding; of jumps, the one that reaches everywhere. */
function encode(mnemonic: string, ops: readonly Operand[], rep: Insn['rep'], pc: number): Uint8Array {
  const given = ops.map((op) => op.size).filter((size) => size === 4 || size === 8);
  let shortest: Uint8Array | undefined;
  for (const form of BY_MNEMONIC.get(mnemonic) ?? []) {
    let bytes: Uint8Array;
    try {
      bytes = assemble(form, ops, { pc, ...(rep && { rep }), ...(given.length > 0 && ops[0].kind !== 'rel' && { size: given[0] as 4 | 8 }) });
    } catch {
      continue;
    }
    const made = decode(bytes, 0, pc);
    if (made === undefined || made === 'truncated' || made.length !== bytes.length || !isMeant(made, mnemonic, ops)) continue;
    if (ops[0]?.kind === 'rel' && bytes.length < 5) continue;
    if (shortest === undefined || bytes.length < shortest.length) shortest = bytes;
  }
  assert(shortest !== undefined, `there is no such instruction: ${mnemonic} with ${ops.map(({ kind, size }) => `${kind}${size * 8}`).join(', ')}`);
  return shortest;
}

function instruction(line: string, names: Names, pc: number, pass: 'measure' | 'emit'): Uint8Array {
  const rep = line.startsWith('rep ') ? 'rep' : undefined;
  const [, word, rest] = /^(\S+)\s*(.*)$/.exec(rep === undefined ? line : line.slice(4)) as RegExpExecArray;
  const string = STRINGS[word];
  if (string !== undefined) return encode(string.mnemonic, string.ops, rep, pc);
  const texts = rest === '' ? [] : rest.split(',').map((text) => text.trim());
  const registers = texts.map((text) => REGISTERS.get(text));
  const operandSize = registers.find((register) => register !== undefined)?.[1] ?? SIZES[/^(byte|word|dword|qword) /.exec(rest)?.[1] as 'byte'] ?? 4;
  const ops = texts.map((text, at): Operand => {
    const register = registers[at];
    if (register !== undefined) return { kind: 'gpr', index: register[0], size: register[1], high: false };
    const inside = /^(?:(byte|word|dword|qword) )?\[(.*)\]$/.exec(text);
    if (inside !== null) return memory(inside[2], word === 'lea' ? 0 : inside[1] === undefined ? operandSize : SIZES[inside[1] as 'byte'], names, pass);
    const value = sum(text, names, pass);
    if (word === 'call' || word.startsWith('j')) return { kind: 'rel', target: pass === 'measure' ? pc : value, size: 8 };
    return { kind: 'imm', value: BigInt(value), size: operandSize };
  });
  return encode(word, ops, undefined, pc);
}

export interface Source {
  readonly text: string;
  /** Numbers by name. */
  readonly constants: Readonly<Record<string, number>>;
  /** Bytes behind the code, not to be written. */
  readonly data: Readonly<Record<string, Uint8Array | string>>;
  /** Zeroed memory by name, in bytes. */
  readonly memory: Readonly<Record<string, number>>;
}

/** An ELF program that begins at its first line. */
export function program({ text, constants, data, memory: zeroed }: Source): Uint8Array {
  const lines = text
    .split('\n')
    .map((line) => line.replace(/;.*/, '').trim())
    .filter((line) => line !== '');
  const names = new Map(Object.entries(constants));
  const code: number[] = [];
  let memoryAt = 0,
    memoryBytes = 0;
  for (const pass of ['measure', 'emit'] as const) {
    code.length = 0;
    const here = (): number => ORIGIN + HEADER_BYTES + code.length;
    for (const line of lines) {
      if (line.endsWith(':')) names.set(line.slice(0, -1), here());
      else code.push(...instruction(line, names, here(), pass));
    }
    for (const [name, content] of Object.entries(data)) {
      names.set(name, here());
      code.push(...(typeof content === 'string' ? bytesOf(content) : content));
    }
    memoryAt = Math.ceil(here() / PAGE) * PAGE;
    memoryBytes = 0;
    for (const [name, bytes] of Object.entries(zeroed)) {
      names.set(name, memoryAt + memoryBytes);
      memoryBytes += (bytes + 15) & ~15;
    }
  }
  return elf(code, memoryAt, memoryBytes);
}

function elf(code: readonly number[], memoryAt: number, memoryBytes: number): Uint8Array {
  const EM_X86_64 = 62,
    ET_EXEC = 2,
    PT_LOAD = 1,
    PT_GNU_STACK = 0x6474_e551,
    R = 4,
    W = 2,
    X = 1;
  const size = HEADER_BYTES + code.length;
  const out = new Uint8Array(size);
  const view = new DataView(out.buffer);
  const u64 = (at: number, value: number): void => view.setBigUint64(at, BigInt(value), true);
  out.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, ET_EXEC, true);
  view.setUint16(18, EM_X86_64, true);
  view.setUint32(20, 1, true);
  u64(24, ORIGIN + HEADER_BYTES);
  u64(32, 64);
  view.setUint16(52, 64, true);
  view.setUint16(54, 56, true);
  view.setUint16(56, 3, true);
  const headers = [
    [PT_LOAD, R | X, 0, ORIGIN, size, size],
    [PT_LOAD, R | W, 0, memoryAt, 0, memoryBytes],
    [PT_GNU_STACK, R | W, 0, 0, 0, 0],
  ];
  headers.forEach(([type, flags, offset, address, fileBytes, bytes], at) => {
    const header = 64 + at * 56;
    view.setUint32(header, type, true);
    view.setUint32(header + 4, flags, true);
    [offset, address, address, fileBytes, bytes, PAGE].forEach((value, field) => u64(header + 8 + field * 8, value));
  });
  out.set(code, HEADER_BYTES);
  return out;
}
