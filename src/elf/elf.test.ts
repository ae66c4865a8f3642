import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { checkLoadable, ElfError, parseElf, parseHeader, PT_LOAD, type Segment } from './index.ts';

const shell = new Uint8Array(readFileSync('/bin/bash'));

test('a dynamic program names its interpreter and libraries', { skip: process.arch === 'x64' ? false : 'the host’s programs are not x86-64' }, () => {
  const elf = parseElf(shell);
  assert.equal(elf.interpreter, '/lib64/ld-linux-x86-64.so.2');
  assert.ok(elf.dynamic?.needed.includes('libc.so.6'));
  assert.ok(elf.notes.some((note) => note.name === 'GNU'));
});

test('what is not ours is refused with a code', () => {
  const code = (bytes: Uint8Array): string => {
    try {
      parseHeader(bytes);
    } catch (error) {
      if (error instanceof ElfError) return error.code;
      throw error;
    }
    return 'accepted';
  };
  assert.equal(code(new Uint8Array(0)), 'not-elf');
  assert.equal(code(new Uint8Array([0x7f, 0x45, 0x4c, 0x46])), 'truncated');
  const arm = shell.slice(0, 64);
  arm[18] = 183;
  assert.equal(code(arm), 'wrong-machine');
  const narrow = shell.slice(0, 64);
  narrow[4] = 1;
  narrow[18] = 3;
  assert.equal(code(narrow), 'not-64-bit');
});

test('damaged files are refused or parsed, never anything else', () => {
  let seed = Number(process.env['SEED'] ?? Date.now() % 1e9) | 0;
  console.log(`seed ${seed}`);
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fff_ffff;
    return (seed >>> 8) % below;
  };
  const head = parseElf(shell);
  const spots = [64, ...head.segments.flatMap((s) => (s.type === 2 || s.type === 4 ? [s.offset] : []))];
  for (let round = 0; round < 2000; round++) {
    const copy = shell.slice(0, round % 4 === 0 ? random(shell.length) : shell.length);
    for (let change = 0; change < 4; change++) {
      const at = spots[random(spots.length)] + random(400) - (change === 0 ? 64 : 0);
      if (at >= 0 && at < copy.length) copy[at] = random(256);
    }
    try {
      parseElf(copy);
    } catch (error) {
      assert.ok(error instanceof ElfError, String(error));
    }
  }
});

test('segments that no loader can map', () => {
  const load = (offset: number, vaddr: number, filesz: number, memsz: number): Segment => ({ type: PT_LOAD, flags: 5, offset, vaddr, filesz, memsz, align: 4096 });
  const check = (...segments: Segment[]): void => checkLoadable(segments, 1 << 30);
  check(load(0, 0x1000, 100, 200), load(0x2010, 0x3010, 0, 1 << 20));
  assert.throws(() => check(), { code: 'not-loadable' });
  for (const [why, ...segments] of [
    ['more in the file than in memory', load(0, 0x1000, 200, 100)],
    ['offset and address disagree', load(8, 0x1000, 100, 100)],
    ['beyond the end', load(0, 0x1000, 100, 2 ** 31)],
    ['2^64', load(0, 0x1000, 2 ** 64, 2 ** 64)],
    ['out of order', load(0, 0x2000, 1, 1), load(0, 0x1000, 1, 1)],
  ] as const)
    assert.throws(() => check(...segments), { code: 'bad-segment' }, why);
});
