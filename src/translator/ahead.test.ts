/** What translation ahead of time finds in the files of the machine that runs the test. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { LaidOutElf } from './ahead.ts';

const BASE = 0x2000_0000;
const LIBRARY = '/lib/x86_64-linux-gnu/libc.so.6';
const PROGRAM = '/bin/ls';
const tools = ['readelf', 'objdump'].every((tool) => spawnSync(tool, ['--version']).status === 0);

const lines = (tool: string, ...args: string[]): string[] => spawnSync(tool, args, { encoding: 'utf8', maxBuffer: 1 << 28 }).stdout.split('\n');

describe('functions of a file', { skip: tools && existsSync(LIBRARY) && existsSync(PROGRAM) ? false : 'needs readelf, objdump, glibc and ls' }, () => {
  for (const path of [LIBRARY, PROGRAM]) {
    const functions = new Set(new LaidOutElf(readFileSync(path), BASE).functions.map((pc) => pc - BASE));

    test(`${path}: code that binds an import when it is first called`, () => {
      assert.ok(!lines('readelf', '-dW', path).some((line) => /FLAGS.*NOW/.test(line)), 'it binds late');
      const slots = lines('readelf', '-rW', path).filter((line) => line.includes('R_X86_64_JUMP_SLOT')).length;
      const pushes = lines('objdump', '-d', '--section=.plt', path).filter((line) => Number.parseInt(/\tpush +\$0x(\w+)/.exec(line)?.[1] ?? 'ffff', 16) < slots);
      assert.ok(slots > 0);
      assert.equal(pushes.length, slots);
      for (const line of pushes) assert.ok(functions.has(Number.parseInt(line, 16)), line);
    });

    test(`${path}: what runs before and after it`, () => {
      const dynamic = lines('readelf', '-dW', path);
      for (const name of ['INIT', 'FINI']) {
        const line = dynamic.find((each) => each.includes(`(${name})`));
        if (line !== undefined) assert.ok(functions.has(Number.parseInt(line.split('0x').at(-1) as string, 16)), line);
      }
    });

    test(`${path}: exported functions`, () => {
      const missing = lines('readelf', '--dyn-syms', '-W', path).flatMap((line) => {
        const [, value, size, type, , , index] = line.trim().split(/\s+/);
        return type === 'FUNC' && index !== 'UND' && Number(size) > 0 && !functions.has(Number.parseInt(value, 16)) ? [line] : [];
      });
      assert.deepEqual(missing, []);
    });
  }
});
