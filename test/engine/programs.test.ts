/** Programs without a libc on both engines, against the host: recursion, tables, long jumps, flags over calls, generated code. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { InterpreterEngine } from '../../src/interpreter/index.ts';
import { TranslatorEngine } from '../../src/translator/index.ts';
import { runFreestanding } from '../support/freestanding.ts';

const work = mkdtempSync(join(tmpdir(), 'cloister-engine-'));
after(() => rmSync(work, { recursive: true, force: true }));

for (const level of ['-O1', '-O2']) {
  const program = join(work, `programs${level}`);
  const options = [level, '-fno-builtin', '-fno-tree-loop-distribute-patterns', '-fno-optimize-sibling-calls', '-fno-pie', '-no-pie', '-nostdlib', '-static', '-fno-stack-protector', '-w', '-z', 'noexecstack'];
  const { status, error } = spawnSync('gcc', [...options, '-o', program, new URL('programs.c', import.meta.url).pathname]);
  const skip = error !== undefined || process.arch !== 'x64' ? 'needs gcc on x86-64' : false;
  test(`programs built with ${level}`, { skip }, () => {
    assert.equal(status, 0, 'the program compiles');
    const native = spawnSync(program, { encoding: 'latin1' });
    assert.equal(native.status, 3);
    const engines = { translator: [new TranslatorEngine(), true], 'translator with checks': [new TranslatorEngine(), false], interpreter: [new InterpreterEngine(), true] } as const;
    for (const [name, [engine, protects]] of Object.entries(engines)) {
      let output = '';
      assert.equal(
        runFreestanding(engine, program, protects, (bytes) => (output += Buffer.from(bytes).toString('latin1'))),
        3,
        name,
      );
      assert.equal(output, native.stdout, name);
    }
  });
}
