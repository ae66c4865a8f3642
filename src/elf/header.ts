/**
 * ELF64 files as the System V ABI and its AMD64 supplement define them: headers, segments, dynamic section, notes.
 * Input is hostile: every offset and length is checked against the file, and every refusal has a code.
 */

import { byteString } from '../base/bytes.ts';

// biome-ignore format: a table
export const ELF_ERRORS = {
  'not-elf':             'Not an ELF file.',
  'not-64-bit':          'A 32-bit program or library.',
  'not-little-endian':   'A big-endian program or library.',
  'wrong-machine':       'A program or library for another processor.',
  'wrong-version':       'An ELF version other than 1.',
  'not-loadable':        'Neither a program nor a shared object, or nothing in it to load.',
  'bad-program-headers': 'Program headers have a strange size, are too many, or lie outside the file.',
  'bad-segment':         'A segment lies outside the file or the address space, or contradicts another.',
  'bad-interpreter':     "The dynamic linker's name is no proper string.",
  'bad-dynamic':         'The dynamic section or its names lie outside the file.',
  'truncated':           'The file is shorter than its headers say.',
} as const;

export type ElfErrorCode = keyof typeof ELF_ERRORS;

export class ElfError extends Error {
  override readonly name = 'ElfError';
  readonly code: ElfErrorCode;

  constructor(code: ElfErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

export const ET_EXEC = 2,
  ET_DYN = 3;
export const EM_386 = 3,
  EM_ARM = 40,
  EM_X86_64 = 62,
  EM_AARCH64 = 183,
  EM_RISCV = 243;
export const PT_LOAD = 1,
  PT_DYNAMIC = 2,
  PT_INTERP = 3,
  PT_NOTE = 4,
  PT_PHDR = 6,
  PT_TLS = 7,
  PT_GNU_EH_FRAME = 0x6474_e550,
  PT_GNU_STACK = 0x6474_e551,
  PT_GNU_RELRO = 0x6474_e552,
  PT_GNU_PROPERTY = 0x6474_e553;
export const PF_X = 1,
  PF_W = 2,
  PF_R = 4;
export const EHDR_BYTES = 64,
  PHDR_BYTES = 56;
const LOAD_PAGE = 4096;

const MACHINES: Readonly<Record<number, string>> = { [EM_386]: '32-bit x86', [EM_ARM]: '32-bit ARM', [EM_AARCH64]: '64-bit ARM', [EM_RISCV]: 'RISC-V' };

export interface ElfHeader {
  readonly type: number;
  readonly entry: number;
  readonly phoff: number;
  readonly phnum: number;
  readonly shoff: number;
  readonly shnum: number;
  readonly shstrndx: number;
}

export interface Segment {
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly vaddr: number;
  readonly filesz: number;
  readonly memsz: number;
  readonly align: number;
}

/** A 64-bit field as a number; what does not fit in 53 bits is larger than any file or address space. */
export function u64(data: DataView, at: number): number {
  return data.getUint32(at, true) + data.getUint32(at + 4, true) * 0x1_0000_0000;
}

export const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

export const isElf = (bytes: Uint8Array): boolean => bytes.length >= 4 && bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46;

/** The ELF header of an x86-64 program or library, from the first 64 bytes of the file. */
export function parseHeader(bytes: Uint8Array): ElfHeader {
  if (!isElf(bytes)) throw new ElfError('not-elf', 'not an ELF file');
  if (bytes.length < 20) throw new ElfError('truncated', 'the ELF header is cut off');
  const data = viewOf(bytes);
  const machine = data.getUint16(18, true);
  if (bytes[4] !== 2) throw new ElfError('not-64-bit', `a ${MACHINES[machine] ?? '32-bit'} program; only x86-64 ones run`);
  if (bytes[5] !== 1) throw new ElfError('not-little-endian', 'a big-endian program; only x86-64 ones run');
  if (machine !== EM_X86_64) throw new ElfError('wrong-machine', `a ${MACHINES[machine] ?? `machine ${machine}`} program; only x86-64 ones run`);
  if (bytes.length < EHDR_BYTES) throw new ElfError('truncated', 'the ELF header is cut off');
  if (bytes[6] !== 1) throw new ElfError('wrong-version', `ELF version ${bytes[6]}`);
  const type = data.getUint16(16, true);
  const phnum = data.getUint16(56, true);
  if (phnum > 0 && data.getUint16(54, true) !== PHDR_BYTES) throw new ElfError('bad-program-headers', 'program headers have a strange size');
  return {
    type,
    entry: u64(data, 24),
    phoff: u64(data, 32),
    phnum,
    shoff: u64(data, 40),
    shnum: data.getUint16(60, true),
    shstrndx: data.getUint16(62, true),
  };
}

/** The program header table, from its own bytes. */
export function parseSegments(header: ElfHeader, table: Uint8Array): Segment[] {
  if (table.length < header.phnum * PHDR_BYTES) throw new ElfError('bad-program-headers', 'the program headers lie outside the file');
  const data = viewOf(table);
  const out: Segment[] = [];
  for (let index = 0; index < header.phnum; index++) {
    const at = index * PHDR_BYTES;
    out.push({
      type: data.getUint32(at, true),
      flags: data.getUint32(at + 4, true),
      offset: u64(data, at + 8),
      vaddr: u64(data, at + 16),
      filesz: u64(data, at + 32),
      memsz: u64(data, at + 40),
      align: u64(data, at + 48),
    });
  }
  return out;
}

/** Refuses loadable segments that no loader can map: out of order, bigger in the file than in memory, misaligned, beyond `limit`. */
export function checkLoadable(segments: readonly Segment[], limit: number): void {
  let last = -1;
  for (const { type, offset, vaddr, filesz, memsz } of segments) {
    if (type !== PT_LOAD) continue;
    if (filesz > memsz || offset % LOAD_PAGE !== vaddr % LOAD_PAGE || vaddr + memsz > limit || vaddr <= last) throw new ElfError('bad-segment', 'a loadable segment makes no sense');
    last = vaddr;
  }
  if (last < 0) throw new ElfError('not-loadable', 'nothing to load');
}

/** The path in a PT_INTERP segment. */
export function parseInterpreter(bytes: Uint8Array): string {
  if (bytes.length < 2 || bytes.length > 4096 || bytes[bytes.length - 1] !== 0) throw new ElfError('bad-interpreter', 'the interpreter’s name is not a proper string');
  return byteString(bytes.subarray(0, bytes.indexOf(0)));
}
