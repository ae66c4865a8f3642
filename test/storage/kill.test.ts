/**
 * A process that writes to a layer on the host's file system and says what it synced is killed at random moments.
 * What it said is there, the layer is whole, and no lock is left.
 */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { LayerVolume } from '../../src/encfs/index.ts';
import { randomFrom } from '../../src/encfs/5-disk/model.ts';
import { NodeDirectory } from '../../src/pal/node/storage.ts';

const S_IFREG = 0x8000;
const sealingKey = new Uint8Array(32).fill(3);
const open = (root: string): LayerVolume => LayerVolume.open({ directory: new NodeDirectory(`${root}/layer`), freshness: new NodeDirectory(`${root}/state`), sealingKey, log: assert.fail });

/** Appends numbered blocks to files, syncs now and then, says which number is safe. */
function writer(root: string): void {
  const volume = open(root);
  let number = volume.readdir(volume.root).length;
  for (;;) {
    const ino = volume.create(volume.root, `f${number}`, S_IFREG | 0o600, 0, 0, 0);
    volume.write(ino, 0, new Uint8Array((number * 7919) % 100_000).fill(number));
    if (number % 5 === 4 && volume.lookup(volume.root, `f${number - 3}`) !== 0) volume.setattr(volume.lookup(volume.root, `f${number - 3}`), { size: 1 });
    number++;
    if (number % 3 === 0) {
      volume.sync();
      process.stdout.write(`${number}\n`);
    }
  }
}

if (process.argv[2] === 'writer') writer(process.argv[3]);
else {
  test('killed at any moment, nothing that was synced is lost', async () => {
    const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
    console.log(`seed ${seed}`);
    const random = randomFrom(seed);
    const root = mkdtempSync(join(tmpdir(), 'kill-'));
    try {
      for (let round = 0; round < 8; round++) {
        const child = spawn(process.execPath, [import.meta.filename, 'writer', root], { stdio: ['ignore', 'pipe', 'inherit'] });
        let output = '';
        let left = 1 + random(40);
        child.stdout.setEncoding('utf8').on('data', (text: string) => {
          output += text;
          left -= text.split('\n').length - 1;
          if (left <= 0) child.kill('SIGKILL');
        });
        await new Promise((resolve) => child.on('close', resolve));
        const lines = output.split('\n').slice(0, -1);
        const acknowledged = Number(lines.at(-1) ?? 0);
        assert.ok(acknowledged > 0);
        const volume = open(root);
        volume.verifyAll();
        const entries = volume.readdir(volume.root);
        assert.ok(entries.length >= acknowledged, `${entries.length} of ${acknowledged}`);
        for (const { name, ino } of entries) {
          const number = Number(name.slice(1));
          const content = new Uint8Array(100_000);
          const got = volume.read(ino, 0, content);
          assert.ok(got === (number * 7919) % 100_000 || got === 1, name);
          assert.ok(
            content.subarray(0, got).every((byte) => byte === (number & 255)),
            name,
          );
        }
        volume.close();
      }
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  });
}
