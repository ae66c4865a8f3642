/**
 * Translation ahead of time: every function of an ELF file, as it will lie in memory.
 *
 * Functions are found by the binary search table of `.eh_frame_hdr` (LSB, "Exception Frames"), which stripped
 * files have too, by `.eh_frame` itself, and by what the dynamic section names. What is not found this way is translated when it
 * is first reached.
 */

import {
  checkLoadable,
  ElfError,
  type ElfHeader,
  ET_DYN,
  frameStarts,
  initialisers,
  parseHeader,
  parseSegments,
  PF_X,
  PHDR_BYTES,
  PT_DYNAMIC,
  PT_GNU_EH_FRAME,
  PT_LOAD,
  type Segment,
  DF_1_NOW,
  DF_BIND_NOW,
  DT_FINI,
  DT_FINI_ARRAY,
  DT_FINI_ARRAYSZ,
  DT_FLAGS,
  DT_FLAGS_1,
  DT_INIT,
  DT_INIT_ARRAY,
  DT_INIT_ARRAYSZ,
  DT_JMPREL,
  DT_PLTRELSZ,
  DT_RELA,
  DT_RELASZ,
  DT_STRTAB,
  DT_SYMTAB,
  R_X86_64_IRELATIVE,
  R_X86_64_JUMP_SLOT,
  R_X86_64_RELATIVE,
} from '../elf/index.ts';
import { ADDRESS_LIMIT } from '../kernel/platform.ts';
import { byteString } from '../base/bytes.ts';
import { decode, type Insn, RDI, TRUNCATED } from '../x86/index.ts';
import { type CodeReader, control } from './discover.ts';
import { ALL_ON, type Without } from './optimizations.ts';
import { resumptions } from './resumptions.ts';
import { type MadeModule, sourceDigest } from './store.ts';
import { translateFile, type TranslateOptions } from './translate.ts';
import type { SourceRange } from './unit.ts';

const PAGE = 4096;
/** Of a file whose segments lie further apart nothing is laid out. */
const MAX_LAID_OUT = 1 << 30;
/** Bytes of wasm of one function; larger ones are rare and wait until they are needed. */
const MAX_FUNCTION = 1_500_000;
const MAX_NAME = 64;
/** Of functions, as compilers make it; cold parts are not aligned. */
const ALIGNMENT = 16;
/** By the headers of glibc, musl, libgcc and libstdc++. What lies behind calls of them is not part of the caller. */
const NO_RETURN = new Set([
  'abort',
  'exit',
  '_exit',
  '_Exit',
  'quick_exit',
  '__stack_chk_fail',
  '__fortify_fail',
  '__chk_fail',
  '__assert_fail',
  '__assert_perror_fail',
  '__assert',
  'longjmp',
  '_longjmp',
  'siglongjmp',
  '__longjmp_chk',
  'pthread_exit',
  'thrd_exit',
  'err',
  'errx',
  'verr',
  'verrx',
  '__cxa_throw',
  '__cxa_rethrow',
  '__cxa_bad_cast',
  '__cxa_bad_typeid',
  '_Unwind_Resume',
  '_ZSt9terminatev',
  '__libc_start_main',
  '__libc_fatal',
]);
/** What a program calls to have faults reported to it; and the signals that say so. */
const SETS_HANDLER = new Set(['sigaction', 'signal', '__sysv_signal', 'bsd_signal', 'sigset']);
const SIGBUS = 7n,
  SIGSEGV = 11n;
/** Of a function of the compiler's start files, at most. */
const START_FILE_INSNS = 100;
/** Instructions between the signal's number and the call. */
const ARGUMENTS = 12;
const TRAMPOLINE = [0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05];
/** `.eh_frame_hdr` as linkers write it: version 1, table of signed 32-bit offsets from its own start. */
const EH_TABLE = 0x3b,
  EH_COUNT = 0x03;

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
  /** Words of the global offset table that lead to functions of other files, with their names. */
  readonly #imports = new Map<number, string>();

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
    const dynamic = this.#dynamic(segments);
    this.#findImports(dynamic);
    this.#relocate(dynamic);
    const first = [...this.#named(dynamic), ...(dynamic.size > 0 ? [] : initialisers(bytes, header))];
    this.functions = this.#functions(header, segments, [...frameStarts(bytes, header).map((start) => this.base + start), ...first.flatMap((start) => [start, ...this.#calledFrom(start)])]);
  }

  #dynamic(segments: readonly Segment[]): ReadonlyMap<number, number> {
    const values = new Map<number, number>();
    const dynamic = segments.find(({ type }) => type === PT_DYNAMIC);
    if (dynamic === undefined) return values;
    for (let at = dynamic.vaddr; at < dynamic.vaddr + dynamic.memsz; at += 16) {
      const tag = this.readU64(this.base + at) ?? 0;
      if (tag === 0) break;
      values.set(tag, this.readU64(this.base + at + 8) ?? 0);
    }
    return values;
  }

  #relocate(dynamic: ReadonlyMap<number, number>): void {
    const table = dynamic.get(DT_RELA) ?? 0;
    const size = dynamic.get(DT_RELASZ) ?? 0;
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

  /**
   * Code that the dynamic section leads to: what runs before and after the program, what chooses functions, and what binds each
   * import when it is first called (the second half of its entry in the procedure linkage table).
   */
  #named(dynamic: ReadonlyMap<number, number>): number[] {
    const found: number[] = [];
    for (const tag of [DT_INIT, DT_FINI]) {
      const at = dynamic.get(tag);
      if (at !== undefined) found.push(this.base + at);
    }
    for (const [tag, size] of [
      [DT_INIT_ARRAY, DT_INIT_ARRAYSZ],
      [DT_FINI_ARRAY, DT_FINI_ARRAYSZ],
    ]) {
      const array = this.base + (dynamic.get(tag) ?? 0);
      for (let at = array; at < array + (dynamic.get(size) ?? 0); at += 8) {
        const start = this.readU64(at);
        // The size is whatever the file says.
        if (start === undefined) break;
        found.push(start);
      }
    }
    const bindsLater = ((dynamic.get(DT_FLAGS) ?? 0) & DF_BIND_NOW) === 0 && ((dynamic.get(DT_FLAGS_1) ?? 0) & DF_1_NOW) === 0;
    const linkage = this.base + (dynamic.get(DT_JMPREL) ?? 0);
    for (let at = linkage; at < linkage + (dynamic.get(DT_PLTRELSZ) ?? 0); at += 24) {
      const kind = this.readI32(at + 8);
      if (kind === undefined) break;
      if (kind === R_X86_64_IRELATIVE) found.push(this.base + (this.readU64(at + 16) ?? 0));
      else if (kind === R_X86_64_JUMP_SLOT && bindsLater) found.push(this.base + (this.readU64(this.base + (this.readU64(at) ?? 0)) ?? 0));
    }
    return found;
  }

  /** What a small function calls: those of the compiler's own start files have no frames to be found by. */
  #calledFrom(start: number): number[] {
    const called: number[] = [];
    for (let pc = start, count = 0; count < START_FILE_INSNS; count++) {
      const insn = this.decode(pc);
      if (insn === undefined) break;
      const kind = control(insn);
      if (kind === 'return' || kind === 'jump' || kind === 'indirect') break;
      const [target] = insn.ops;
      if (kind === 'call' && target?.kind === 'rel') called.push(target.target);
      pc += insn.length;
    }
    return called;
  }

  #findImports(dynamic: ReadonlyMap<number, number>): void {
    const at = (tag: number): number => this.base + (dynamic.get(tag) ?? 0);
    for (const [table, size] of [
      [DT_JMPREL, DT_PLTRELSZ],
      [DT_RELA, DT_RELASZ],
    ]) {
      for (let entry = at(table); entry < at(table) + (dynamic.get(size) ?? 0); entry += 24) {
        const where = this.readU64(entry);
        const symbol = this.readI32(entry + 12);
        if (where === undefined || symbol === undefined) break;
        if (symbol === 0) continue;
        const name = this.readI32(at(DT_SYMTAB) + symbol * 24);
        if (name !== undefined) this.#imports.set(this.base + where, this.#string(at(DT_STRTAB) + name));
      }
    }
  }

  #string(address: number): string {
    const start = this.#place(address, 1);
    const end = start < 0 ? -1 : this.#memory.indexOf(0, start);
    return end < 0 || end - start > MAX_NAME ? '' : byteString(this.#memory.subarray(start, end));
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
    for (const start of more) if (this.#isCode(start)) found.add(start);
    for (const start of found) if (this.#isTrampoline(start + 1)) found.add(start + 1), found.delete(start);
    this.#sortOut(found);
    return [...found].sort((a, b) => a - b);
  }

  /**
   * A linear look at the code of what is known: what is only jumped to conditionally from another function, and not aligned, is a
   * cold part of that.
   */
  #sortOut(found: Set<number>): void {
    const sorted = [...found].sort((a, b) => a - b);
    const branched = new Set<number>();
    const called = new Set<number>();
    sorted.forEach((start, index) => {
      const end = sorted[index + 1] ?? Number.POSITIVE_INFINITY;
      for (let pc = start; pc < end; ) {
        const insn = this.decode(pc);
        if (insn === undefined) break;
        const operand = insn.ops[0];
        if (operand?.kind === 'rel' && this.#isCode(operand.target)) {
          const kind = control(insn);
          if (kind === 'call') called.add(operand.target);
          else if (kind === 'branch' && operand.target !== start) branched.add(operand.target);
        }
        pc += insn.length;
      }
    });
    for (const pc of branched) if (!called.has(pc) && pc % ALIGNMENT !== 0) found.delete(pc);
  }

  /** `mov rax, 15; syscall`, to which signal handlers return: the C library tells unwinders that it begins a byte earlier. */
  #isTrampoline(pc: number): boolean {
    const place = this.#place(pc, TRAMPOLINE.length);
    return place >= 0 && TRAMPOLINE.every((byte, index) => this.#memory[place + index] === byte);
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

  /** Calls of what the C library and the unwinder declare not to return, by way of the procedure linkage table. */
  neverReturns(target: number): boolean {
    return NO_RETURN.has(this.#importCalledAt(target) ?? '');
  }

  /** By way of the procedure linkage table or not. */
  importedBy(call: Insn): string | undefined {
    const [target] = call.ops;
    return target?.kind === 'rel' ? this.#importCalledAt(target.target) : target?.kind === 'mem' && target.ripRelative ? this.#imports.get(target.disp) : undefined;
  }

  /** The function of another file that an entry of the procedure linkage table jumps to. */
  #importCalledAt(target: number): string | undefined {
    let insn = this.decode(target);
    if (insn?.row.mnemonic === 'endbr64') insn = this.decode(target + insn.length);
    const operand = insn?.ops[0];
    if (insn?.row.mnemonic !== 'jmp' || operand?.kind !== 'mem' || !operand.ripRelative) return undefined;
    return this.#imports.get(operand.disp);
  }

  /**
   * Whether some code here asks for faults to be reported to it: calls `sigaction`, or one of its kind, for SIGSEGV or SIGBUS.
   * A guess, for speed alone.
   */
  handlesFaults(): boolean {
    if (![...this.#imports.values()].some((name) => SETS_HANDLER.has(name))) return false;
    return this.functions.some((start, index) => {
      const end = this.functions[index + 1] ?? Number.POSITIVE_INFINITY;
      let since = ARGUMENTS;
      for (let pc = start; pc < end; since++) {
        const insn = this.decode(pc);
        if (insn === undefined) return false;
        pc += insn.length;
        const [first, second] = insn.ops;
        const { mnemonic } = insn.row;
        if (mnemonic === 'mov' && first.kind === 'gpr' && first.index === RDI && second.kind === 'imm' && (second.value === SIGSEGV || second.value === SIGBUS)) since = 0;
        else if (mnemonic === 'call' && since < ARGUMENTS) {
          if (SETS_HANDLER.has(this.importedBy(insn) ?? '')) return true;
        }
      }
      return false;
    });
  }

  slice(start: number, end: number): Uint8Array {
    return this.#memory.slice(start - this.#low, end - this.#low);
  }
}

/**
 * All functions of a file as one module, in which they call one another directly. One that cannot be translated, or is too
 * large, is not a unit: it is tried again when it runs.
 */
export function translateElf(elf: LaidOutElf, faults: 'lost' | 'recovered', without: Without = ALL_ON, progress: (done: number, of: number) => void = () => {}): MadeModule | undefined {
  const entries = new Set(elf.functions);
  const called = directlyCalled(elf, entries);
  const options: TranslateOptions = {
    faults,
    without,
    checked: false,
    flagsAcrossReturns: without.has('flags'),
    ahead: true,
    resumed: false,
    isLoop: () => false,
    innerPlaceAt: () => undefined,
    writable: () => undefined,
    isEntry: (target) => entries.has(target),
  };
  const made = translateFile({ functions: elf.functions, resumptions: resumptions(elf).filter((pc) => !entries.has(pc)) }, (pc) => called.has(pc), elf, options, MAX_FUNCTION, progress);
  if (made.units.length === 0) return undefined;
  return { ...made, recovers: faults === 'recovered', source: elf.source, sourceDigest: sourceDigest(elf.source, (start, length) => elf.slice(start, start + length)) };
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
