/**
 * Fuzz target: the image format. Images are damaged in two ways: as an attacker can (any bytes of the file), which
 * must be refused; and as only the signer can (metadata changed, then hashed anew), which must never do worse than
 * StorageError or an errno.
 *
 *     node fuzz/encfs-image.ts [seed] [iterations]
 */

import { HEADER_BYTES, SALT_BYTES, blockOffset, decodeHeader, encodeHeader, IMAGE_BLOCK } from '../src/encfs/0-block/image-file.ts';
import { MemoryDirectory, MemoryFile } from '../src/encfs/0-block/memory.ts';
import type { ImageDirectory, ImageNode } from '../src/encfs/4-tree/image-tree.ts';
import { ImageVolume } from '../src/encfs/5-disk/image-volume.ts';
import { writeImage } from '../src/encfs/5-disk/image-writer.ts';
import { randomFrom } from '../src/encfs/5-disk/model.ts';
import { StorageError } from '../src/encfs/index.ts';
import { sha256, sha384 } from '../src/crypto/index.ts';
import { Errno } from '../src/kernel/errno.ts';

const S_IFMT = 0xf000,
  S_IFDIR = 0x4000,
  S_IFREG = 0x8000,
  S_IFLNK = 0xa000;

function randomTree(random: (below: number) => number, depth: number): ImageDirectory {
  const entries = new Map<string, ImageNode>();
  for (let count = random(6); count > 0; count--) {
    const name = `n${random(1000)}`;
    const size = [0, 10, 5000, 40_000][random(4)];
    const kind = random(depth > 0 ? 4 : 3);
    entries.set(name, kind === 3 ? randomTree(random, depth - 1) : kind === 2 ? { kind: 'symlink', mtime: 0, target: name } : { kind: 'file', mode: 0o644, mtime: 0, size, read: (_, into) => void into.fill(size & 255) });
  }
  return { kind: 'directory', mode: 0o755, mtime: 0, entries };
}

/** Opens and walks all of it. */
function walk(bytes: Uint8Array, root: Uint8Array, key: Uint8Array | undefined): void {
  const file = new MemoryFile(new MemoryDirectory());
  file.bytes = new Uint8Array(bytes);
  const volume = ImageVolume.open(file, { root, log() {}, ...(key && { key }) });
  let steps = 0;
  const visit = (ino: number): void => {
    if (steps++ > 1000) return;
    const { mode, size } = volume.getattr(ino);
    const type = mode & S_IFMT;
    if (type === S_IFREG) volume.read(ino, 0, new Uint8Array(Math.min(size, 1 << 20)));
    else if (type === S_IFLNK) volume.readlink(ino);
    else if (type === S_IFDIR) {
      for (const entry of volume.readdir(ino)) {
        volume.lookup(ino, entry.name);
        visit(entry.ino);
      }
    }
  };
  visit(volume.root);
  volume.verifyAll();
}

const isExpected = (error: unknown): boolean => error instanceof StorageError || error instanceof Errno;

export function fuzz(seed: number, iterations: number): void {
  const random = randomFrom(seed);
  for (let iteration = 0; iteration < iterations; iteration++) {
    const key = random(2) === 0 ? undefined : new Uint8Array(32).fill(1);
    const file = new MemoryFile(new MemoryDirectory());
    const root = writeImage(randomTree(random, 3), key, file);
    const image = file.bytes.slice();
    walk(image, root, key);

    const damaged = random(4) === 0 ? image.slice(0, random(image.length)) : image.slice();
    if (damaged.length === image.length) damaged[random(image.length)] ^= 1 + random(255);
    let refused = false;
    try {
      walk(damaged, root, key);
    } catch (error) {
      if (!isExpected(error)) throw error;
      refused = true;
    }
    if (!refused) throw new Error(`seed ${seed}, iteration ${iteration}: damage was not noticed`);

    if (key !== undefined) continue;
    // As the signer could: metadata with other bytes, hashed anew.
    const forged = image.slice();
    const header = decodeHeader(forged.subarray(0, HEADER_BYTES), forged.length);
    for (let changes = 1 + random(4); changes > 0; changes--) {
      forged[blockOffset(header.metaStart) + random(header.metaLength)] = [0, 1, 255, random(256)][random(4)];
    }
    const tableAt = blockOffset(header.blocks);
    for (let block = 0; block < header.blocks; block++) forged.set(sha256(forged.subarray(blockOffset(block), blockOffset(block) + IMAGE_BLOCK)), tableAt + block * 32);
    const rehashed = encodeHeader({ ...header, salt: new Uint8Array(SALT_BYTES), tableDigest: sha384(forged.subarray(tableAt)) });
    forged.set(rehashed);
    try {
      walk(forged, sha384(rehashed), undefined);
    } catch (error) {
      if (!isExpected(error)) throw error;
    }
  }
}

if (import.meta.main) {
  const seed = Number(process.argv[2] ?? Math.floor(Math.random() * 2 ** 31));
  console.log(`seed ${seed}`);
  fuzz(seed, Number(process.argv[3] ?? 2000));
}
