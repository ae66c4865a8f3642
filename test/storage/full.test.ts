/**
 * A host disk that is full: a tmpfs of 12 MiB in a mount namespace of our own (needs root). The layer answers ENOSPC,
 * loses nothing that was synced and works again when there is room; a build leaves the old image.
 */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { LayerVolume } from '../../src/encfs/index.ts';
import { buildImage, type BuiltImage } from '../../src/image/index.ts';
import { ENOSPC } from '../../src/kernel/errno.ts';
import { NodeDirectory, nodeTree, writeAtomically } from '../../src/pal/node/storage.ts';

const S_IFREG = 0x8000;

function layerOnFullDisk(disk: string): void {
  const open = (): LayerVolume => LayerVolume.open({ directory: new NodeDirectory(`${disk}/layer`), freshness: new NodeDirectory(`${disk}/state`), sealingKey: new Uint8Array(32), log() {} });
  let volume = open();
  const kept = volume.create(volume.root, 'kept', S_IFREG, 0, 0, 0);
  volume.write(kept, 0, new Uint8Array(1 << 20).fill(1));
  volume.sync();
  const big = volume.create(volume.root, 'big', S_IFREG, 0, 0, 0);
  const chunk = new Uint8Array(1 << 20).fill(2);
  let at = 0;
  const refused = (): boolean => {
    try {
      const count = volume.write(big, at, chunk);
      at += count;
      return count < chunk.length;
    } catch (error) {
      assert.equal(error, ENOSPC);
      return true;
    }
  };
  while (!refused()) assert.ok(at < 64 << 20);
  assert.throws(
    () => volume.sync(),
    (error) => error === ENOSPC,
  );
  volume.setattr(big, { size: 1 << 20 });
  volume.sync();
  volume.abandon();
  volume = open();
  volume.verifyAll();
  const content = new Uint8Array(1 << 20);
  for (const [name, byte] of [
    ['kept', 1],
    ['big', 2],
  ] as const) {
    assert.equal(volume.read(volume.lookup(volume.root, name), 0, content), content.length);
    assert.ok(
      content.every((value) => value === byte),
      name,
    );
  }
  volume.close();
  rmSync(`${disk}/layer`, { recursive: true });
}

function buildOnFullDisk(disk: string): void {
  mkdirSync(`${disk}/image`);
  writeFileSync(`${disk}/image/a`, Buffer.alloc(3 << 20, 'a'));
  const build = (): BuiltImage => buildImage({ host: nodeTree, writeAtomically, tree: `${disk}/image`, output: `${disk}/sealed`, dependencies: 'none' });
  build();
  const before = readFileSync(`${disk}/sealed`);
  writeFileSync(`${disk}/image/b`, Buffer.alloc(3 << 20, 'b'));
  assert.throws(build, { code: 'ENOSPC' });
  assert.deepEqual(readFileSync(`${disk}/sealed`), before);
  assert.deepEqual(readdirSync(disk).sort(), ['image', 'sealed', 'state']);
}

if (process.argv[2] === 'on') {
  layerOnFullDisk(process.argv[3]);
  buildOnFullDisk(process.argv[3]);
} else {
  const namespaces = spawnSync('unshare', ['--mount', 'true']).status === 0;
  test('a full disk', { skip: namespaces ? false : 'needs root, for a mount namespace' }, () => {
    const disk = mkdtempSync(join(tmpdir(), 'full-'));
    try {
      const script = 'mount -t tmpfs -o size=12m tmpfs "$1" && exec "$2" --disable-warning=ExperimentalWarning "$3" on "$1"';
      const { status, stderr } = spawnSync('unshare', ['--mount', 'sh', '-c', script, 'sh', disk, process.execPath, import.meta.filename], { encoding: 'utf8' });
      assert.equal(status, 0, stderr);
    } finally {
      rmSync(disk, { recursive: true, force: true });
    }
  });
}
