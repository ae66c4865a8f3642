/** Programs of `routines.ts` translated ahead of time, as `cloister build` does it: all functions of a file at once. */

import type { ImageFile } from '../../src/encfs/4-tree/image-tree.ts';
import { translateImage } from '../../src/libos/ahead.ts';
import { CodeStore, encodeModule, encodeStore, LaidOutElf, translateElf, TranslatorEngine, type Without } from '../../src/translator/index.ts';
import { decode, TRUNCATED } from '../../src/x86/index.ts';
import type { RoutinesCase } from './routines.ts';

const PAGE = 4096;
const HEADER_BYTES = 64,
  SEGMENT_BYTES = 56;
const PT_LOAD = 1,
  PT_GNU_EH_FRAME = 0x6474e550;
const PF_X = 1,
  PF_R = 4;

/** A static executable: the code at its address, and the table by which functions are found some pages behind it. */
function elfOf(code: Uint8Array, address: number, entry: number, functions: readonly number[]): Uint8Array {
  const tableAt = Math.ceil((address + code.length) / PAGE) * PAGE + PAGE;
  const table = new DataView(new ArrayBuffer(12 + functions.length * 8));
  // Version 1; where .eh_frame is (omitted), how the count and the table are encoded.
  [1, 0xff, 0x03, 0x3b].forEach((byte, at) => table.setUint8(at, byte));
  table.setUint32(8, functions.length, true);
  [...functions].sort((a, b) => a - b).forEach((start, n) => table.setInt32(12 + n * 8, start - tableAt, true));

  const segments = [
    { type: PT_LOAD, flags: PF_R | PF_X, address, offset: PAGE, length: code.length },
    { type: PT_LOAD, flags: PF_R, address: tableAt, offset: PAGE * 9, length: table.byteLength },
    { type: PT_GNU_EH_FRAME, flags: PF_R, address: tableAt, offset: PAGE * 9, length: table.byteLength },
  ];
  const bytes = new Uint8Array(PAGE * 9 + table.byteLength);
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, 2, true);
  view.setUint16(18, 62, true);
  view.setUint32(20, 1, true);
  view.setBigUint64(24, BigInt(entry), true);
  view.setBigUint64(32, BigInt(HEADER_BYTES), true);
  view.setUint16(52, HEADER_BYTES, true);
  view.setUint16(54, SEGMENT_BYTES, true);
  view.setUint16(56, segments.length, true);
  segments.forEach((segment, n) => {
    const at = HEADER_BYTES + n * SEGMENT_BYTES;
    view.setUint32(at, segment.type, true);
    view.setUint32(at + 4, segment.flags, true);
    [segment.offset, segment.address, segment.address, segment.length, segment.length, PAGE].forEach((value, field) => view.setBigUint64(at + 8 + field * 8, BigInt(value), true));
  });
  bytes.set(code, PAGE);
  bytes.set(new Uint8Array(table.buffer), PAGE * 9);
  return bytes;
}

/** An engine whose store has the program; code made without some optimisation is not what `build` makes, but comes the same way. */
export function engineWith(x: RoutinesCase, address: number, without: Without): TranslatorEngine {
  const code = x.code as Uint8Array;
  // In every other program, what calls reach is known as a function too: those that call themselves then do it directly.
  const functions = code.length % 2 === 0 ? x.functions : [...new Set([...x.functions, ...calledIn(code, address)])];
  const elf = elfOf(code, address, x.functions.at(-1) as number, functions);
  const content = without.size === 0 ? builtStore(elf) : storeWithout(elf, without);
  const read = (offset: number, into: Uint8Array): number => {
    const part = content.subarray(offset, offset + into.length);
    into.set(part);
    return part.length;
  };
  return new TranslatorEngine(new CodeStore(read, content.length), without);
}

function calledIn(code: Uint8Array, address: number): number[] {
  const called: number[] = [];
  for (let at = 0; at < code.length; ) {
    const insn = decode(code, at, address + at);
    if (insn === undefined || insn === TRUNCATED) break;
    at += insn.length;
    const [target] = insn.ops;
    if (insn.row.mnemonic === 'call' && target?.kind === 'rel' && target.target >= address && target.target < address + code.length) called.push(target.target);
  }
  return called;
}

function builtStore(elf: Uint8Array): Uint8Array {
  const file: ImageFile = { kind: 'file', mode: 0o755, mtime: 0, size: elf.length, read: (offset, into) => into.set(elf.subarray(offset, offset + into.length)) };
  const [made] = translateImage({ kind: 'directory', mode: 0o755, mtime: 0, entries: new Map([['program', file]]) }, undefined, () => {}).values();
  return made.content;
}

function storeWithout(elf: Uint8Array, without: Without): Uint8Array {
  const made = translateElf(new LaidOutElf(elf, 0), 'lost', without);
  return encodeStore(made === undefined ? [] : [encodeModule(made)], new Map());
}
