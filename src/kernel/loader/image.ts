/** Mapping the segments of an ELF file (elf(5), System V ABI chapter 5). */

import {
  checkLoadable,
  ElfError,
  type ElfHeader,
  EHDR_BYTES,
  ET_DYN,
  ET_EXEC,
  isElf,
  parseHeader,
  parseInterpreter,
  parseSegments,
  PF_R,
  PF_W,
  PF_X,
  PHDR_BYTES,
  PT_GNU_STACK,
  PT_INTERP,
  PT_LOAD,
  PT_PHDR,
  type Segment,
} from '../../elf/index.ts';
import { ENOEXEC } from '../errno.ts';
import type { AddressSpace } from '../mm/space.ts';
import { pageCeil, pageFloor } from '../mm/vma.ts';
import { ADDRESS_LIMIT, MIN_ADDRESS, PROT_EXEC, PROT_READ, PROT_WRITE } from '../platform.ts';
import type { ExecFile } from './file.ts';

const MAX_PHNUM = 1024;

export interface Program {
  readonly file: ExecFile;
  readonly header: ElfHeader;
  readonly segments: readonly Segment[];
  readonly interpreter: string | undefined;
}

export interface Loaded {
  /** Added to the file's addresses. */
  readonly bias: number;
  readonly entry: number;
  /** Address of the program headers in memory, 0 when they are not there. */
  readonly phdr: number;
  readonly start: number;
  readonly end: number;
}

function exactly(file: ExecFile, offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  if (offset + length > file.size || file.read(offset, bytes) !== length) throw new ElfError('truncated', 'the file is shorter than its headers say');
  return bytes;
}

/** Reads the headers. ENOEXEC for what is no program for this machine; `log` is told why. */
export function readProgram(file: ExecFile, log: (why: string) => void): Program {
  try {
    const head = new Uint8Array(EHDR_BYTES);
    const length = file.read(0, head);
    if (!isElf(head.subarray(0, length))) throw ENOEXEC;
    const header = parseHeader(head.subarray(0, length));
    if ((header.type !== ET_EXEC && header.type !== ET_DYN) || header.phnum === 0) throw new ElfError('not-loadable', 'neither a program nor a shared object');
    if (header.phnum > MAX_PHNUM) throw new ElfError('bad-program-headers', `${header.phnum} program headers`);
    const segments = parseSegments(header, exactly(file, header.phoff, header.phnum * PHDR_BYTES));
    const named = segments.find((segment) => segment.type === PT_INTERP);
    if (named !== undefined && named.filesz > 4096) throw new ElfError('bad-interpreter', 'the interpreter’s name is too long');
    checkSegments(header, segments);
    return { file, header, segments, interpreter: named === undefined ? undefined : parseInterpreter(exactly(file, named.offset, named.filesz)) };
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
    log(`${file.path}: ${error.message}`);
    throw ENOEXEC;
  }
}

function checkSegments(header: ElfHeader, segments: readonly Segment[]): void {
  checkLoadable(segments, ADDRESS_LIMIT);
  if (header.type !== ET_EXEC) return;
  for (const { type, vaddr } of segments) if (type === PT_LOAD && vaddr < MIN_ADDRESS) throw new ElfError('bad-segment', `a segment at 0x${vaddr.toString(16)}, where nothing may lie`);
}

/** Lowest and highest address (rounded to pages) before the bias. */
export function extent(program: Program): { low: number; high: number } {
  let low = Number.POSITIVE_INFINITY;
  let high = 0;
  for (const { type, vaddr, memsz } of program.segments) {
    if (type !== PT_LOAD) continue;
    low = Math.min(low, pageFloor(vaddr));
    high = Math.max(high, pageCeil(vaddr + memsz));
  }
  return { low, high };
}

export const wantsExecutableStack = (program: Program): boolean => program.segments.some((segment) => segment.type === PT_GNU_STACK && (segment.flags & PF_X) !== 0);

/** Maps a program; `base` is where a position-independent one goes. */
export function mapProgram(mm: AddressSpace, program: Program, base: number): Loaded {
  const { low, high } = extent(program);
  const bias = program.header.type === ET_DYN ? base - low : 0;
  let phdr = 0;
  for (const segment of program.segments) {
    if (segment.type === PT_PHDR) phdr = segment.vaddr + bias;
    if (segment.type !== PT_LOAD || segment.memsz === 0) continue;
    mapSegment(mm, program.file, segment, bias);
    const { phoff } = program.header;
    if (phdr === 0 && phoff >= segment.offset && phoff < segment.offset + segment.filesz) phdr = phoff - segment.offset + segment.vaddr + bias;
  }
  return { bias, entry: program.header.entry + bias, phdr, start: low + bias, end: high + bias };
}

function mapSegment(mm: AddressSpace, file: ExecFile, segment: Segment, bias: number): void {
  const { flags, offset, vaddr, filesz, memsz } = segment;
  const prot = (flags & PF_R ? PROT_READ : 0) | (flags & PF_W ? PROT_WRITE : 0) | (flags & PF_X ? PROT_EXEC : 0);
  const start = pageFloor(vaddr) + bias;
  const fileEnd = vaddr + filesz + bias;
  const end = pageCeil(vaddr + memsz) + bias;
  let mapped = start;
  if (filesz > 0) {
    mapped = pageCeil(fileEnd);
    mm.map({ address: start, length: mapped - start, prot, sharing: 'private', file, offset: pageFloor(offset), name: file.path, mayWrite: false });
    if (prot & PROT_WRITE && memsz > filesz && mm.vmas.allows(fileEnd, mapped - fileEnd || 1, PROT_WRITE)) mm.memory.bytes.fill(0, fileEnd, mapped);
  }
  if (end > mapped) mm.map({ address: mapped, length: end - mapped, prot, sharing: 'private' });
}
