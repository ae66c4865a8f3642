import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytesOf, toHex } from '../base/bytes.ts';
import { sha256 } from '../crypto/index.ts';
import { MemoryDirectory, MemoryFile } from '../encfs/0-block/memory.ts';
import { ImageVolume } from '../encfs/5-disk/image-volume.ts';
import { type BuildImageOptions, type BuiltImage, buildImage } from './build.ts';
import { ImageBuildError } from './errors.ts';
import { fakeElf, FakeHost } from './testing.ts';

interface Built {
  readonly result: BuiltImage;
  readonly bytes: Uint8Array;
}

function build(host: FakeHost, more: Partial<BuildImageOptions> = {}): Built {
  const out = new MemoryFile(new MemoryDirectory());
  const result = buildImage({
    host,
    tree: '/i/image',
    output: '/i/out',
    dependencies: 'none',
    writeAtomically(path, write) {
      const value = write(out);
      host.set(path, out.bytes.slice());
      return value;
    },
    ...more,
  });
  return { result, bytes: out.bytes };
}

const bom = (text: string, variables: Record<string, string> = {}): Partial<BuildImageOptions> & { text: string } => ({ text, bom: { file: '/i/bom.yaml', base: '/i', variable: (name) => variables[name] } });

function names({ result, bytes }: Built): string[] {
  const out = new MemoryFile(new MemoryDirectory());
  out.bytes = new Uint8Array(bytes);
  const volume = ImageVolume.open(out, { root: result.root, log: assert.fail });
  const list: string[] = [];
  const visit = (ino: number, path: string): void => {
    for (const entry of volume.readdir(ino)) {
      const { mode, size } = volume.getattr(entry.ino);
      const content = new Uint8Array(size);
      if (entry.type === 0x8000) volume.read(entry.ino, 0, content);
      list.push(`${path}/${entry.name}${entry.type === 0x4000 ? '/' : entry.type === 0xa000 ? ` -> ${volume.readlink(entry.ino)}` : `=${Buffer.from(content).toString('latin1')}`}`);
      assert.ok(mode > 0);
      if (entry.type === 0x4000) visit(entry.ino, `${path}/${entry.name}`);
    }
  };
  visit(volume.root, '');
  return list;
}

test('what was built already is not read again; what changed is built', () => {
  const host = new FakeHost({ '/i/image/a': 'one', '/i/image/d/b': 'two' });
  const cache = new MemoryDirectory();
  const first = build(host, { cache });
  assert.equal(first.result.unchanged, false);
  const before = host.reads;
  const second = build(host, { cache });
  assert.equal(second.result.unchanged, true);
  assert.equal(host.reads, before);
  assert.deepEqual(second.result.root, new Uint8Array(first.result.root));
  host.set('/i/image/a', 'ONE');
  const third = build(host, { cache });
  assert.equal(third.result.unchanged, false);
  assert.notDeepEqual(third.result.root, first.result.root);
  host.set('/i/out', 'damaged');
  assert.equal(build(host, { cache }).result.unchanged, false);
  assert.equal(build(host, { cache, key: new Uint8Array(32) }).result.unchanged, false);
});

test('the image does not depend on when and where its files were copied', () => {
  const one = build(new FakeHost({ '/i/image/a': 'x', '/i/image/b/c': 'y' }));
  const host = new FakeHost({ '/other': 'z', '/i/image/b/c': 'y', '/i/image/a': 'older' });
  host.set('/i/image/a', 'x');
  assert.deepEqual(build(host).bytes, one.bytes);
});

test('a Python source has the time that its compiled file expects', () => {
  const compiled = new Uint8Array(20);
  new DataView(compiled.buffer).setUint32(8, 1_234_567_890, true);
  const { result, bytes } = build(new FakeHost({ '/i/image/m.py': 'pass', '/i/image/__pycache__/m.cpython-311.pyc': compiled }));
  const out = new MemoryFile(new MemoryDirectory());
  out.bytes = new Uint8Array(bytes);
  const volume = ImageVolume.open(out, { root: result.root, log: assert.fail });
  assert.equal(volume.getattr(volume.lookup(1, 'm.py')).mtimeNs, 1_234_567_890_000_000_000n);
});

test('extra files are added with their parents', () => {
  assert.deepEqual(names(build(new FakeHost({ '/i/image/a': '1' }), { extra: new Map([['/x/y', { mode: 0o444, content: bytesOf('made') }]]) })), ['/a=1', '/x/', '/x/y=made']);
});

test('the locale of a libc that was added', () => {
  const libc = fakeElf({ soname: 'libc.so.6' });
  const program = fakeElf({ interpreter: '/lib64/ld-linux-x86-64.so.2', needed: ['libc.so.6'] });
  const host = { '/i/image/bin/x': program, '/lib64/ld-linux-x86-64.so.2': fakeElf({ soname: 'ld-linux-x86-64.so.2' }), '/lib64/libc.so.6': libc, '/usr/lib/locale/C.utf8/LC_CTYPE': 'ctype' };
  const locale = (files: ConstructorParameters<typeof FakeHost>[0], options: Partial<BuildImageOptions>): string[] =>
    names(build(new FakeHost(files), { dependencies: 'resolve', locale: 'C.UTF-8', ...options })).filter((line) => line.includes('LC_'));
  assert.deepEqual(locale(host, {}), ['/usr/lib/locale/C.utf8/LC_CTYPE=ctype']);
  assert.deepEqual(build(new FakeHost(host), { dependencies: 'resolve', locale: 'C.utf8' }).result.additions.at(-1), { path: '/usr/lib/locale/C.utf8', from: '/usr/lib/locale/C.utf8', neededBy: 'LANG=C.utf8' });
  for (const options of [{ locale: 'C' }, { locale: '' }, { locale: 'de_DE.UTF-8' }, { dependencies: 'none' as const }]) assert.deepEqual(locale(host, options), []);
  // A libc of the image's own has its own locales, or none.
  assert.deepEqual(locale({ ...host, '/i/image/lib64/libc.so.6': libc }, {}), []);
  assert.deepEqual(locale({ ...host, '/i/image/usr/lib/locale/C.utf8/LC_TIME': 'mine' }, {}), ['/usr/lib/locale/C.utf8/LC_TIME=mine']);
  assert.deepEqual(locale({ ...host, '/i/image/usr/lib/locale': { link: '/x' } }, {}), []);
});

test('a BOM: directories, links, files, renaming, hashes, variables, includes, excludes', () => {
  const { text, ...options } = bom(
    `
includes:
  - base.yaml
  - more.yaml
excludes:
  - .git
  - '*.o'
targets:
  - target: /
    mkdirs: [run/lock]
    createlinks:
      - src: ../hello
        linkname: hello_link
    copy:
      - from: ../src
        dirs: [app]
        files:
          - Makefile
          - name: data
            hash: ${toHex(sha256(bytesOf('content'))).toUpperCase()}
            autodep: false
            rename: data.bin
  - target: /opt/$WHERE
    copy:
      - dirs: ['\${SRC}/app/']
      - from: /src/whole
`,
    { WHERE: 'there', SRC: '/src' },
  );
  const host = new FakeHost({
    '/i/image': undefined,
    '/i/bom.yaml': text,
    '/i/more.yaml': 'targets: [{target: /more}]',
    '/src/app/main': 'M',
    '/src/app/main.o': 'O',
    '/src/app/.git/config': 'G',
    '/src/app/l': { link: 'main' },
    '/src/Makefile': { link: 'GNUmakefile' },
    '/src/GNUmakefile': 'all:',
    '/src/data': 'content',
    '/src/whole/w': 'W',
  });
  const list = names(build(host, options));
  for (const expected of ['/app/main=M', '/app/l -> main', '/Makefile=all:', '/data.bin=content', '/hello_link -> ../hello', '/run/lock/', '/opt/there/main=M', '/opt/there/w=W', '/more/', '/proc/', '/lib64/'])
    assert.ok(list.includes(expected), expected);
  assert.equal(
    list.some((line) => /\.git|main\.o|\/opt\/there\/app/.test(line)),
    false,
  );
});

test('a BOM that is wrong: file, line, key', () => {
  const refuse = (text: string, message: RegExp): void => {
    assert.throws(
      () => build(new FakeHost({ '/i/image': undefined, '/i/bom.yaml': text, '/f': 'x' }), bom('').bom === undefined ? {} : { bom: bom('').bom }),
      (error) => error instanceof ImageBuildError && message.test(error.message),
    );
  };
  refuse('targets: [', /bom\.yaml:1: /);
  refuse('targets: []\n---\ntargets: []\n', /bom\.yaml:2: a second document begins here/);
  refuse('target: []', /unknown key "target" in the file; known are includes, excludes, targets/);
  refuse('targets: [{target: /, mkdirs: x}]', /targets\[0\]\.mkdirs must be a list/);
  refuse('targets: [{mkdirs: [x]}]', /targets\[0\] lacks "target"/);
  refuse('targets: [{target: /, copy: [{files: [{hash: a}]}]}]', /lacks "name"/);
  refuse('targets: [{target: /, copy: [{from: /, files: [nothing]}]}]', /\/nothing does not exist/);
  refuse(`targets: [{target: /, copy: [{from: /, files: [{name: f, hash: ${'0'.repeat(64)}}]}]}]`, /\/f has SHA-256 2d711642.*the BOM says 0000/);
  refuse('targets: [{target: /, copy: [{from: $NOPE}]}]', /environment variable NOPE/);
  refuse('includes: [none.yaml]', /none\.yaml was not found/);
  refuse('includes: [bom.yaml]', /includes itself/);
  // Nothing is put beside the image, and nothing silently elsewhere in it.
  refuse('targets:\n  - target: ../../esc', /bom\.yaml:2: targets\[0\]\.target: \.\.\/\.\.\/esc leads out of the image/);
  refuse('targets:\n  - target: /opt\n    mkdirs:\n      - a\n      - ../../x', /bom\.yaml:5: targets\[0\]\.mkdirs\[1\]: \.\.\/\.\.\/x leads out/);
  refuse('targets: [{target: /opt, createlinks: [{src: x, linkname: ../../y}]}]', /bom\.yaml:1: targets\[0\]\.createlinks\[0\]\.linkname: /);
  for (const name of ['../../..', '..', '.', 'a/..', '/'])
    refuse(`targets: [{target: /opt, copy: [{from: /, files: [{name: f, rename: "${name}"}]}]}]`, /bom\.yaml:1: targets\[0\]\.copy\[0\]\.files\[0\]\.rename: .*(?:is no name|leads out)/);
  refuse('targets: [{target: /opt, copy: [{from: /, dirs: [i/..]}]}]', /has no name of its own/);
});
