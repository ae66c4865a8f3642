/**
 * The metadata of an image: inodes, directory entries and names, as they lie in the image after the file contents.
 *
 *     u32 inodes, u32 entries, u32 name bytes, u32 zero
 *     inodes × 40: u32 mode, u32 links, u64 size, u64 place, u32 entries, u32 rdev, i64 mtime in seconds
 *     entries × 12: u32 name at, u16 name length, u16 type, u32 inode
 *     names
 *
 * `place` is the content's offset for a file, the first entry for a directory, the target's offset among the names
 * for a symbolic link. Inode numbers count from 1, the root is 1. Entries of a directory are sorted by name bytes.
 */

import { byteString } from '../../base/bytes.ts';
import { StorageError } from '../errors.ts';

export const S_IFMT = 0xf000,
  S_IFREG = 0x8000,
  S_IFDIR = 0x4000,
  S_IFLNK = 0xa000;

export interface ImageFile {
  readonly kind: 'file';
  readonly mode: number;
  readonly mtime: number;
  readonly size: number;
  /** Fills `into` (never beyond `size`) from `offset`. Called for each block once or twice, in order. */
  read(offset: number, into: Uint8Array): void;
  /** Called when the writer has no more use for it for now. */
  release?(): void;
}

export interface ImageDirectory {
  readonly kind: 'directory';
  readonly mode: number;
  readonly mtime: number;
  readonly entries: Map<string, ImageNode>;
}

export interface ImageSymlink {
  readonly kind: 'symlink';
  readonly mtime: number;
  readonly target: string;
}

/** The same object under several names is one inode with several links. */
export type ImageNode = ImageFile | ImageDirectory | ImageSymlink;

const HEADER = 16,
  INODE = 40,
  ENTRY = 12;
const byName = (a: readonly [string, unknown], b: readonly [string, unknown]): number => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0);

/** Every inode in the order of its number: depth first, names in byte order. */
export function numberNodes(root: ImageDirectory): { nodes: ImageNode[]; links: number[]; numbers: Map<ImageNode, number> } {
  const nodes: ImageNode[] = [];
  const links: number[] = [];
  const numbers = new Map<ImageNode, number>();
  const visit = (node: ImageNode): void => {
    const known = numbers.get(node);
    if (known !== undefined) {
      links[known - 1]++;
      return;
    }
    nodes.push(node);
    numbers.set(node, nodes.length);
    links.push(1);
    if (node.kind !== 'directory') return;
    const index = nodes.length - 1;
    links[index] = 2;
    for (const [, child] of [...node.entries].sort(byName)) {
      if (child.kind === 'directory') links[index]++;
      visit(child);
    }
  };
  visit(root);
  return { nodes, links, numbers };
}

export function encodeTree(root: ImageDirectory, placeOf: (file: ImageFile) => number): Uint8Array {
  const { nodes, links, numbers } = numberNodes(root);
  let entryCount = 0,
    nameBytes = 0;
  for (const node of nodes) {
    if (node.kind === 'symlink') nameBytes += node.target.length;
    if (node.kind !== 'directory') continue;
    entryCount += node.entries.size;
    for (const name of node.entries.keys()) nameBytes += name.length;
  }
  const entriesAt = HEADER + nodes.length * INODE;
  const namesAt = entriesAt + entryCount * ENTRY;
  const bytes = new Uint8Array(namesAt + nameBytes);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, nodes.length, true);
  view.setUint32(4, entryCount, true);
  view.setUint32(8, nameBytes, true);
  let nameAt = 0,
    entry = 0;
  const putName = (name: string): number => {
    for (let at = 0; at < name.length; at++) bytes[namesAt + nameAt + at] = name.charCodeAt(at);
    nameAt += name.length;
    return nameAt - name.length;
  };
  nodes.forEach((node, index) => {
    const at = HEADER + index * INODE;
    const type = node.kind === 'file' ? S_IFREG : node.kind === 'directory' ? S_IFDIR : S_IFLNK;
    view.setUint32(at, type | (node.kind === 'symlink' ? 0o777 : node.mode & 0o7777), true);
    view.setUint32(at + 4, links[index], true);
    view.setBigInt64(at + 32, BigInt(node.mtime), true);
    if (node.kind === 'file') {
      view.setBigUint64(at + 8, BigInt(node.size), true);
      view.setBigUint64(at + 16, BigInt(placeOf(node)), true);
    } else if (node.kind === 'symlink') {
      view.setBigUint64(at + 8, BigInt(node.target.length), true);
      view.setBigUint64(at + 16, BigInt(putName(node.target)), true);
    } else {
      view.setBigUint64(at + 8, 4096n, true);
      view.setBigUint64(at + 16, BigInt(entry), true);
      view.setUint32(at + 24, node.entries.size, true);
      for (const [name, child] of [...node.entries].sort(byName)) {
        const row = entriesAt + entry * ENTRY;
        view.setUint32(row, putName(name), true);
        view.setUint16(row + 4, name.length, true);
        view.setUint16(row + 6, child.kind === 'file' ? S_IFREG : child.kind === 'directory' ? S_IFDIR : S_IFLNK, true);
        view.setUint32(row + 8, numbers.get(child)!, true);
        entry++;
      }
    }
  });
  return bytes;
}

/** The decoded view over metadata that has been verified; bounds are checked all the same. */
export class ImageTree {
  readonly inodes: number;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #entriesAt: number;
  readonly #entryCount: number;
  readonly #namesAt: number;

  /** Throws StorageError `image-format`. `contentBytes` is how far file contents may reach. */
  constructor(bytes: Uint8Array, contentBytes: number) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (bytes.length < HEADER) throw new StorageError('image-format', 'the image has no metadata');
    this.inodes = this.#view.getUint32(0, true);
    this.#entryCount = this.#view.getUint32(4, true);
    this.#entriesAt = HEADER + this.inodes * INODE;
    this.#namesAt = this.#entriesAt + this.#entryCount * ENTRY;
    if (this.inodes === 0 || this.#namesAt + this.#view.getUint32(8, true) !== bytes.length) throw new StorageError('image-format', 'damaged image metadata');
    this.#check(contentBytes);
  }

  #check(contentBytes: number): void {
    const bad = (what: string): never => {
      throw new StorageError('image-format', `damaged image metadata: ${what}`);
    };
    const nameBytes = this.#bytes.length - this.#namesAt;
    for (let ino = 1; ino <= this.inodes; ino++) {
      const type = this.mode(ino) & S_IFMT;
      if (type === S_IFREG ? this.place(ino) + this.size(ino) > contentBytes : type === S_IFLNK ? this.place(ino) + this.size(ino) > nameBytes : type === S_IFDIR ? this.place(ino) + this.entryCount(ino) > this.#entryCount : true)
        bad(`inode ${ino}`);
    }
    for (let entry = 0; entry < this.#entryCount; entry++) {
      const row = this.#entriesAt + entry * ENTRY;
      const ino = this.#view.getUint32(row + 8, true);
      if (ino === 0 || ino > this.inodes || this.#view.getUint32(row, true) + this.#view.getUint16(row + 4, true) > nameBytes) bad(`entry ${entry}`);
    }
    if ((this.mode(1) & S_IFMT) !== S_IFDIR) bad('root');
  }

  #u64(at: number): number {
    return this.#view.getUint32(at, true) + this.#view.getUint32(at + 4, true) * 2 ** 32;
  }

  mode(ino: number): number {
    return this.#view.getUint32(HEADER + (ino - 1) * INODE, true);
  }

  links(ino: number): number {
    return this.#view.getUint32(HEADER + (ino - 1) * INODE + 4, true);
  }

  size(ino: number): number {
    return this.#u64(HEADER + (ino - 1) * INODE + 8);
  }

  place(ino: number): number {
    return this.#u64(HEADER + (ino - 1) * INODE + 16);
  }

  entryCount(ino: number): number {
    return this.#view.getUint32(HEADER + (ino - 1) * INODE + 24, true);
  }

  rdev(ino: number): number {
    return this.#view.getUint32(HEADER + (ino - 1) * INODE + 28, true);
  }

  mtime(ino: number): bigint {
    return this.#view.getBigInt64(HEADER + (ino - 1) * INODE + 32, true);
  }

  target(ino: number): string {
    const at = this.#namesAt + this.place(ino);
    return byteString(this.#bytes.subarray(at, at + this.size(ino)));
  }

  entry(directory: number, index: number): { name: string; ino: number; type: number } {
    const row = this.#entriesAt + (this.place(directory) + index) * ENTRY;
    const at = this.#namesAt + this.#view.getUint32(row, true);
    return { name: byteString(this.#bytes.subarray(at, at + this.#view.getUint16(row + 4, true))), ino: this.#view.getUint32(row + 8, true), type: this.#view.getUint16(row + 6, true) };
  }

  /** 0 where there is no such entry. */
  lookup(directory: number, name: string): number {
    let low = 0,
      high = this.entryCount(directory) - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const row = this.#entriesAt + (this.place(directory) + middle) * ENTRY;
      const order = this.#compareName(row, name);
      if (order === 0) return this.#view.getUint32(row + 8, true);
      if (order < 0) low = middle + 1;
      else high = middle - 1;
    }
    return 0;
  }

  #compareName(row: number, name: string): number {
    const at = this.#namesAt + this.#view.getUint32(row, true);
    const length = this.#view.getUint16(row + 4, true);
    for (let index = 0; index < length && index < name.length; index++) {
      const difference = this.#bytes[at + index] - name.charCodeAt(index);
      if (difference !== 0) return difference;
    }
    return length - name.length;
  }
}
