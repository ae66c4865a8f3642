/** `run -t` and `exec -t` at a real terminal. What it needs of this machine it says, and skips without it. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { openLibc } from '../../src/pal/node/memory/libc.ts';

const cloister = new URL('../../bin/cloister', import.meta.url).pathname;
const person = new URL('../support/terminal.py', import.meta.url).pathname;
const place = mkdtempSync(join(tmpdir(), 'cloister-terminal-'));
const instance = join(place, 'instance');
const env = { ...process.env, CLOISTER_STATE: join(place, 'state') };
const PROGRAMS = ['bash', 'stty', 'tty'];

/** Without them newlines are translated twice. */
const foreignFunctions = openLibc() !== undefined;

type Step = readonly ['expect' | 'type', string] | readonly ['resize', number, number];

function plainly(...words: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(cloister, words, { cwd: existsSync(instance) ? instance : place, env, encoding: 'utf8', timeout: 120_000 });
  assert.equal(status, 0, stderr);
  return stdout;
}

/** Runs a script at a terminal of 20 × 70; gives what was shown. */
function at(command: 'run' | 'exec', script: string, steps: readonly Step[] = []): string {
  const words = [cloister, command, ...(command === 'run' ? ['-q'] : []), '-t', '/bin/bash', '-c', script];
  const { status, stdout, stderr } = spawnSync('python3', [person, '20', '70', ...words], { cwd: instance, env, input: JSON.stringify(steps), encoding: 'utf8', timeout: 120_000 });
  assert.equal(status, 0, `${stderr}\n${stdout}`);
  return foreignFunctions ? stdout : stdout.replaceAll('\r\r', '\r');
}

/** A change of the window reaches the program. */
const RESIZED = {
  script: "trap 'stty size; exit' WINCH; stty size; echo ready; while :; do read -t 1; done",
  steps: [
    ['expect', 'ready'],
    ['resize', 33, 99],
    ['expect', '33 99'],
  ],
  shown: '20 70\r\nready\r\n33 99\r\n',
} as const;

/** It has a name under /dev/pts, as a container's console has, which leads to it, and a number that /proc tells. */
const NAMED = {
  script: `tty; echo /dev/pts/*; [ /dev/stdin -ef "$(tty)" ] && echo the same
    read -ra stat < /proc/self/stat; echo "\${stat[6]}"
    exec < /dev/null > /dev/null 2>&1; echo opened again > /dev/pts/0; echo its own > /dev/tty; echo console > /dev/console
    stty -opost < /dev/tty; echo down > /dev/tty`,
  shown: `/dev/pts/0\r\n/dev/pts/0\r\nthe same\r\n34816\r\nopened again\r\nits own\r\nconsole\r\ndown${foreignFunctions ? '' : '\r'}\n`,
} as const;

function reason(): string | false {
  if (process.arch !== 'x64' || !PROGRAMS.every((name) => existsSync(join('/bin', name)))) return `needs ${PROGRAMS.join(', ')} of an x86-64 Linux`;
  return spawnSync('python3', ['-c', 'import pty']).status === 0 ? false : 'needs python3, for a terminal';
}

describe('a terminal of its own', { skip: reason() }, () => {
  before(() => {
    plainly('new', 'instance');
    for (const name of PROGRAMS) copyFileSync(realpathSync(join('/bin', name)), join(instance, 'image/bin', name));
    plainly('build', '--no-translate');
  });
  after(() => rmSync(place, { recursive: true, force: true }));

  test('run', () => {
    assert.equal(at('run', RESIZED.script, RESIZED.steps), RESIZED.shown);
    assert.equal(at('run', NAMED.script), NAMED.shown);
  });

  test('exec', () => {
    plainly('start');
    try {
      assert.equal(at('exec', RESIZED.script, RESIZED.steps), RESIZED.shown);
      // The number is free again.
      assert.equal(at('exec', NAMED.script), NAMED.shown);
      assert.equal(plainly('exec', '/bin/bash', '-c', 'echo /dev/pts/*'), '/dev/pts/*\n');
    } finally {
      plainly('stop');
    }
  });
});
