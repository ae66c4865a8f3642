/**
 * An unmodified shell that appends to a file and syncs, in an enclave whose process is killed (SIGKILL) or
 * interrupted (SIGINT) in the middle: what was synced is there, lines are whole, and the next run starts.
 */

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { randomFrom } from '../../src/encfs/5-disk/model.ts';

const MAIN = new URL('../../src/cli/main.ts', import.meta.url).pathname;
const PROGRAMS = ['bash', 'cat', 'mkdir', 'sync'];
const LINE = 'x'.repeat(3000);
const SCRIPT = `mkdir -p /data; n=$1
while :; do n=$((n+1)); echo "$n ${LINE}" >> /data/log; if ((n % 4 == 0)); then sync /data/log; echo $n; fi; done`;

const possible = process.arch === 'x64' && PROGRAMS.every((name) => existsSync(`/bin/${name}`));

test('an enclave that is killed or interrupted while it writes', { skip: possible ? false : 'needs the programs of an x86-64 Linux' }, async () => {
  const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
  console.log(`seed ${seed}`);
  const random = randomFrom(seed);
  const root = mkdtempSync(join(tmpdir(), 'enclave-kill-'));
  const env = { PATH: process.env.PATH, HOME: root, CLOISTER_STATE: join(root, 'state') };
  const instance = join(root, 'instance');
  const args = (...rest: string[]): string[] => ['--disable-warning=ExperimentalWarning', MAIN, ...rest];
  const cloister = (...rest: string[]): string => {
    const { status, stdout, stderr } = spawnSync(process.execPath, args(...rest), { encoding: 'utf8', env, maxBuffer: 1 << 28, timeout: 120_000 });
    assert.equal(status, 0, stderr);
    return stdout;
  };
  try {
    cloister('new', instance);
    for (const name of PROGRAMS) copyFileSync(`/bin/${name}`, join(instance, 'image/bin', name));
    cloister('-C', instance, 'build');
    let known = 0;
    for (const signal of ['SIGKILL', 'SIGINT', 'SIGKILL'] as const) {
      const child = spawn(process.execPath, args('-C', instance, 'run', '-q', '/bin/bash', '-c', SCRIPT, 'bash', String(known)), { env, stdio: ['ignore', 'pipe', 'inherit'] });
      let synced = 0;
      let left = 1 + random(8);
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        for (const line of text.split('\n')) if (/^\d+$/.test(line)) synced = Number(line);
        left -= text.split('\n').length - 1;
        if (left <= 0) child.kill(signal);
      });
      const code = await new Promise((resolve) => child.on('close', resolve));
      if (signal === 'SIGINT') assert.equal(code, 130);
      assert.ok(synced > 0);
      const lines = cloister('-C', instance, 'run', '-q', '/bin/cat', '/data/log').split('\n').slice(0, -1);
      assert.ok(lines.length >= synced, `${signal}: ${lines.length} lines of ${synced}`);
      known = lines.length;
      lines.forEach((line, index) => assert.equal(line, `${index + 1} ${LINE}`, `${signal}: line ${index + 1}`));
    }
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});
