/**
 * Fuzz target: the writable layer. Random operations, random crashes and random damage: a crash leaves the last
 * synced state or the one being synced; damage is refused or answered with EIO, and never changes what is read.
 *
 *     node fuzz/encfs-layer.ts [seed] [iterations]
 */

import { Crash, MemoryDirectory } from '../src/encfs/0-block/memory.ts';
import { describeVolume, randomFrom, randomOperation } from '../src/encfs/5-disk/model.ts';
import { LayerVolume, StorageError } from '../src/encfs/index.ts';
import { Errno } from '../src/kernel/errno.ts';

const sealingKey = new Uint8Array(32).fill(1);
const open = (directory: MemoryDirectory): LayerVolume => LayerVolume.open({ directory, freshness: directory, sealingKey, log() {}, nowNs: () => 0n });

export function fuzz(seed: number, iterations: number): void {
  const random = randomFrom(seed);
  for (let iteration = 0; iteration < iterations; iteration++) {
    const where = `seed ${seed}, iteration ${iteration}`;
    const directory = new MemoryDirectory();
    let states: string[] = [];
    directory.faults = { crashAt: random(150), torn: random(101) / 100, ...(random(2) === 0 && { transferLimit: 1 + random(20_000) }) };
    try {
      for (let session = 0; session < 3; session++) {
        const volume = open(directory);
        if (states.length === 0) states = [describeVolume(volume)];
        for (let round = 0; round < 4; round++) {
          for (let step = random(30); step > 0; step--) randomOperation(volume, random);
          states.push(describeVolume(volume));
          if (round === 3) volume.close();
          else volume.sync();
          states = [states[1]];
        }
      }
    } catch (error) {
      if (!(error instanceof Crash)) throw error;
    }
    const disk = directory.copy();
    const recovered = open(disk);
    const state = describeVolume(recovered);
    if (states.length > 0 && !states.includes(state)) throw new Error(`${where}: neither the old nor the new state after a crash`);
    recovered.verifyAll();
    for (let step = random(30); step > 0; step--) randomOperation(recovered, random);
    const last = describeVolume(recovered);
    recovered.close();

    const damaged = disk.copy();
    const files = [...damaged.files.values()].filter((file) => file.bytes.length > 0);
    const file = files[random(files.length)];
    if (random(4) === 0) file.bytes = file.bytes.slice(0, random(file.bytes.length));
    else file.bytes[random(file.bytes.length)] ^= 1 + random(255);
    let refused = false;
    try {
      const volume = open(damaged);
      if (describeVolume(volume) !== last) throw new Error(`${where}: damage changed what is read`);
      volume.verifyAll();
    } catch (error) {
      if (!(error instanceof StorageError) && !(error instanceof Errno)) throw error;
      refused = true;
    }
    if (!refused) throw new Error(`${where}: damage was not noticed`);
  }
}

if (import.meta.main) {
  const seed = Number(process.argv[2] ?? Math.floor(Math.random() * 2 ** 31));
  console.log(`seed ${seed}`);
  fuzz(seed, Number(process.argv[3] ?? 500));
}
