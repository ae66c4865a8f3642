/** The dynamic section of a whole ELF file (gABI, chapter 5): what the dynamic linker will look for, and where. */

import { byteString } from '../base/bytes.ts';
import { type ElfHeader, ElfError, parseHeader, parseInterpreter, parseSegments, PHDR_BYTES, PT_DYNAMIC, PT_INTERP, PT_LOAD, PT_NOTE, type Segment, u64, viewOf } from './header.ts';
import { DF_1_PIE, DT_FLAGS_1, DT_NEEDED, DT_NULL, DT_RPATH, DT_RUNPATH, DT_SONAME, DT_STRSZ, DT_STRTAB } from './tags.ts';

/** The most entries that a sane dynamic section has. */
const MAX_DYNAMIC = 65536;

export interface Dynamic {
  /** Byte strings, in the order of the file. */
  readonly needed: readonly string[];
  readonly soname: string | undefined;
  /** Colon-separated, with $ORIGIN and the like as they stand. */
  readonly rpath: string | undefined;
  readonly runpath: string | undefined;
  readonly pie: boolean;
  /** Whether the string table has this name: that of a symbol, for one. */
  readonly names: (name: string) => boolean;
}

export interface Note {
  readonly name: string;
  readonly type: number;
  readonly desc: Uint8Array;
}

export interface ElfFile {
  readonly header: ElfHeader;
  readonly segments: readonly Segment[];
  readonly interpreter: string | undefined;
  /** Undefined for a static program without relocations. */
  readonly dynamic: Dynamic | undefined;
  readonly notes: readonly Note[];
}

function slice(bytes: Uint8Array, offset: number, length: number, code: 'bad-program-headers' | 'bad-segment' | 'bad-interpreter' | 'bad-dynamic', what: string): Uint8Array {
  if (offset + length > bytes.length) throw new ElfError(code, `${what} lies outside the file`);
  return bytes.subarray(offset, offset + length);
}

/** Parses a whole file. Throws ElfError. */
export function parseElf(bytes: Uint8Array): ElfFile {
  const header = parseHeader(bytes);
  const segments = parseSegments(header, slice(bytes, header.phoff, header.phnum * PHDR_BYTES, 'bad-program-headers', 'the program header table'));
  let interpreter: string | undefined;
  let dynamic: Dynamic | undefined;
  const notes: Note[] = [];
  for (const segment of segments) {
    if (segment.type === PT_INTERP) interpreter = parseInterpreter(slice(bytes, segment.offset, segment.filesz, 'bad-interpreter', 'the interpreter’s name'));
    else if (segment.type === PT_DYNAMIC) dynamic = parseDynamic(bytes, segments, slice(bytes, segment.offset, segment.filesz, 'bad-dynamic', 'the dynamic section'));
    else if (segment.type === PT_NOTE) notes.push(...parseNotes(slice(bytes, segment.offset, segment.filesz, 'bad-segment', 'a note'), segment.align));
  }
  return { header, segments, interpreter, dynamic, notes };
}

/** Where in the file a virtual address lies. */
export function fileOffset(segments: readonly Segment[], vaddr: number): number | undefined {
  for (const segment of segments) {
    if (segment.type === PT_LOAD && vaddr >= segment.vaddr && vaddr < segment.vaddr + segment.filesz) return segment.offset + (vaddr - segment.vaddr);
  }
  return undefined;
}

function parseDynamic(bytes: Uint8Array, segments: readonly Segment[], table: Uint8Array): Dynamic {
  const data = viewOf(table);
  const needed: number[] = [];
  const values = new Map<number, number>();
  const count = Math.min(Math.floor(table.length / 16), MAX_DYNAMIC);
  for (let index = 0; index < count; index++) {
    const tag = u64(data, index * 16);
    const value = u64(data, index * 16 + 8);
    if (tag === DT_NULL) break;
    if (tag === DT_NEEDED) needed.push(value);
    else values.set(tag, value);
  }
  const address = values.get(DT_STRTAB);
  const offset = address === undefined ? undefined : fileOffset(segments, address);
  const length = values.get(DT_STRSZ) ?? 0;
  if (offset === undefined && needed.length > 0) throw new ElfError('bad-dynamic', 'the dynamic section has no string table');
  const text = offset === undefined ? new Uint8Array(0) : slice(bytes, offset, length, 'bad-dynamic', 'the string table');
  const string = (at: number): string => {
    const end = at < text.length ? text.indexOf(0, at) : -1;
    if (end < 0) throw new ElfError('bad-dynamic', 'a name lies outside the string table');
    return byteString(text.subarray(at, end));
  };
  let strings: string | undefined;
  const names = (name: string): boolean => {
    strings ??= byteString(text);
    return strings.includes(`\0${name}\0`);
  };
  const optional = (tag: number): string | undefined => {
    const at = values.get(tag);
    return at === undefined ? undefined : string(at);
  };
  return { needed: needed.map(string), soname: optional(DT_SONAME), rpath: optional(DT_RPATH), runpath: optional(DT_RUNPATH), pie: ((values.get(DT_FLAGS_1) ?? 0) & DF_1_PIE) !== 0, names };
}

function parseNotes(bytes: Uint8Array, alignment: number): Note[] {
  const data = viewOf(bytes);
  const step = alignment === 8 ? 8 : 4;
  const up = (n: number): number => Math.ceil(n / step) * step;
  const out: Note[] = [];
  let at = 0;
  while (at + 12 <= bytes.length) {
    const nameBytes = data.getUint32(at, true);
    const descBytes = data.getUint32(at + 4, true);
    const type = data.getUint32(at + 8, true);
    const desc = at + up(12 + nameBytes);
    if (desc + descBytes > bytes.length) throw new ElfError('bad-segment', 'a note is cut off');
    const name = bytes.subarray(at + 12, at + 12 + nameBytes);
    out.push({ name: byteString(nameBytes > 0 ? name.subarray(0, nameBytes - 1) : name), type, desc: bytes.subarray(desc, desc + descBytes) });
    at = desc + up(descBytes);
  }
  return out;
}
