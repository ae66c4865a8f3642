import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytesOf } from '../../base/bytes.ts';
import { randomBytes } from '../../crypto/index.ts';
import { ENOSPC } from '../../kernel/errno.ts';
import { Crash, MemoryDirectory } from '../0-block/memory.ts';
import { rewrapLayer } from '../1-crypto/layer-keys.ts';
import { StorageError } from '../errors.ts';
import { LayerVolume } from './layer-volume.ts';
import { describeVolume, randomFrom, randomOperation } from './model.ts';

const S_IFREG = 0x8000;
const sealingKey = new Uint8Array(32).fill(7);
const messages: string[] = [];

function open(directory: MemoryDirectory, freshness = directory): LayerVolume {
  return LayerVolume.open({ directory, freshness, sealingKey, log: (message) => messages.push(message), nowNs: () => 1n });
}

function put(volume: LayerVolume, name: string, content: Uint8Array): number {
  const ino = volume.lookup(volume.root, name) || volume.create(volume.root, name, S_IFREG | 0o600, 0, 0, 0);
  assert.equal(volume.write(ino, 0, content), content.length);
  return ino;
}

function get(volume: LayerVolume, name: string): Uint8Array {
  const ino = volume.lookup(volume.root, name);
  const into = new Uint8Array(volume.getattr(ino).size);
  assert.equal(volume.read(ino, 0, into), into.length);
  return into;
}

test('what is written is there after closing and opening, and nowhere in plain', () => {
  const directory = new MemoryDirectory();
  const secret = bytesOf('the plaintext nobody may see '.repeat(2000));
  let volume = open(directory);
  put(volume, 'secret-name', secret);
  volume.close();
  volume = open(directory);
  assert.deepEqual(get(volume, 'secret-name'), secret);
  volume.verifyAll();
  volume.close();
  for (const file of directory.files.values()) {
    assert.equal(Buffer.from(file.bytes).includes('plaintext'), false);
    assert.equal(Buffer.from(file.bytes).includes('secret-name'), false);
  }
});

test('random operations: as many times closed and opened, always the same as one that never was', () => {
  const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
  console.log(`seed ${seed}`);
  const directory = new MemoryDirectory();
  directory.faults.transferLimit = 10_000;
  let volume = open(directory);
  const steady = open(new MemoryDirectory());
  const one = randomFrom(seed),
    two = randomFrom(seed),
    chance = randomFrom(seed + 1);
  for (let step = 0; step < 3000; step++) {
    assert.equal(randomOperation(volume, one), randomOperation(steady, two), `step ${step}`);
    if (chance(20) === 0) volume.sync();
    if (chance(100) === 0) {
      volume.close();
      volume = open(directory);
      volume.verifyAll();
      assert.equal(describeVolume(volume), describeVolume(steady), `step ${step}`);
    }
  }
});

test('a crash at every single write leaves the last synced state or the one being synced, whole', () => {
  const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
  console.log(`seed ${seed}`);
  const run = (directory: MemoryDirectory): { states: string[]; crashed: boolean } => {
    // states: the last one acknowledged, and the one a sync was called for.
    let states: string[] = [];
    const random = randomFrom(seed);
    try {
      let volume = open(directory);
      states = [describeVolume(volume)];
      for (let round = 0; round < 24; round++) {
        for (let step = 0; step < 25; step++) randomOperation(volume, random);
        states = [states[0], describeVolume(volume)];
        if (round % 4 === 3) volume.close();
        else volume.sync();
        states = [states[1]];
        if (round % 4 === 3) volume = open(directory);
      }
      return { states, crashed: false };
    } catch (error) {
      if (!(error instanceof Crash)) throw error;
      return { states, crashed: true };
    }
  };
  let crashes = 0;
  for (let at = 0; ; at++) {
    const directory = new MemoryDirectory();
    directory.faults = { crashAt: at, torn: [0, 0.3, 0.99, 1][at % 4] };
    const { states, crashed } = run(directory);
    if (!crashed) break;
    crashes++;
    const volume = open(directory.copy());
    const found = describeVolume(volume);
    assert.ok(states.length === 0 || states.includes(found), `crash at write ${at}: neither the old nor the new state`);
    volume.verifyAll();
    put(volume, 'after', bytesOf('life goes on'));
    volume.close();
  }
  assert.ok(crashes > 40);
});

function smallLayer(): { directory: MemoryDirectory; freshness: MemoryDirectory } {
  const directory = new MemoryDirectory(),
    freshness = new MemoryDirectory();
  let volume = open(directory, freshness);
  put(volume, 'a', bytesOf('first version'));
  put(volume, 'gone', new Uint8Array(20_000).fill(3));
  volume.sync();
  volume.unlink(volume.root, 'gone');
  put(volume, 'b', new Uint8Array(5000).fill(9));
  volume.close();
  volume = open(directory, freshness);
  put(volume, 'c', bytesOf('third'));
  volume.unlink(volume.root, 'a');
  volume.close();
  return { directory, freshness };
}

const openAndRead = (directory: MemoryDirectory, freshness: MemoryDirectory): void => {
  const volume = open(directory, freshness);
  try {
    volume.verifyAll();
    describeVolume(volume);
  } finally {
    volume.abandon();
  }
};

test('every flipped byte of every file is refused, and so is every truncation', () => {
  const { directory, freshness } = smallLayer();
  openAndRead(directory.copy(), freshness.copy());
  for (const part of [directory, freshness]) {
    for (const [name, file] of part.files) {
      const original = file.bytes.slice();
      for (let at = 0; at < original.length; at += original.length > 4096 ? 7 : 1) {
        file.bytes = original.slice();
        file.bytes[at] ^= 1 << (at % 8);
        assert.throws(() => openAndRead(directory.copy(), freshness.copy()), StorageError, `${name} byte ${at}`);
      }
      for (const size of [0, 1, original.length >> 1, original.length - 1]) {
        file.bytes = original.slice(0, size);
        assert.throws(() => openAndRead(directory.copy(), freshness.copy()), StorageError, `${name} cut to ${size}`);
      }
      file.bytes = new Uint8Array([...original, 0]);
      assert.throws(() => openAndRead(directory.copy(), freshness.copy()), StorageError, `${name} one byte longer`);
      file.bytes = original;
    }
  }
  openAndRead(directory, freshness);
});

test('an older layer, an older record, a missing file, another layer: refused', () => {
  const directory = new MemoryDirectory(),
    freshness = new MemoryDirectory();
  open(directory, freshness).close();
  const volume = open(directory, freshness);
  put(volume, 'a', bytesOf('1'));
  volume.close();
  const oldLayer = directory.copy(),
    oldRecord = freshness.copy();
  const again = open(directory, freshness);
  put(again, 'a', bytesOf('2'));
  again.close();
  assert.throws(() => open(oldLayer.copy(), freshness.copy()), { code: 'layer-rolled-back' });
  assert.throws(() => open(directory.copy(), oldRecord.copy()), StorageError);
  assert.throws(() => open(new MemoryDirectory(), freshness.copy()), { code: 'layer-missing' });
  assert.throws(() => open(directory.copy(), new MemoryDirectory()), { code: 'layer-rolled-back' });
  for (const name of directory.files.keys()) {
    const partial = directory.copy();
    partial.files.delete(name);
    assert.throws(() => open(partial, freshness.copy()), StorageError, name);
    const mixed = directory.copy();
    if (oldLayer.files.has(name)) {
      mixed.files.get(name)!.bytes = oldLayer.files.get(name)!.bytes.slice();
      if (name !== 'key') assert.throws(() => openAndRead(mixed, freshness.copy()), StorageError, `older ${name}`);
    }
  }
  const { directory: foreign } = smallLayer();
  assert.throws(() => open(foreign, freshness.copy()), StorageError);
  let counted = 1000;
  assert.throws(
    () =>
      LayerVolume.open({
        directory,
        freshness,
        sealingKey,
        log() {},
        counter: {
          read: () => counted,
          advanceTo: (value) => {
            counted = value;
          },
        },
      }),
    { code: 'layer-rolled-back' },
  );
});

test('a full disk is ENOSPC; what was synced stays, and there is life when there is room again', () => {
  const directory = new MemoryDirectory();
  let volume = open(directory);
  put(volume, 'kept', new Uint8Array(100_000).fill(1));
  volume.sync();
  directory.faults.capacity = directory.used() + 300_000;
  const ino = volume.create(volume.root, 'big', S_IFREG | 0o600, 0, 0, 0);
  const block = new Uint8Array(1 << 20).fill(2);
  let refused = false;
  for (let at = 0; at < 32 && !refused; at++) {
    try {
      refused = volume.write(ino, at * block.length, block) < block.length;
    } catch (error) {
      assert.equal(error, ENOSPC);
      refused = true;
    }
  }
  assert.ok(refused);
  assert.throws(
    () => volume.sync(),
    (error) => error === ENOSPC,
  );
  const crashed = directory.copy();
  assert.deepEqual(get(open(crashed), 'kept'), new Uint8Array(100_000).fill(1));
  volume.unlink(volume.root, 'big');
  volume.sync();
  put(volume, 'small', bytesOf('fits'));
  volume.close();
  volume = open(directory);
  assert.deepEqual(
    volume.readdir(volume.root).map((entry) => entry.name),
    ['kept', 'small'],
  );
  volume.verifyAll();
});

test('space is used again, and given back at the end', () => {
  const directory = new MemoryDirectory();
  const volume = open(directory);
  const content = new Uint8Array(4 << 20);
  for (let round = 0; round < 10; round++) {
    put(volume, 'same', content.fill(round));
    volume.sync();
  }
  assert.ok(directory.used() < 14 << 20, `${directory.used()}`);
  volume.unlink(volume.root, 'same');
  volume.close();
  assert.ok(directory.used() < 1 << 20, `${directory.used()}`);
  open(directory).verifyAll();
});

test('a file at the end does not keep the space before it', () => {
  const directory = new MemoryDirectory();
  let volume = open(directory);
  for (let file = 0; file < 20; file++) {
    put(volume, `f${file}`, new Uint8Array(2 << 20).fill(file));
    volume.sync();
  }
  for (let file = 0; file < 19; file++) volume.unlink(volume.root, `f${file}`);
  volume.close();
  assert.ok(directory.used() < 3 << 20, `${directory.used()}`);
  volume = open(directory);
  volume.verifyAll();
  assert.deepEqual(get(volume, 'f19'), new Uint8Array(2 << 20).fill(19));
});

test('the journal is compacted', () => {
  const directory = new MemoryDirectory();
  let volume = open(directory);
  for (let round = 0; round < 160; round++) {
    for (let file = 0; file < 500; file++) volume.setattr(volume.lookup(volume.root, `f${file}`) || volume.create(volume.root, `f${file}`, S_IFREG, 0, 0, 0), { mode: round });
    volume.sync();
  }
  const generation = directory.list().filter((name) => name.startsWith('journal.'));
  assert.equal(generation.length, 1);
  assert.ok(Number(generation[0].slice(8)) > 1);
  assert.ok(directory.used() < 6 << 20);
  volume.close();
  volume = open(directory);
  assert.equal(volume.readdir(volume.root).length, 500);
});

test('an unlinked file lives while it is held, and not after a crash', () => {
  const directory = new MemoryDirectory();
  const volume = open(directory);
  const ino = put(volume, 'f', new Uint8Array(50_000).fill(5));
  volume.retain(ino);
  volume.unlink(volume.root, 'f');
  volume.sync();
  const into = new Uint8Array(1);
  assert.equal(volume.read(ino, 49_999, into), 1);
  const crashed = open(directory.copy());
  assert.equal(crashed.statfs().files, 1);
  assert.equal(crashed.statfs().blocksFree, crashed.statfs().blocks);
  volume.release(ino);
  assert.equal(volume.statfs().files, 1);
  volume.close();
});

test('changes are announced once for each commit, and written back when told', () => {
  const directory = new MemoryDirectory();
  let announced = 0;
  const volume = LayerVolume.open({ directory, freshness: directory, sealingKey, log() {}, onChanged: () => announced++ });
  put(volume, 'a', bytesOf('1'));
  put(volume, 'b', bytesOf('2'));
  assert.equal(announced, 1);
  volume.writeBack();
  assert.deepEqual(get(open(directory.copy()), 'b'), bytesOf('2'));
  volume.unlink(volume.root, 'a');
  assert.equal(announced, 2);
});

test('one at a time; wrong key; another key by rewrapping', () => {
  const directory = new MemoryDirectory();
  const volume = open(directory);
  put(volume, 'f', bytesOf('x'));
  assert.throws(() => open(directory), { code: 'layer-in-use' });
  volume.close();
  const otherKey = randomBytes(32);
  const withOther = (): LayerVolume => LayerVolume.open({ directory, freshness: directory, sealingKey: otherKey, log() {} });
  assert.throws(withOther, { code: 'layer-key-wrong' });
  rewrapLayer(directory, sealingKey, otherKey);
  assert.deepEqual(get(withOther(), 'f'), bytesOf('x'));
  assert.throws(() => open(directory.copy()), { code: 'layer-key-wrong' });
});

test('a file that is a terabyte of nothing takes no room', () => {
  const directory = new MemoryDirectory();
  let volume = open(directory);
  const ino = volume.create(volume.root, 'f', S_IFREG, 0, 0, 0);
  const end = 2 ** 40 - 10;
  volume.write(ino, end, bytesOf('0123456789'));
  volume.write(ino, 2 ** 39, bytesOf('middle'));
  volume.close();
  volume = open(directory);
  const into = new Uint8Array(10);
  assert.equal(volume.read(ino, end, into), 10);
  assert.deepEqual(into, bytesOf('0123456789'));
  assert.equal(volume.read(ino, 2 ** 38, into), 10);
  assert.deepEqual(into, new Uint8Array(10));
  volume.setattr(ino, { size: 2 ** 39 + 3 });
  volume.close();
  assert.ok(directory.used() < 100_000);
  volume = open(directory);
  volume.setattr(ino, { size: 2 ** 39 + 6 });
  volume.read(ino, 2 ** 39, into);
  assert.deepEqual(into.subarray(0, 6), bytesOf('mid\0\0\0'));
});

test('holes read as zeros, a shrunk file shows nothing of what it was', () => {
  const volume = open(new MemoryDirectory());
  const ino = volume.create(volume.root, 'f', S_IFREG, 0, 0, 0);
  volume.write(ino, 100_000, bytesOf('end'));
  const into = new Uint8Array(100_003).fill(1);
  assert.equal(volume.read(ino, 0, into), 100_003);
  assert.ok(into.subarray(0, 100_000).every((byte) => byte === 0));
  volume.write(ino, 0, new Uint8Array(20_000).fill(4));
  volume.setattr(ino, { size: 10 });
  volume.setattr(ino, { size: 20_000 });
  volume.read(ino, 0, into);
  assert.ok(into.subarray(10, 20_000).every((byte) => byte === 0));
  assert.equal(into[9], 4);
});
