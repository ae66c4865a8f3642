import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { bytesOf } from '../../base/bytes.ts';
import { HostFileError, readWhole, writeFully } from '../../base/host-files.ts';
import { NodeDirectory, nodeTree, writeAtomically } from './storage.ts';

const root = mkdtempSync(join(tmpdir(), 'storage-'));
process.on('exit', () => rmSync(root, { recursive: true, force: true }));

test('a directory keeps, replaces and lists files under any name', () => {
  const directory = new NodeDirectory(`${root}/a`);
  directory.replace('n\xc3\xa9\xff', bytesOf('one'));
  directory.replace('n\xc3\xa9\xff', bytesOf('two'));
  assert.deepEqual(directory.list(), ['n\xc3\xa9\xff']);
  assert.deepEqual(new Uint8Array(directory.load('n\xc3\xa9\xff')!), bytesOf('two'));
  assert.equal(directory.load('other'), undefined);
  assert.equal(directory.open('other', 'read'), undefined);
  const file = directory.open('other', 'create')!;
  writeFully(file, 5, bytesOf('x'));
  assert.equal(file.size(), 6);
  file.close();
  assert.equal(nodeTree.lstat(`${root}/a/other`)?.mode, 0o600);
  directory.remove('other');
  assert.equal(nodeTree.lstat(`${root}/a/other`), undefined);
});

test('an atomic write that fails leaves the old file and nothing else', () => {
  const directory = new NodeDirectory(`${root}/b`);
  directory.replace('f', bytesOf('old'));
  assert.throws(
    () =>
      writeAtomically(`${root}/b/f`, () => {
        throw new HostFileError('ENOSPC', 'full');
      }),
    HostFileError,
  );
  assert.deepEqual(directory.list(), ['f']);
  assert.deepEqual(new Uint8Array(readWhole(nodeTree.open(`${root}/b/f`))), bytesOf('old'));
});

test('what a killed process left half-written is removed, what a living one writes is not', () => {
  const directory = new NodeDirectory(`${root}/d`);
  const old = new Date(Date.now() - 120_000);
  for (const name of ['f.4194305.tmp', `f.${process.pid}.tmp`, 'f.tmp']) {
    directory.replace(name, bytesOf('part'));
    utimesSync(`${root}/d/${name}`, old, old);
  }
  assert.deepEqual(new NodeDirectory(`${root}/d`).list(), [`f.${process.pid}.tmp`, 'f.tmp'].sort());
});

test('a lock excludes this and other processes, and ends with its process', () => {
  const directory = new NodeDirectory(`${root}/c`);
  const script = `const { NodeDirectory } = await import(${JSON.stringify(new URL('./storage.ts', import.meta.url).href)});
    const lock = new NodeDirectory(${JSON.stringify(`${root}/c`)}).lock(); console.log(lock === undefined ? 'busy' : 'taken'); process.kill(process.pid, 'SIGKILL');`;
  const other = (): string => spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' }).stdout.trim();
  const lock = directory.lock();
  assert.notEqual(lock, undefined);
  assert.equal(directory.lock(), undefined);
  assert.equal(other(), 'busy');
  lock!.release();
  assert.equal(other(), 'taken');
  directory.lock()!.release();
  assert.deepEqual(directory.list(), []);
});
