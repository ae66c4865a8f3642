/**
 * What is refused before anything runs: image, manifest, configuration and writable layer that were flipped,
 * truncated, lengthened or swapped with an older one; wrong keys; programs that cannot be built into an image.
 *
 * The command is always `run /bin/none`, which says 127 where everything is in order.
 */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { SimTee, verifyManifest } from '../../src/attestation/index.ts';
import { PrivateKey } from '../../src/crypto/index.ts';
import { LayerVolume } from '../../src/encfs/index.ts';
import { fakeElf } from '../../src/image/testing.ts';
import { NodeDirectory } from '../../src/pal/node/storage.ts';

const MAIN = new URL('../../src/cli/main.ts', import.meta.url).pathname;
const IN_ORDER = 127,
  VERIFICATION = 114,
  KEY = 115,
  BUILD = 113;
const root = mkdtempSync(join(tmpdir(), 'refusals-'));
const instance = join(root, 'instance'),
  state = join(root, 'state');

interface Outcome {
  readonly code: number | null;
  readonly error: string;
}

function cloister(...args: string[]): Outcome {
  const { status, stderr } = spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN, '-C', instance, ...args], {
    encoding: 'utf8',
    env: { PATH: process.env.PATH, HOME: root, CLOISTER_STATE: state },
    timeout: 60_000,
  });
  return { code: status, error: stderr };
}

const run = (...options: string[]): Outcome => cloister('run', ...options, '/bin/none');

function expect(outcome: Outcome, code: number, what: string, message?: RegExp): void {
  assert.equal(outcome.code, code, `${what}: ${outcome.code}, ${outcome.error}`);
  assert.doesNotMatch(outcome.error, /\n {4}at /, `${what}: a stack trace`);
  if (message !== undefined) assert.match(outcome.error, message, what);
}

/** Runs `check` with the file changed, then puts it back. */
function changed(path: string, change: (path: string) => void, check: () => void): void {
  const saved = join(root, 'saved');
  copyFileSync(path, saved);
  try {
    change(path);
    check();
  } finally {
    copyFileSync(saved, path);
  }
}

function flip(at: number): (path: string) => void {
  return (path) => {
    const bytes = readFileSync(path);
    bytes[at < 0 ? bytes.length + at : Math.floor(at < 1 ? at * bytes.length : at)] ^= 0x10;
    writeFileSync(path, bytes);
  };
}

/** Some places of each kind: the unit tests flip every byte. */
function damaged(path: string, places: readonly number[], code: number): void {
  for (const place of places) changed(path, flip(place), () => expect(run(), code, `${path}: byte ${place} flipped`));
  changed(
    path,
    (file) => truncateSync(file, statSync(file).size - 1),
    () => expect(run(), code, `${path}: truncated`),
  );
  changed(
    path,
    (file) => writeFileSync(file, Buffer.concat([readFileSync(file), Buffer.from([0])])),
    () => expect(run(), code, `${path}: lengthened`),
  );
}

/** A file in the writable layer, put there as the enclave would. */
function writeToLayer(name: string, content: Uint8Array): void {
  const { identity } = verifyManifest(readFileSync(join(instance, 'build/manifest.json')));
  const id = readFileSync(join(instance, '.cloister/id'), 'utf8').trim();
  const tee = new SimTee(new NodeDirectory(join(state, 'sim')), identity);
  const layer = LayerVolume.open({
    directory: new NodeDirectory(join(instance, '.cloister/layer')),
    freshness: new NodeDirectory(join(state, 'instances', id)),
    sealingKey: tee.sealingKey('signer', `layer ${id}`),
    log: assert.fail,
  });
  const ino = layer.lookup(layer.root, name) || layer.create(layer.root, name, 0x81a4, 0, 0, 0);
  layer.write(ino, 0, content);
  layer.close();
}

before(() => {
  const made = spawnSync(process.execPath, [MAIN, 'new', instance], { encoding: 'utf8', env: { PATH: process.env.PATH, HOME: root, CLOISTER_STATE: state } });
  assert.equal(made.status, 0, made.stderr);
  writeFileSync(join(instance, 'image/etc/data'), Buffer.alloc(100_000, 'data of the image '));
  expect(cloister('build'), 0, 'build');
  expect(run(), IN_ORDER, 'in order');
});
after(() => rmSync(root, { recursive: true, force: true }));

test('an image, manifest or configuration that was changed', () => {
  damaged(join(instance, 'build/image.sealed'), [0, 20, 300, 0.5, -1], VERIFICATION);
  damaged(join(instance, 'build/manifest.json'), [0, 0.3, 0.7, -1], VERIFICATION);
  damaged(join(instance, 'build/configuration.json'), [0, 0.5, -1], VERIFICATION);
  expect(run(), IN_ORDER, 'put back');
});

test('an image, manifest or configuration of an older build', () => {
  const old = join(root, 'old');
  cpSync(join(instance, 'build'), old, { recursive: true });
  writeFileSync(join(instance, 'image/etc/data'), 'other data');
  const yaml = readFileSync(join(instance, 'cloister.yaml'), 'utf8');
  writeFileSync(join(instance, 'cloister.yaml'), `${yaml}\n# newer\n`);
  expect(run(), VERIFICATION, 'configuration changed since the build');
  expect(cloister('build'), 0, 'build');
  for (const name of ['image.sealed', 'manifest.json', 'configuration.json']) {
    changed(
      join(instance, 'build', name),
      (path) => copyFileSync(join(old, name), path),
      () => expect(run(), VERIFICATION, `older ${name}`),
    );
  }
  expect(run(), IN_ORDER, 'put back');
});

test('a writable layer that was changed, is older, or is gone', () => {
  const layer = join(instance, '.cloister/layer');
  writeToLayer('file', new Uint8Array(50_000).fill(1));
  const old = join(root, 'old-layer');
  cpSync(layer, old, { recursive: true });
  writeToLayer('file', new Uint8Array(50_000).fill(2));
  expect(run(), IN_ORDER, 'in order');
  const files = readdirSync(layer).filter((name) => name !== 'lock');
  for (const name of files) damaged(join(layer, name), [0, 0.5, -1], VERIFICATION);
  changed(
    join(layer, 'data'),
    (path) => copyFileSync(join(old, 'data'), path),
    () => expect(run(), VERIFICATION, 'older data'),
  );
  const newest = join(root, 'newest-layer');
  cpSync(layer, newest, { recursive: true });
  const replace = (from: string): void => {
    rmSync(layer, { recursive: true });
    cpSync(from, layer, { recursive: true });
  };
  replace(old);
  expect(run(), VERIFICATION, 'older layer', /older/);
  rmSync(layer, { recursive: true });
  expect(run(), VERIFICATION, 'no layer', /missing/);
  replace(newest);
  expect(run(), IN_ORDER, 'put back');
  writeFileSync(join(instance, 'image/etc/data'), 'a third build');
  expect(cloister('build'), 0, 'build');
  expect(run(), IN_ORDER, 'a layer survives builds');
});

test('an encrypted image, and keys', () => {
  const key = join(root, 'image.key'),
    other = join(root, 'other.key');
  expect(cloister('gen-image-key', key), 0, 'gen-image-key');
  expect(cloister('gen-image-key', other), 0, 'gen-image-key');
  expect(cloister('build', '--image-key', key), 0, 'build');
  assert.equal(readFileSync(join(instance, 'build/image.sealed')).includes('third build'), false);
  expect(run('--image-key', key), IN_ORDER, 'right key');
  expect(run(), KEY, 'no key');
  expect(run('--image-key', other), KEY, 'wrong key', /wrong image key/);
  assert.match(run('--debug', '--image-key', other).error, /^ {2}error image-key-wrong, exit code 115$/m);
  for (const place of [30, -20, -1]) changed(key, flip(place), () => expect(run('--image-key', key), KEY, `damaged key: byte ${place}`, /damaged/));
  expect(run('--image-key', join(root, 'none')), KEY, 'no such key file');
  const before = readFileSync(join(instance, 'build/image.sealed'));
  for (const bad of ['not a key', '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n']) {
    writeFileSync(join(root, 'bad.pem'), bad);
    expect(cloister('build', '--sign-key', join(root, 'bad.pem')), KEY, 'bad signing key');
  }
  assert.deepEqual(readFileSync(join(instance, 'build/image.sealed')), before);
  // Another signer has another measurement register: the layer is not his.
  writeFileSync(join(root, 'signer.pem'), PrivateKey.generate('EdDSA').pem());
  expect(cloister('build', '--sign-key', join(root, 'signer.pem')), 0, 'another signer');
  expect(run(), KEY, 'the layer of another signer', /another signer/);
  expect(cloister('build'), 0, 'build');
  expect(run(), IN_ORDER, 'the first signer again');
});

test('programs that cannot be built in: nothing of the last build is touched', () => {
  const program = join(instance, 'image/bin/program');
  const before = readFileSync(join(instance, 'build/image.sealed'));
  const refuse = (elf: Parameters<typeof fakeElf>[0], message: RegExp): void => {
    writeFileSync(program, fakeElf(elf));
    expect(cloister('build'), BUILD, String(message), message);
    assert.deepEqual(readFileSync(join(instance, 'build/image.sealed')), before);
  };
  refuse({ interpreter: '/lib64/ld-linux-x86-64.so.2', needed: ['libnowhere.so.9'] }, /\/bin\/program needs libnowhere\.so\.9[^]*looked for:\n {2}\//);
  refuse({ interpreter: '/nowhere/ld.so' }, /\/bin\/program needs the dynamic linker \/nowhere\/ld\.so/);
  if (existsSync('/lib64/ld-linux-x86-64.so.2')) {
    mkdirSync(join(instance, 'image/opt'), { recursive: true });
    writeFileSync(join(instance, 'image/opt/libother.so'), fakeElf({ needed: ['libc.musl-x86_64.so.1'] }));
    refuse({ interpreter: '/lib64/ld-linux-x86-64.so.2', needed: ['libother.so'], runpath: '/opt' }, /\/bin\/program is a glibc program, but libother\.so was found at \/opt\/libother\.so, which is a library for musl/);
    rmSync(join(instance, 'image/opt/libother.so'));
  }
  writeFileSync(join(root, 'bom.yaml'), 'targets:\n  - target: /\n    cpoy: []\n');
  rmSync(program);
  expect(cloister('build', '--bom', join(root, 'bom.yaml')), BUILD, 'BOM', /unknown key "cpoy"/);
  expect(run(), IN_ORDER, 'in order');
});
