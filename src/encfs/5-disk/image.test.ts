import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytesOf } from '../../base/bytes.ts';
import { randomBytes } from '../../crypto/index.ts';
import { EIO } from '../../kernel/errno.ts';
import { MemoryDirectory, MemoryFile } from '../0-block/memory.ts';
import type { ImageDirectory, ImageFile, ImageNode } from '../4-tree/image-tree.ts';
import { StorageError } from '../errors.ts';
import { ImageVolume } from './image-volume.ts';
import { writeImage } from './image-writer.ts';

const file = (content: Uint8Array, mode = 0o644): ImageFile => ({
  kind: 'file',
  mode,
  mtime: 1_600_000_000,
  size: content.length,
  read: (offset, into) => into.set(content.subarray(offset, offset + into.length)),
});
const directory = (entries: Record<string, ImageNode>): ImageDirectory => ({ kind: 'directory', mode: 0o755, mtime: 1, entries: new Map(Object.entries(entries)) });

const big = new Uint8Array(300_000).map((_, at) => (at * 7919) >> 3);
const shared = file(bytesOf('shared'), 0o4755);
const tree = (): ImageDirectory =>
  directory({
    bin: directory({ sh: shared, bash: shared, big: file(big) }),
    etc: directory({ 'caf\xc3\xa9': file(bytesOf('x')), empty: file(new Uint8Array(0)) }),
    lib: { kind: 'symlink', mtime: 5, target: 'usr/lib' },
  });
const fail = (message: string): never => assert.fail(message);

function write(root: ImageDirectory, key?: Uint8Array): { bytes: Uint8Array; root: Uint8Array } {
  const out = new MemoryFile(new MemoryDirectory());
  return { root: writeImage(root, key, out), bytes: out.bytes.slice() };
}

function open(image: { bytes: Uint8Array; root: Uint8Array }, key?: Uint8Array, log: (message: string) => void = fail): ImageVolume {
  const host = new MemoryFile(new MemoryDirectory());
  host.bytes = image.bytes.slice();
  return ImageVolume.open(host, { root: image.root, key, log });
}

const key = randomBytes(32);

for (const [kind, imageKey] of [
  ['integrity', undefined],
  ['encrypted', key],
] as const) {
  test(`${kind}: reads back what was written`, () => {
    const volume = open(write(tree(), imageKey), imageKey);
    const bin = volume.lookup(volume.root, 'bin');
    assert.deepEqual(
      volume.readdir(bin).map((entry) => entry.name),
      ['bash', 'big', 'sh'],
    );
    const sh = volume.lookup(bin, 'sh');
    assert.equal(sh, volume.lookup(bin, 'bash'));
    assert.equal(volume.getattr(sh).nlink, 2);
    assert.equal(volume.getattr(sh).mode, 0o104755);
    const into = new Uint8Array(big.length + 10);
    assert.equal(volume.read(volume.lookup(bin, 'big'), 0, into), big.length);
    assert.deepEqual(into.subarray(0, big.length), big);
    assert.equal(volume.read(volume.lookup(bin, 'big'), 299_999, into), 1);
    assert.equal(volume.read(volume.lookup(bin, 'big'), 300_001, into), 0);
    // Blocks in part, whole ones at once, and again in part.
    assert.equal(volume.read(volume.lookup(bin, 'big'), 5000, into.subarray(0, 280_000)), 280_000);
    assert.deepEqual(into.subarray(0, 280_000), big.subarray(5000, 285_000));
    assert.equal(volume.readlink(volume.lookup(volume.root, 'lib')), 'usr/lib');
    assert.equal(volume.lookup(volume.lookup(volume.root, 'etc'), 'caf\xc3\xa9') > 0, true);
    assert.equal(volume.lookup(volume.root, 'nothing'), 0);
    volume.verifyAll();
  });

  test(`${kind}: the same tree gives the same bytes, another one another root`, () => {
    const first = write(tree(), imageKey);
    const reordered = tree();
    reordered.entries.delete('bin');
    reordered.entries.set('bin', tree().entries.get('bin')!);
    assert.deepEqual(write(reordered, imageKey), first);
    assert.notDeepEqual(write(directory({ a: file(bytesOf('a')) }), imageKey).root, first.root);
  });

  test(`${kind}: every flipped byte, every truncation, every extension is refused`, () => {
    const image = write(directory({ a: file(bytesOf('secret content')), d: directory({ b: file(big.subarray(0, 20_000)) }) }), imageKey);
    for (let at = 0; at < image.bytes.length; at += at < 256 || at > image.bytes.length - 200 ? 1 : 61) {
      image.bytes[at] ^= 1 << (at % 8);
      assert.throws(() => open(image, imageKey).verifyAll(), StorageError, `byte ${at}`);
      image.bytes[at] ^= 1 << (at % 8);
    }
    for (let size = 0; size < image.bytes.length; size += 997) assert.throws(() => open({ ...image, bytes: image.bytes.subarray(0, size) }, imageKey), StorageError);
    const longer = new Uint8Array(image.bytes.length + 1);
    longer.set(image.bytes);
    assert.throws(() => open({ ...image, bytes: longer }, imageKey), StorageError);
    open(image, imageKey).verifyAll();
  });

  test(`${kind}: damage met while reading is EIO, and said`, () => {
    const image = write(directory({ b: file(big) }), imageKey);
    image.bytes[256 + 3 * 16384] ^= 1;
    const messages: string[] = [];
    const volume = open(image, imageKey, (message) => messages.push(message));
    const ino = volume.lookup(volume.root, 'b');
    assert.equal(volume.read(ino, 0, new Uint8Array(1000)), 1000);
    const few = new Uint8Array(5 * 16_384);
    const many = new Uint8Array(big.length);
    for (const into of [few, many]) {
      assert.throws(
        () => volume.read(ino, 0, into),
        (error) => error === EIO,
      );
    }
    assert.equal(messages.length, 2);
    for (const message of messages) assert.match(message, /block 3 .*does not match/);
    assert.ok(many.every((byte) => byte === 0));
  });
}

test('encrypted: no plaintext, and only with its key', () => {
  const image = write(directory({ a: file(bytesOf('find this needle')) }), key);
  assert.equal(Buffer.from(image.bytes).includes('needle'), false);
  assert.throws(() => open(image), { code: 'image-key-needed' });
  assert.throws(() => open(image, randomBytes(32)), { code: 'image-key-wrong' });
});
