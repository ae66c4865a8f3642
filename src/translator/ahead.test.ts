/** What translation ahead of time finds in the files of the machine that runs the test. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { LaidOutElf } from './ahead.ts';
import { resumptions } from './resumptions.ts';

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

/** Addresses of the instructions behind those lines of a disassembly that `wanted` takes. */
function behind(path: string, wanted: (line: string, before: readonly string[]) => boolean): number[] {
  const code = lines('objdump', '-d', '--no-show-raw-insn', '-j', '.text', path).filter((line) => /^ +[0-9a-f]+:\t/.test(line));
  return code.flatMap((line, at) => (wanted(line, code.slice(Math.max(at - 6, 0), at)) ? [Number.parseInt(code[at + 1], 16)] : []));
}

const SHELL = '/bin/bash';

describe('where tasks are resumed', { skip: tools && existsSync(LIBRARY) && existsSync(SHELL) ? false : 'needs readelf, objdump, glibc and bash' }, () => {
  const placesOf = (path: string): Set<number> => {
    const elf = new LaidOutElf(readFileSync(path), BASE);
    return new Set([...elf.functions, ...resumptions(elf)].map((pc) => pc - elf.base));
  };

  test('the C library: behind clone and wait4', () => {
    const places = placesOf(LIBRARY);
    for (const number of ['0x38', '0x3d']) {
      const found = behind(LIBRARY, (line, before) => line.endsWith('syscall') && before.some((each) => each.includes(`mov    $${number},%eax`)));
      assert.ok(found.length > 0);
      for (const pc of found) assert.ok(places.has(pc), pc.toString(16));
    }
  });

  test('a shell: behind every call that forks or waits', () => {
    const places = placesOf(SHELL);
    const found = behind(SHELL, (line) => /call .*<(?:fork|waitpid)@plt>/.test(line));
    assert.ok(found.length > 1);
    for (const pc of found) assert.ok(places.has(pc), pc.toString(16));
  });

  test('a program without a dynamic section: what runs before and after it, and what signal handlers return to', { skip: spawnSync('gcc', ['--version']).status === 0 ? false : 'needs gcc' }, (context) => {
    const place = mkdtempSync(join(tmpdir(), 'cloister-ahead-'));
    context.after(() => rmSync(place, { recursive: true, force: true }));
    const program = join(place, 'program');
    const { status, stderr } = spawnSync('gcc', ['-O1', '-static', '-o', program, '-xc', '-'], { input: '#include <signal.h>\nint main() { return raise(SIGCHLD); }', encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    const places = placesOf(program);
    const symbols = lines('readelf', '-sW', program).map((line) => line.trim().split(/\s+/));
    for (const name of ['_init', '_fini', 'frame_dummy', '__do_global_dtors_aux', '__restore_rt']) {
      const symbol = symbols.find((fields) => fields[7] === name);
      if (symbol !== undefined) assert.ok(places.has(Number.parseInt(symbol[1], 16)), name);
    }
    assert.ok(symbols.some((fields) => fields[7] === '_init'));
  });
});
