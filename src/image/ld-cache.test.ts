import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ImageDirectory, ImageNode } from '../encfs/4-tree/image-tree.ts';
import { encodeLdCache, ldCacheOf, parseLdCache } from './ld-cache.ts';
import { fakeElf } from './testing.ts';

const file = (bytes: Uint8Array): ImageNode => ({ kind: 'file', mode: 0o644, mtime: 0, size: bytes.length, read: (offset, into) => into.set(bytes.subarray(offset, offset + into.length)) });
const link = (target: string): ImageNode => ({ kind: 'symlink', mtime: 0, target });
const directory = (entries: Record<string, ImageNode>): ImageDirectory => ({ kind: 'directory', mode: 0o755, mtime: 0, entries: new Map(Object.entries(entries)) });
const library = file(fakeElf({ soname: 'x' }));

const tree = (more: Record<string, ImageNode> = {}): ImageDirectory =>
  directory({
    lib: link('usr/lib'),
    lib64: link('usr/lib64'),
    usr: directory({
      lib64: directory({ 'ld-linux-x86-64.so.2': link('../lib/x86_64-linux-gnu/ld-linux-x86-64.so.2') }),
      lib: directory({
        'libplain.so.1': library,
        'x86_64-linux-gnu': directory({ 'ld-linux-x86-64.so.2': library, 'libc.so.6': library, 'libm.so.6': link('libm-2.so'), 'libm-2.so': library, 'libscript.so': file(new Uint8Array(200)), 'libgone.so.1': link('nowhere'), ...more }),
      }),
    }),
  });

test('the libraries of the default directories, first directory first', () => {
  const paths = parseLdCache(ldCacheOf(tree()) as Uint8Array);
  assert.deepEqual(Object.fromEntries(paths), {
    'libplain.so.1': '/lib/libplain.so.1',
    'libm.so.6': '/lib/x86_64-linux-gnu/libm.so.6',
    'libm-2.so': '/lib/x86_64-linux-gnu/libm-2.so',
    'libc.so.6': '/lib/x86_64-linux-gnu/libc.so.6',
    'ld-linux-x86-64.so.2': '/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2',
  });
});

test('no cache without glibc, and none where libraries come in variants for processors', () => {
  assert.equal(ldCacheOf(directory({ lib: directory({ 'ld-musl-x86_64.so.1': library }) })), undefined);
  assert.equal(ldCacheOf(tree({ 'glibc-hwcaps': directory({}) })), undefined);
});

test('names are in the order that ld.so searches', { skip: existsSync('/usr/sbin/ldconfig') ? false : 'no ldconfig here' }, () => {
  const work = mkdtempSync(join(tmpdir(), 'ld-cache-'));
  try {
    const host = spawnSync('/usr/sbin/ldconfig', ['-p'], { encoding: 'latin1' }).stdout;
    const known = [...host.matchAll(/^\t(\S+) \(libc6,x86-64\) => (\S+)$/gm)].map(([, name, path]) => [name, path] as const);
    assert.ok(known.length > 10);
    const first = new Map<string, string>();
    for (const [name, path] of known) if (!first.has(name)) first.set(name, path);
    writeFileSync(join(work, 'cache'), encodeLdCache(new Map([...first].reverse())));
    const listed = spawnSync('/usr/sbin/ldconfig', ['-p', '-C', join(work, 'cache')], { encoding: 'latin1' }).stdout;
    assert.deepEqual(
      [...listed.matchAll(/^\t(\S+) \(libc6,x86-64\) => (\S+)$/gm)].map(([, name, path]) => [name, path]),
      [...first],
    );
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
});
