/**
 * The command line on a host disk that is full: a tmpfs in a mount namespace of our own (needs root). Every command says
 * so and gives 119, nothing half-made stays behind, what was there before is there, and with room again all goes on.
 */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, copyFileSync, existsSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

const MAIN = new URL('../../src/cli/main.ts', import.meta.url).pathname;
const PROGRAMS = ['bash', 'cat', 'dd'];
const HOST = 119;

function fill(path: string): void {
  const fd = openSync(path, 'w');
  try {
    for (const size of [1 << 20, 4096]) {
      try {
        while (writeSync(fd, new Uint8Array(size)) > 0);
      } catch (error) {
        assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC');
      }
    }
  } finally {
    closeSync(fd);
  }
}

function onDisk(disk: string): void {
  const instance = join(disk, 'instance'),
    filler = join(disk, 'filler');
  const cloister = (...words: string[]): { code: number | null; output: string; error: string } => {
    const { status, stdout, stderr } = spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN, '-C', instance, ...words], {
      encoding: 'utf8',
      cwd: disk,
      env: { PATH: process.env.PATH, HOME: disk, CLOISTER_STATE: join(disk, 'state') },
      timeout: 60_000,
    });
    return { code: status, output: stdout, error: stderr };
  };
  const succeeds = (...words: string[]): string => {
    const { code, output, error } = cloister(...words);
    assert.equal(code, 0, `${words.join(' ')}: ${error}`);
    return output;
  };
  const fine = (output: string, ...words: string[]): void => assert.equal(succeeds(...words), output);
  const refused = (what: RegExp, ...words: string[]): void => {
    const { code, error } = cloister(...words);
    assert.equal(code, HOST, `${words.join(' ')}: ${error}`);
    assert.match(error, what);
    assert.doesNotMatch(error, /fault of Cloister|\n {4}at /);
  };
  const inside = (script: string): string[] => ['run', '-q', '/bin/bash', '-c', script];

  succeeds('new', instance);
  const yaml = join(instance, 'cloister.yaml');
  writeFileSync(yaml, readFileSync(yaml, 'utf8').replace('debuggable: true', 'debuggable: false'));
  for (const name of PROGRAMS) copyFileSync(`/bin/${name}`, join(instance, 'image/bin', name));
  succeeds('build', '--no-translate');
  fine('', ...inside('echo kept > /root/kept'));
  const builds = readdirSync(join(instance, 'build')).map((name) => [name, readFileSync(join(instance, 'build', name))] as const);

  refused(/error writing '\/root\/big': No space left on device[^]*the writable layer is not complete/, 'run', '-q', '/bin/dd', 'if=/dev/zero', 'of=/root/big', 'bs=1M', 'count=100');
  fine('kept\n', 'run', '-q', '/bin/cat', '/root/kept');
  // What a slow machine had time to write back of it.
  fine('', ...inside(': > /root/big'));

  fill(filler);
  fine('kept\n', 'run', '-q', '/bin/cat', '/root/kept');
  refused(/the writable layer is not complete: No space left on device\n {2}What programs wrote/, ...inside('echo lost > /root/lost'));
  refused(/No space left on device/, 'cp', '/bin/bash', ':/data/');
  refused(/another: ENOSPC/, 'new', 'another');
  assert.equal(existsSync(join(disk, 'another')), false);
  refused(/image\.key: ENOSPC/, 'gen-image-key', 'image.key');
  assert.equal(existsSync(join(disk, 'image.key')), false);
  refused(/cannot write p\.tar: no space left on device/, 'package', 'p.tar');
  assert.deepEqual(readdirSync(disk).sort(), ['filler', 'instance', 'state']);
  refused(/ENOSPC/, 'build');
  for (const [name, content] of builds) assert.deepEqual(readFileSync(join(instance, 'build', name)), content, name);
  assert.deepEqual(
    readdirSync(join(instance, 'build')),
    builds.map(([name]) => name),
  );

  succeeds('start');
  fine('kept\n', 'exec', '/bin/cat', '/root/kept');
  fine('while it runs\n', 'exec', '/bin/bash', '-c', 'echo while it runs > /root/new; cat /root/new');
  refused(/the writable layer is not complete/, 'stop');

  rmSync(filler);
  assert.ok(statSync(join(instance, '.cloister/enclave.log')).isFile());
  fine('kept\ntwo\n', ...inside('echo two > /root/two; cat /root/kept /root/two'));
  writeFileSync(join(instance, 'image/etc/new'), 'new\n');
  succeeds('build', '--no-translate');
  fine('kept\ntwo\nnew\n', ...inside('cat /root/kept /root/two /etc/new'));
}

if (process.argv[2] === 'on') onDisk(process.argv[3]);
else {
  const possible = process.arch === 'x64' && PROGRAMS.every((name) => existsSync(`/bin/${name}`)) && spawnSync('unshare', ['--mount', 'true']).status === 0;
  test('commands on a full disk', { skip: possible ? false : 'needs root, for a mount namespace, and the programs of an x86-64 Linux' }, () => {
    const disk = mkdtempSync(join(tmpdir(), 'disk-'));
    try {
      const script = 'mount -t tmpfs -o size=24m tmpfs "$1" && exec "$2" --disable-warning=ExperimentalWarning "$3" on "$1"';
      const { status, stderr } = spawnSync('unshare', ['--mount', 'sh', '-c', script, 'sh', disk, process.execPath, import.meta.filename], { encoding: 'utf8' });
      assert.equal(status, 0, stderr);
    } finally {
      rmSync(disk, { recursive: true, force: true });
    }
  });
}
