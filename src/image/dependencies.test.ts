import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ImageDirectory, ImageNode } from '../encfs/4-tree/image-tree.ts';
import { resolveDependencies } from './dependencies.ts';
import { ImageBuildError } from './errors.ts';
import { Sources } from './source.ts';
import { type FakeElf, fakeElf, FakeHost, fakeLdCache } from './testing.ts';

const LD = '/lib64/ld-linux-x86-64.so.2',
  MUSL = '/lib/ld-musl-x86_64.so.1',
  LIB = '/usr/lib/x86_64-linux-gnu';
const program = (elf: FakeElf): Uint8Array => fakeElf({ interpreter: LD, ...elf });

/** A host with merged /usr, glibc and, where asked, more. */
const host = (more: ConstructorParameters<typeof FakeHost>[0] = {}): FakeHost =>
  new FakeHost({
    '/lib': { link: 'usr/lib' },
    '/lib64': { link: 'usr/lib64' },
    '/usr/lib64/ld-linux-x86-64.so.2': { link: '../lib/x86_64-linux-gnu/ld-linux-x86-64.so.2' },
    [`${LIB}/ld-linux-x86-64.so.2`]: fakeElf({ soname: 'ld-linux-x86-64.so.2' }),
    [`${LIB}/libc.so.6`]: fakeElf({ soname: 'libc.so.6', needed: ['ld-linux-x86-64.so.2'] }),
    [`${LIB}/libm.so.6`]: fakeElf({ soname: 'libm.so.6', needed: ['libc.so.6'] }),
    ...more,
  });

function resolve(files: FakeHost): { added: string[]; warnings: readonly string[]; root: ImageDirectory } {
  const sources = new Sources(files, 1);
  const root = sources.tree('/instance/image') as ImageDirectory;
  const report = resolveDependencies(root, sources);
  return { added: report.additions.map(({ path }) => path), warnings: report.warnings, root };
}

const at = (root: ImageDirectory, path: string): ImageNode | undefined =>
  path
    .split('/')
    .filter((part) => part !== '')
    .reduce<ImageNode | undefined>((node, part) => (node?.kind === 'directory' ? node.entries.get(part) : undefined), root);

const refused = (files: FakeHost, code: string, message: RegExp): void => {
  assert.throws(
    () => resolve(files),
    (error) => error instanceof ImageBuildError && error.code === code && message.test(error.message),
  );
};

test('interpreter and libraries, through the links of a merged /usr', () => {
  const { added, root, warnings } = resolve(host({ '/instance/image/bin/x': program({ needed: ['libm.so.6', 'libc.so.6'] }) }));
  assert.deepEqual(added, ['/lib64', '/usr/lib64/ld-linux-x86-64.so.2', `${LIB}/ld-linux-x86-64.so.2`, '/lib', `${LIB}/libm.so.6`, `${LIB}/libc.so.6`]);
  assert.deepEqual(at(root, '/lib'), { kind: 'symlink', mtime: 1, target: 'usr/lib' });
  assert.deepEqual(warnings, []);
});

test('libgcc_s.so.1 comes along, where there is one, with what makes libc load it', () => {
  const unwinder = { [`${LIB}/libgcc_s.so.1`]: fakeElf({ soname: 'libgcc_s.so.1', needed: ['libc.so.6'] }) };
  const has = (elf: FakeElf, more: ConstructorParameters<typeof FakeHost>[0] = unwinder): boolean => resolve(host({ '/instance/image/bin/x': program({ needed: ['libc.so.6'], ...elf }), ...more })).added.includes(`${LIB}/libgcc_s.so.1`);
  assert.ok(has({ symbols: ['pthread_exit'] }));
  assert.ok(has({ needed: ['libt.so'] }, { ...unwinder, [`${LIB}/libt.so`]: fakeElf({ needed: ['libc.so.6'], symbols: ['printf', 'backtrace'] }) }));
  assert.ok(!has({ symbols: ['my_pthread_exit', 'backtrace_symbols'] }));
  assert.ok(!has({ symbols: ['pthread_exit'] }, {}));
  // It is libc that has these functions, not one that calls them.
  assert.ok(!has({}, { ...unwinder, [`${LIB}/libc.so.6`]: fakeElf({ soname: 'libc.so.6', symbols: ['pthread_exit'] }) }));
});

test('directories of the image stay directories; files that are there are not added', () => {
  const { added } = resolve(host({ '/instance/image/bin/x': program({ needed: ['libc.so.6'] }), '/instance/image/lib64': undefined, '/instance/image/lib/x86_64-linux-gnu/libc.so.6': fakeElf({ soname: 'libc.so.6' }) }));
  assert.deepEqual(added, ['/lib64/ld-linux-x86-64.so.2', '/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2']);
});

test('$ORIGIN in RUNPATH; RPATH is inherited, RUNPATH is not', () => {
  const app = '/instance/image/app';
  const { added } = resolve(
    host({
      [`${app}/bin/x`]: program({ needed: ['liba.so'], runpath: '$ORIGIN/../lib' }),
      [`${app}/lib/liba.so`]: fakeElf({ needed: ['libb.so', 'libc.so.6'], rpath: '${ORIGIN}/deep' }),
      [`${app}/lib/deep/libb.so`]: fakeElf({ needed: ['libb2.so'] }),
      [`${app}/lib/deep/libb2.so`]: fakeElf({}),
    }),
  );
  assert.equal(
    added.some((path) => path.startsWith('/app')),
    false,
  );
  refused(
    host({ [`${app}/x`]: program({ needed: ['liba.so'], runpath: '$ORIGIN/lib' }), [`${app}/lib/liba.so`]: fakeElf({ needed: ['libz.so'] }), [`${app}/lib/libz.so`]: fakeElf({}) }),
    'missing-library',
    /\/app\/lib\/liba\.so \(needed by \/app\/x\) needs libz\.so/,
  );
});

test('what is loaded already is not looked for again, however it was found', () => {
  const { added } = resolve(
    host({
      '/instance/image/x': program({ needed: ['libcore.so', 'libshared.so', 'liblast.so'], runpath: '/usr/lib/private' }),
      '/usr/lib/private/libcore.so': fakeElf({ needed: ['libshared.so'] }),
      '/usr/lib/private/libshared.so': fakeElf({ needed: ['libnamed.so'] }),
      '/usr/lib/private/liblast.so': fakeElf({ needed: ['libnamed.so.1'] }),
      '/usr/lib/libnamed.so': fakeElf({ soname: 'libnamed.so.1' }),
    }),
  );
  assert.ok(added.includes('/usr/lib/private/libshared.so'));
});

test('the cache finds what no default directory has, and comes along then', () => {
  const { added } = resolve(
    host({
      '/instance/image/x': program({ needed: ['libodd.so.1'] }),
      '/usr/local/lib/libodd.so.1': { link: 'libodd.so.1.2' },
      '/usr/local/lib/libodd.so.1.2': fakeElf({ needed: ['libc.so.6'] }),
      '/etc/ld.so.cache': fakeLdCache([['libodd.so.1', '/usr/local/lib/libodd.so.1']]),
    }),
  );
  assert.ok(added.includes('/usr/local/lib/libodd.so.1') && added.includes('/usr/local/lib/libodd.so.1.2'));
  assert.ok(added.includes('/etc/ld.so.cache'));
});

test('a missing library: who needs it, where it was looked for', () => {
  refused(
    host({ '/instance/image/bin/x': program({ needed: ['libnone.so.3'], runpath: '/opt/lib' }) }),
    'missing-library',
    /^\/bin\/x needs libnone\.so\.3[^]*\n {2}\/opt\/lib\/libnone\.so\.3\n[^]* {2}\/lib\/x86_64-linux-gnu\/libnone\.so\.3/,
  );
  refused(host({ '/instance/image/x': fakeElf({ interpreter: '/nix/ld.so' }) }), 'missing-interpreter', /needs the dynamic linker \/nix\/ld\.so/);
});

test('a library of another machine is passed over and said; as a program it is a warning', () => {
  refused(host({ '/instance/image/x': program({ needed: ['liba.so'], runpath: '/opt' }), '/opt/liba.so': fakeElf({ machine: 183 }) }), 'missing-library', /\/opt\/liba\.so \(.*(ARM|AArch64|arm|aarch64)/i);
  assert.match(resolve(host({ '/instance/image/x': fakeElf({ machine: 40, bits: 32 }) })).warnings[0], /^\/x is data only, it cannot run .*: a 32-bit ARM program/);
});

test('musl: its own names, its own path file, and no libraries of glibc', () => {
  const musl = (elf: FakeElf): Uint8Array => fakeElf({ interpreter: MUSL, ...elf });
  const withMusl = (more: Record<string, Uint8Array | string>): FakeHost => host({ [`/usr${MUSL}`]: fakeElf({ soname: 'libc.musl-x86_64.so.1' }), ...more });
  assert.deepEqual(resolve(withMusl({ '/instance/image/x': musl({ needed: ['libc.so', 'libpthread.so'] }) })).added, ['/lib', `/usr${MUSL}`]);
  refused(withMusl({ '/instance/image/x': musl({ needed: ['libm.so.6'] }), '/usr/lib/libm.so.6': fakeElf({ soname: 'libm.so.6', needed: ['libc.so.6'] }) }), 'wrong-libc', /\/x is a musl program, but libm\.so\.6 .* for glibc/);
  refused(withMusl({ '/instance/image/x': program({ needed: ['libq.so'] }), '/usr/lib/libq.so': fakeElf({ needed: ['libc.musl-x86_64.so.1'] }) }), 'wrong-libc', /\/x is a glibc program/);
  const { added } = resolve(withMusl({ '/instance/image/x': musl({ needed: ['libz.so.1'] }), '/etc/ld-musl-x86_64.path': '/odd:/odder\n', '/odder/libz.so.1': fakeElf({ needed: ['libc.so'] }) }));
  assert.ok(added.includes('/odder/libz.so.1') && added.includes('/etc/ld-musl-x86_64.path'));
});

test('a plug-in whose library is missing is a warning only; scripts and data are left alone', () => {
  const { warnings, added } = resolve(host({ '/instance/image/plugin.so': fakeElf({ needed: ['libnone.so'] }), '/instance/image/script': '#!/bin/sh\n', '/instance/image/short': '\x7fELF' }));
  assert.equal(warnings.length, 2);
  assert.match(warnings.join('\n'), /plugin\.so needs libnone\.so/);
  assert.deepEqual(added, []);
});
