/**
 * Translation ahead of time: every function of an ELF file, as it will lie in memory.
 *
 * Functions are found by the binary search table of `.eh_frame_hdr` (LSB, "Exception Frames"), which stripped
 * files have too, by `.eh_frame` itself, and by calls. What is not found this way is translated when it is first reached.
 */

import { checkLoadable, ElfError, type ElfHeader, ET_DYN, frameStarts, parseHeader, parseSegments, PF_X, PHDR_BYTES, PT_DYNAMIC, PT_GNU_EH_FRAME, PT_LOAD, type Segment } from '../elf/index.ts';
import { ADDRESS_LIMIT } from '../kernel/platform.ts';
import { decode, type Insn, TRUNCATED } from '../x86/index.ts';
import type { CodeReader } from './discover.ts';
import { type MadeModule, sourceDigest } from './store.ts';
import { translateFile, type TranslateOptions } from './translate.ts';
import type { SourceRange } from './unit.ts';

const PAGE = 4096;
/** Of a file whose segments lie further apart nothing is laid out. */
const MAX_LAID_OUT = 1 << 30;
/** Bytes of wasm of one function; larger ones are rare and wait until they are needed. */
const MAX_FUNCTION = 1_500_000;
const R_X86_64_RELATIVE = 8;
const DT_RELA = 7, DT_RELASZ = 8;
/** `.eh_frame_hdr` as linkers write it: version 1, table of signed 32-bit offsets from its own start. */
const EH_TABLE = 0x3b, EH_COUNT = 0x03;

/** A file laid out at its base, relocations against itself applied. */
export class LaidOutElf implements CodeReader {
  readonly base: number;
  /** Bytes from the first to behind the last page. */
  readonly extent: number;
  readonly functions: readonly number[];
  /** All of its code. */
  readonly source: readonly SourceRange[];
  readonly #memory: Uint8Array;
  readonly #view: DataView;
  readonly #low: number;
  readonly #code: readonly (readonly [number, number])[];

  /** Throws ElfError. */
  constructor(bytes: Uint8Array, base: number) {
    const header = parseHeader(bytes);
    const segments = parseSegments(header, bytes.subarray(header.phoff, header.phoff + header.phnum * PHDR_BYTES));
    checkLoadable(segments, ADDRESS_LIMIT);
    const loads = segments.filter(({ type }) => type === PT_LOAD);
    const lowest = Math.min(...loads.map(({ vaddr }) => Math.floor(vaddr / PAGE) * PAGE));
    const highest = Math.max(...loads.map(({ vaddr, memsz }) => Math.ceil((vaddr + memsz) / PAGE) * PAGE));
    this.base = header.type === ET_DYN ? base : 0;
    this.extent = highest - lowest;
    this.#low = this.base + lowest;
    // What only memory has is zeros, and no code.
    const filled = Math.max(...loads.map(({ vaddr, filesz }) => vaddr + filesz)) - lowest;
    if (filled > MAX_LAID_OUT) throw new ElfError('bad-segment', 'its segments lie too far apart');
    this.#memory = new Uint8Array(filled);
    this.#view = new DataView(this.#memory.buffer);
    for (const { offset, vaddr, filesz } of loads) this.#memory.set(bytes.subarray(offset, offset + filesz), vaddr - lowest);
    this.#code = loads.filter(({ flags }) => (flags & PF_X) !== 0).map(({ vaddr, memsz }) => [this.base + vaddr, this.base + vaddr + memsz] as const);
    this.source = loads.filter(({ flags, filesz }) => (flags & PF_X) !== 0 && filesz > 0).map(({ vaddr, filesz }) => ({ start: this.base + vaddr, length: filesz }));
    this.#relocate(segments);
    this.functions = this.#functions(header, segments, frameStarts(bytes, header));
  }

  #relocate(segments: readonly Segment[]): void {
    const dynamic = segments.find(({ type }) => type === PT_DYNAMIC);
    if (dynamic === undefined) return;
    let table = 0;
    let size = 0;
    for (let at = dynamic.vaddr; at < dynamic.vaddr + dynamic.memsz; at += 16) {
      const tag = this.readU64(this.base + at) ?? 0;
      const value = this.readU64(this.base + at + 8) ?? 0;
      if (tag === 0) break;
      if (tag === DT_RELA) table = value;
      else if (tag === DT_RELASZ) size = value;
    }
    for (let at = this.base + table; at < this.base + table + size; at += 24) {
      const where = this.readU64(at);
      const kind = this.readU64(at + 8);
      const addend = this.readU64(at + 16);
      if (where === undefined || addend === undefined) break;
      if (kind !== R_X86_64_RELATIVE) continue;
      const place = this.#place(this.base + where, 8);
      if (place >= 0) this.#view.setBigUint64(place, BigInt(this.base + addend), true);
    }
  }

  #functions(header: ElfHeader, segments: readonly Segment[], more: readonly number[]): number[] {
    const found = new Set<number>();
    if (header.entry !== 0) found.add(this.base + header.entry);
    const frames = segments.find(({ type }) => type === PT_GNU_EH_FRAME);
    if (frames !== undefined) {
      const at = this.base + frames.vaddr;
      const place = this.#place(at, 12);
      if (place >= 0 && this.#memory[place] === 1 && this.#memory[place + 2] === EH_COUNT && this.#memory[place + 3] === EH_TABLE) {
        const count = this.#view.getUint32(place + 8, true);
        for (let index = 0; index < count; index++) {
          const offset = this.readI32(at + 12 + index * 8);
          if (offset === undefined) break;
          if (this.#isCode(at + offset)) found.add(at + offset);
        }
      }
    }
    for (const start of more) if (this.#isCode(this.base + start)) found.add(this.base + start);
    this.#addCalled(found);
    return [...found].sort((a, b) => a - b);
  }

  /** What is called by its address, by a linear look at the code of what is known. */
  #addCalled(found: Set<number>): void {
    const sorted = [...found].sort((a, b) => a - b);
    sorted.forEach((start, index) => {
      for (let pc = start; pc < (sorted[index + 1] ?? Number.POSITIVE_INFINITY); ) {
        const insn = this.decode(pc);
        if (insn === undefined) break;
        const operand = insn.ops[0];
        if (operand?.kind === 'rel' && insn.row.mnemonic === 'call' && this.#isCode(operand.target)) found.add(operand.target);
        pc += insn.length;
      }
    });
  }

  #isCode(pc: number): boolean {
    return this.#code.some(([start, end]) => pc >= start && pc < end);
  }

  #place(address: number, size: number): number {
    const at = address - this.#low;
    return at >= 0 && at + size <= this.#memory.length ? at : -1;
  }

  decode(pc: number): Insn | undefined {
    const range = this.#code.find(([start, end]) => pc >= start && pc < end);
    if (range === undefined) return undefined;
    const insn = decode(this.#memory.subarray(0, range[1] - this.#low), pc - this.#low, pc);
    return insn === TRUNCATED ? undefined : insn;
  }

  readI32(address: number): number | undefined {
    const at = this.#place(address, 4);
    return at < 0 ? undefined : this.#view.getInt32(at, true);
  }

  readU64(address: number): number | undefined {
    const at = this.#place(address, 8);
    return at < 0 ? undefined : this.#view.getUint32(at, true) + this.#view.getUint32(at + 4, true) * 0x1_0000_0000;
  }

  slice(start: number, end: number): Uint8Array {
    return this.#memory.slice(start - this.#low, end - this.#low);
  }
}

/**
 * All functions of a file as one module, in which they call one another directly. One that cannot be translated, or is too
 * large, is not a unit: it is tried again when it runs.
 */
export function translateElf(elf: LaidOutElf, progress: (done: number, of: number) => void = () => {}): MadeModule | undefined {
  const entries = new Set(elf.functions);
  const called = directlyCalled(elf, entries);
  const options: TranslateOptions = { precise: false, checked: false, flagsAcrossReturns: false, resumed: false, dispatchOf: () => undefined, writable: () => undefined, isEntry: (target) => entries.has(target) };
  const made = translateFile(elf.functions, (pc) => called.has(pc), elf, options, MAX_FUNCTION, progress);
  if (made.units.length === 0) return undefined;
  return { ...made, source: elf.source, sourceDigest: sourceDigest(elf.source, (start, length) => elf.slice(start, start + length)) };
}

/** Functions that others call or jump to by their address; a linear look at the code, so perhaps some that nobody does. */
function directlyCalled(elf: LaidOutElf, entries: ReadonlySet<number>): Set<number> {
  const called = new Set<number>();
  elf.functions.forEach((start, index) => {
    const end = elf.functions[index + 1] ?? Number.POSITIVE_INFINITY;
    for (let pc = start; pc < end; ) {
      const insn = elf.decode(pc);
      if (insn === undefined) break;
      const operand = insn.ops[0];
      if (operand?.kind === 'rel' && entries.has(operand.target)) called.add(operand.target);
      pc += insn.length;
    }
  });
  return called;
}
