import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fromHex } from '../base/bytes.ts';
import { decode, TRUNCATED } from '../x86/index.ts';
import { AHEAD_LIMITS, type CodeReader, discover, type JumpTable } from './discover.ts';
import { findTable } from './jumptable.ts';

const BASE = 0x1000;

function reader(bytes: Uint8Array): CodeReader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const within = (address: number, size: number): boolean => address >= BASE && address + size <= BASE + bytes.length;
  return {
    decode(pc) {
      const insn = within(pc, 1) ? decode(bytes, pc - BASE, pc) : undefined;
      return insn === TRUNCATED ? undefined : insn;
    },
    readI32: (address) => (within(address, 4) ? view.getInt32(address - BASE, true) : undefined),
    readU64: (address) => (within(address, 8) ? Number(view.getBigUint64(address - BASE, true)) : undefined),
    neverReturns: () => false,
  };
}

/** Code as in `objdump`, padded with INT3 to `size`. */
function image(size: number, at: Readonly<Record<number, string>>): Uint8Array {
  const bytes = new Uint8Array(size).fill(0xcc);
  for (const [offset, hex] of Object.entries(at)) bytes.set(fromHex(hex.replaceAll(' ', '')), Number(offset));
  return bytes;
}

function tableOf(bytes: Uint8Array): JumpTable | undefined {
  const code = reader(bytes);
  const blocks = discover(BASE, code, () => false, new Map(), AHEAD_LIMITS);
  const jump = blocks.find(({ control }) => control === 'indirect');
  assert.ok(jump);
  return findTable(jump, blocks, code);
}

/** RET at every piece. */
const pieces = (from: number, stride: number, count: number): Record<number, string> => Object.fromEntries(Array.from({ length: count }, (_, at) => [from + at * stride, 'c3']));

describe('indirect jumps', () => {
  test('into code in equal pieces, by a masked offset', () => {
    // lea r9, [rip+0x100-7]; and ecx, 3; shl ecx, 6; add rcx, r9; jmp rcx
    const table = tableOf(image(0x200, { 0: '4c 8d 0d f9 00 00 00  83 e1 03  c1 e1 06  4c 01 c9  ff e1', ...pieces(0x100, 64, 4) }));
    assert.deepEqual(table?.targets, [0x1100, 0x1140, 0x1180, 0x11c0]);
  });
  test('into code in pieces of three lines, unmasked: one for each offset in a vector', () => {
    // lea rdx, [rip+0x100-7]; shl ecx, 5; lea r8d, [rcx+rcx*2]; add rdx, r8; jmp rdx
    const table = tableOf(image(0x1000, { 0: '48 8d 15 f9 00 00 00  c1 e1 05  44 8d 04 49  4c 01 c2  ff e2', ...pieces(0x100, 96, 20) }));
    assert.deepEqual(
      table?.targets,
      Array.from({ length: 16 }, (_, at) => 0x1100 + at * 96),
    );
  });
  test('through a table of offsets from code', () => {
    // lea rcx, [rip+0x80-7] (table); lea rsi, [rip+0x40-14] (code); movsxd rax, [rcx+rax*4]; add rax, rsi; jmp rax
    const bytes = image(0x100, { 0: '48 8d 0d 79 00 00 00  48 8d 35 32 00 00 00  48 63 04 81  48 01 f0  ff e0', ...pieces(0x40, 8, 4) });
    new Int32Array(bytes.buffer, 0x80, 5).set([24, 0, 8, 16, 0x7000_0000]);
    assert.deepEqual(tableOf(bytes)?.targets, [0x1058, 0x1040, 0x1048, 0x1050]);
  });
  test('to what is only a sum are not through a table', () => {
    // add rax, rcx; jmp rax
    assert.equal(tableOf(image(0x40, { 0: '48 01 c8 ff e0' })), undefined);
    // shl ecx, 6; add rcx, 0x40 (no code there); jmp rcx
    assert.equal(tableOf(image(0x40, { 0: 'c1 e1 06 48 83 c1 40 ff e1' })), undefined);
  });
});
