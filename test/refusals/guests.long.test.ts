/**
 * Faulty and hostile programs: they get an errno or a signal, whoever runs them is told why, and the enclave goes on.
 */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { damage } from '../../fuzz/elf.ts';
import { randomFrom } from '../../src/encfs/5-disk/model.ts';
import { fakeElf } from '../../src/image/testing.ts';

const HERE = import.meta.dirname;
const MAIN = join(HERE, '../../src/cli/main.ts');
const DAMAGED = 150;
const root = mkdtempSync(join(tmpdir(), 'guests-'));
const instance = join(root, 'instance');
const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
const compiles = process.arch === 'x64' && spawnSync('gcc', ['--version']).status === 0;

function cloister(...args: string[]): { code: number | null; output: string; error: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN, '-C', instance, ...args], {
    encoding: 'latin1',
    env: { PATH: process.env.PATH, HOME: root, CLOISTER_STATE: join(root, 'state') },
    timeout: 120_000,
    maxBuffer: 1 << 26,
  });
  return { code: status, output: stdout, error: stderr };
}
const run = (...words: string[]): ReturnType<typeof cloister> => cloister('run', '-q', ...words);

describe('programs that do what they should not', { skip: compiles ? false : 'needs gcc on an x86-64 machine' }, () => {
  before(() => {
    assert.equal(cloister('new', instance).code, 0);
    const bin = join(instance, 'image/bin');
    for (const name of ['guests', 'addresses']) assert.equal(spawnSync('gcc', ['-O1', '-static-pie', '-o', join(bin, name), join(HERE, `${name}.c`)]).status, 0);
    const put = (name: string, content: string | Uint8Array): void => writeFileSync(join(bin, name), content, { mode: 0o755 });
    put('text', 'no program\n');
    put('arm', fakeElf({ machine: 183 }));
    put('narrow', fakeElf({ machine: 3, bits: 32 }));
    put('lost', '#!/bin/nowhere\n');
    copyFileSync(join(bin, 'guests'), join(bin, 'plain'));
    spawnSync('chmod', ['-x', join(bin, 'plain')]);
    mkdirSync(join(instance, 'image/damaged'));
    console.log(`seed ${seed}`);
    const random = randomFrom(seed);
    const sample = new Uint8Array(readFileSync(join(bin, 'addresses')));
    for (let index = 0; index < DAMAGED; index++) writeFileSync(join(instance, 'image/damaged', String(index)), damage(sample, random), { mode: 0o755 });
    const yaml = join(instance, 'cloister.yaml');
    writeFileSync(
      yaml,
      readFileSync(yaml, 'utf8')
        .replace(/memory: .*/, 'memory: 128 MiB')
        .replace(/processes: .*/, 'processes: 40')
        .replace(/stack: .*/, 'stack: 1 MiB')
        .replace(/files: .*/, 'files: 50'),
    );
    const built = cloister('build', '--no-translate');
    assert.equal(built.code, 0, built.error);
    assert.match(built.error, /\/bin\/arm is data only, it cannot run in an enclave: a 64-bit ARM program/);
  });
  after(() => rmSync(root, { recursive: true, force: true }));

  // biome-ignore format: a table
  const REFUSED: readonly (readonly [program: string, code: number, message: RegExp])[] = [
    ['text',   126, /^cloister: \/bin\/text: Exec format error\n$/],
    ['arm',    126, /^cloister: \/bin\/arm: a 64-bit ARM program; only x86-64 ones run\n/],
    ['narrow', 126, /^cloister: \/bin\/narrow: a 32-bit x86 program; only x86-64 ones run\n/],
    ['lost',   127, /^cloister: \/bin\/lost: cannot execute: required file \/bin\/nowhere: No such file or directory\n/],
    ['plain',  126, /^cloister: \/bin\/plain: Permission denied\n$/],
    ['none',   127, /^cloister: \/bin\/none: No such file or directory\n$/],
  ];
  for (const [program, code, message] of REFUSED) {
    test(`${program} is not a program for this`, () => {
      const outcome = run(`/bin/${program}`);
      assert.equal(outcome.code, code);
      assert.match(outcome.error, message);
      assert.equal(outcome.output, '');
    });
  }

  test('more memory than there is', () => {
    const { code, output, error } = run('/bin/guests', 'memory');
    assert.equal(error, '');
    const after =
      (errno: string) =>
      (name: string): string =>
        `${name}: ${errno} after less than 200 MiB\n`;
    const expected = [...['private', 'unreserved', 'shared', 'heap', 'segments'].map(after('ENOMEM')), ...['memfd', 'file'].map(after('ENOSPC')), after('ENOMEM')('private again')];
    assert.equal(output, expected.join(''));
    assert.equal(code, 0);
  });

  test('more processes than may be, whatever they allow themselves, and more than there is memory for', () => {
    const { code, output, error } = run('/bin/guests', 'forks');
    assert.equal(error, '');
    assert.equal(output, 'children: EAGAIN after less than 60\nheld: yes\nwith 100 MiB: ENOMEM after less than 30\nagain: EAGAIN after less than 60\n');
    assert.equal(code, 0);
  });

  test('the limits that the configuration gives', () => {
    const { code, output, error } = run('/bin/guests', 'limits');
    assert.deepEqual([code, output, error], [0, '1048576\n50\n40\n50 EMFILE\n', '']);
  });

  test('an unknown instruction: the log has its bytes and address', () => {
    const { code, error } = run('/bin/guests', 'illegal');
    assert.equal(code, 132);
    assert.match(error, /guests\[\d+\]: SIGILL at 0x[0-9a-f]+ \(\/bin\/guests\+0x[0-9a-f]+\), address 0x[0-9a-f]+, code 62f17d48efc0/);
  });

  test('bad addresses in every argument of every system call', () => {
    const { code, output, error } = run('/bin/addresses', '0', '470', String(seed));
    assert.match(output, /\n?.*\d{5} calls, \d+ ended by a signal\n$/, `seed ${seed}: ${error}`);
    assert.equal(code, 0, `seed ${seed}: ${error}`);
  });

  test('damaged programs: whatever becomes of them, the enclave goes on', () => {
    const { code, output, error } = run('/bin/guests', 'each', '/damaged');
    assert.equal(
      output
        .split('\n')
        .at(-2)
        ?.replace(/^.*?(?=\d+ started)/, ''),
      `${DAMAGED} started`,
      `seed ${seed}: ${error}`,
    );
    assert.equal(code, 0, error);
  });
});
