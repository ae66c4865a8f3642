/**
 * What bad input gets: code that overlaps, goes nowhere, is illegal, too deep, too long, or changes while it runs; and registers
 * at faults in hot code. Each case of `hostile.c` runs on the host first, and must print the same in an enclave, within three
 * minutes on a busy machine and without the memory that a careless translator would take.
 */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { toByteString } from '../../src/base/bytes.ts';
import { build } from '../../src/libos/build.ts';
import { type RunningEnclave, startEnclave } from '../../src/libos/enclave.ts';
import { createInstance } from '../../src/libos/instance.ts';
import type { Sink } from '../../src/pal/node/enclave-thread.ts';
import { openLibc } from '../../src/pal/node/memory/libc.ts';

const CASES = ['middle', 'nowhere', 'illegal', 'recursion', 'size', 'change', 'aliases', 'threads', 'registers', 'interrupted'];
const TIMEOUT_MS = 180_000;
const MOST_BYTES = 2e9;

const work = mkdtempSync(join(tmpdir(), 'cloister-hostile-'));
process.env.CLOISTER_STATE = join(work, 'state');

function collect(): { readonly sink: Sink; text(): string } {
  const parts: Buffer[] = [];
  return {
    sink: {
      write(bytes, done) {
        parts.push(Buffer.from(bytes));
        done(true);
      },
      close() {},
    },
    text: () => Buffer.concat(parts).toString('latin1'),
  };
}

async function inTheEnclave(enclave: RunningEnclave, args: readonly string[]): Promise<{ readonly output: string; readonly status: number }> {
  const output = collect();
  const session = enclave.exec({ argv: args.map(toByteString), env: [], hostEnv: [], cwd: '/', input: { pull: (_limit, deliver) => deliver(undefined), close() {} }, output: output.sink, error: output.sink });
  const timer = setTimeout(() => session.signal(9), TIMEOUT_MS);
  const status = await session.exited;
  clearTimeout(timer);
  return { output: output.text(), status };
}

for (const translation of ['none', 'ahead'] as const) {
  const program = join(work, `hostile-${translation}`);
  const compiled = spawnSync('gcc', ['-O1', '-w', '-static', '-o', program, new URL('hostile.c', import.meta.url).pathname, '-lpthread'], { encoding: 'utf8' });
  const skip = compiled.error !== undefined || process.arch !== 'x64' ? 'needs gcc on x86-64' : false;
  describe(`hostile code, ${translation === 'ahead' ? 'translated ahead of time' : 'translated when it runs'}`, { skip }, () => {
    let enclave: RunningEnclave;

    before(async () => {
      assert.equal(compiled.status, 0, compiled.stderr);
      const directory = join(work, translation);
      const instance = createInstance(directory, 'new');
      mkdirSync(join(instance.tree, 'bin'), { recursive: true });
      spawnSync('cp', [program, join(instance.tree, 'bin/hostile')]);
      build(instance, { dependencies: 'none', translation });
      enclave = startEnclave({ directory, engine: 'translator', memory: 'auto', strace: false, onLog: () => {} });
      await enclave.booted;
    });

    after(async () => {
      enclave.shutdown();
      await enclave.ended;
    });

    for (const name of CASES) {
      // Address spaces that are copies: two mappings agree only after a system call.
      const cannot = name === 'aliases' && openLibc() === undefined ? 'needs node:ffi' : false;
      test(name, { timeout: TIMEOUT_MS + 10_000, skip: cannot }, async () => {
        const native = spawnSync(program, [name], { encoding: 'latin1', timeout: TIMEOUT_MS });
        assert.equal(native.status, 0);
        const { output, status } = await inTheEnclave(enclave, ['/bin/hostile', name]);
        assert.equal(output, native.stdout);
        assert.equal(status, 0);
        const { rss } = process.memoryUsage();
        assert.ok(rss < MOST_BYTES, `${(rss / 1e6).toFixed(0)} MB are resident`);
      });
    }
  });
}

after(() => rmSync(work, { recursive: true, force: true }));
