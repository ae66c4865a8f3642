/**
 * A file system that is obviously right, and random operations that are carried out on it and on a volume alike. Used
 * by the tests and the fuzz target of the layer.
 */

import { Errno } from '../../kernel/errno.ts';
import type { Volume } from '../../kernel/vfs/volume.ts';

const S_IFMT = 0xf000,
  S_IFREG = 0x8000,
  S_IFDIR = 0x4000;

/** xorshift32: the same numbers for the same seed. */
export function randomFrom(seed: number): (below: number) => number {
  let state = seed >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** Everything that can be seen of a volume, as one text. */
export function describeVolume(volume: Volume): string {
  const lines: string[] = [];
  const numbers = new Map<number, number>();
  const visit = (ino: number, path: string): void => {
    const { mode, nlink, size, uid } = volume.getattr(ino);
    if (!numbers.has(ino)) numbers.set(ino, numbers.size);
    const what: unknown[] = [path, numbers.get(ino), mode.toString(8), nlink, uid];
    if ((mode & S_IFMT) === S_IFREG) {
      const bytes = new Uint8Array(size + 1);
      const got = volume.read(ino, 0, bytes);
      let sum = 0;
      for (let at = 0; at < got; at++) sum = (Math.imul(sum, 31) + bytes[at]) | 0;
      what.push(size, got, sum);
    } else if ((mode & S_IFMT) !== S_IFDIR) what.push(volume.readlink(ino));
    for (const name of volume.listxattr(ino)) what.push(name, volume.getxattr(ino, name)?.join(' '));
    lines.push(what.join(' '));
    if ((mode & S_IFMT) !== S_IFDIR) return;
    for (const entry of [...volume.readdir(ino)].sort((a, b) => (a.name < b.name ? -1 : 1))) visit(entry.ino, `${path}/${entry.name}`);
  };
  visit(volume.root, '');
  return lines.join('\n');
}

/** One operation with random arguments. The same seed does the same to every volume in the same state. */
export function randomOperation(volume: Volume, random: (below: number) => number): string {
  const directories: number[] = [];
  const collect = (ino: number): void => {
    directories.push(ino);
    for (const entry of [...volume.readdir(ino)].sort((a, b) => (a.name < b.name ? -1 : 1))) if (entry.type === S_IFDIR) collect(entry.ino);
  };
  collect(volume.root);
  const directory = directories[random(directories.length)];
  const other = directories[random(directories.length)];
  const name = `n${random(6)}`;
  const otherName = `n${random(6)}`;
  const child = volume.lookup(directory, name);
  const offset = [0, 1, 4095, 16383, 16384, 40_000, 70_000][random(7)];
  const length = [1, 100, 4096, 16384, 50_000][random(5)];
  const bytes = new Uint8Array(length).fill(1 + random(255));
  const operation = random(14);
  try {
    switch (operation) {
      case 0:
        volume.create(directory, name, S_IFREG | 0o644, random(3), 0, 0);
        break;
      case 1:
        volume.mkdir(directory, name, 0o700, 0, 0);
        break;
      case 2:
        volume.symlink(directory, name, `to${random(100)}`, 0, 0);
        break;
      case 3:
      case 4:
      case 5:
      case 6:
        volume.write(child, offset, bytes);
        break;
      case 7:
        volume.setattr(child, { size: offset });
        break;
      case 8:
        volume.unlink(directory, name);
        break;
      case 9:
        volume.rmdir(directory, name);
        break;
      case 10:
        volume.rename(directory, name, other, otherName);
        break;
      case 11:
        volume.link(child, other, otherName);
        break;
      case 12:
        volume.setattr(child, { mode: random(0o1000), uid: random(10) });
        break;
      case 13:
        volume.setxattr(child, `user.${random(2)}`, random(3) === 0 ? undefined : bytes.subarray(0, 5));
        break;
    }
    return `${operation} ${name}: ok`;
  } catch (error) {
    if (!(error instanceof Errno)) throw error;
    return `${operation} ${name}: ${error.code}`;
  }
}
