/** A `Volume` in plain memory: what the tests mount where the product mounts encrypted ones. */

import { isDir, S_IFDIR, S_IFLNK, S_IFMT } from '../../../abi/stat.ts';
import { EEXIST, ENOENT, ENOTDIR, ENOTEMPTY, EROFS } from '../../errno.ts';
import type { Volume, VolumeAttr, VolumeAttrChange, VolumeEntry, VolumeStat } from '../../vfs/volume.ts';

interface Item {
  attr: VolumeAttr;
  data: Uint8Array;
  target: string;
  readonly entries: Map<string, number>;
  readonly xattrs: Map<string, Uint8Array>;
  uses: number;
}

export class MemoryVolume implements Volume {
  readOnly = false;
  readonly root = 1;
  readonly #items = new Map<number, Item>();
  #lastIno = 1;
  #clockNs = 1_000_000_000_000n;

  constructor() {
    this.#items.set(1, this.#make(1, S_IFDIR | 0o755, 0, 0, 0));
  }

  /** Inodes that exist, to find leaks. */
  get count(): number {
    return this.#items.size;
  }

  #now(): bigint {
    this.#clockNs += 1000n;
    return this.#clockNs;
  }

  #make(ino: number, mode: number, uid: number, gid: number, rdev: number): Item {
    const now = this.#now();
    return { attr: { ino, mode, nlink: isDir(mode) ? 2 : 1, uid, gid, size: 0, rdev, atimeNs: now, mtimeNs: now, ctimeNs: now }, data: new Uint8Array(0), target: '', entries: new Map(), xattrs: new Map(), uses: 0 };
  }

  #item(ino: number): Item {
    const item = this.#items.get(ino);
    if (item === undefined) throw new RangeError(`inode ${ino} is gone`);
    return item;
  }

  #directory(ino: number): Item {
    const item = this.#item(ino);
    if (!isDir(item.attr.mode)) throw ENOTDIR;
    return item;
  }

  #change(item: Item, change: Partial<VolumeAttr>): void {
    item.attr = { ...item.attr, ctimeNs: this.#now(), ...change };
  }

  #add(directory: number, name: string, item: Item): number {
    if (this.readOnly) throw EROFS;
    const parent = this.#directory(directory);
    if (parent.entries.has(name)) throw EEXIST;
    parent.entries.set(name, item.attr.ino);
    this.#items.set(item.attr.ino, item);
    this.#change(parent, { mtimeNs: this.#now(), nlink: parent.attr.nlink + (isDir(item.attr.mode) ? 1 : 0) });
    return item.attr.ino;
  }

  #drop(directory: number, name: string): void {
    if (this.readOnly) throw EROFS;
    const parent = this.#directory(directory);
    const ino = parent.entries.get(name);
    if (ino === undefined) throw ENOENT;
    const item = this.#item(ino);
    if (item.entries.size > 0) throw ENOTEMPTY;
    parent.entries.delete(name);
    const wasDirectory = isDir(item.attr.mode);
    this.#change(item, { nlink: wasDirectory ? 0 : item.attr.nlink - 1 });
    this.#change(parent, { mtimeNs: this.#now(), nlink: parent.attr.nlink - (wasDirectory ? 1 : 0) });
    this.#reclaim(item);
  }

  #reclaim(item: Item): void {
    if (item.attr.nlink === 0 && item.uses === 0) this.#items.delete(item.attr.ino);
  }

  getattr(ino: number): VolumeAttr {
    const item = this.#item(ino);
    return { ...item.attr, size: item.attr.mode >> 12 === 0o12 ? item.target.length : isDir(item.attr.mode) ? 4096 : item.data.length };
  }

  setattr(ino: number, { size, ...change }: VolumeAttrChange): void {
    if (this.readOnly) throw EROFS;
    const item = this.#item(ino);
    if (size !== undefined) {
      const data = new Uint8Array(size);
      data.set(item.data.subarray(0, size));
      item.data = data;
      this.#change(item, { mtimeNs: this.#now() });
    }
    this.#change(item, change);
  }

  lookup(directory: number, name: string): number {
    return this.#directory(directory).entries.get(name) ?? 0;
  }

  readdir(directory: number): readonly VolumeEntry[] {
    return [...this.#directory(directory).entries].map(([name, ino]) => ({ name, ino, type: this.#item(ino).attr.mode & S_IFMT }));
  }

  readlink(ino: number): string {
    return this.#item(ino).target;
  }

  read(ino: number, offset: number, into: Uint8Array): number {
    const part = this.#item(ino).data.subarray(offset, offset + into.length);
    into.set(part);
    return part.length;
  }

  write(ino: number, offset: number, from: Uint8Array): number {
    if (this.readOnly) throw EROFS;
    const item = this.#item(ino);
    if (offset + from.length > item.data.length) {
      const data = new Uint8Array(offset + from.length);
      data.set(item.data);
      item.data = data;
    }
    item.data.set(from, offset);
    this.#change(item, { mtimeNs: this.#now() });
    return from.length;
  }

  create(directory: number, name: string, mode: number, uid: number, gid: number, rdev: number): number {
    return this.#add(directory, name, this.#make(++this.#lastIno, mode, uid, gid, rdev));
  }

  mkdir(directory: number, name: string, mode: number, uid: number, gid: number): number {
    return this.#add(directory, name, this.#make(++this.#lastIno, S_IFDIR | mode, uid, gid, 0));
  }

  symlink(directory: number, name: string, target: string, uid: number, gid: number): number {
    const item = this.#make(++this.#lastIno, S_IFLNK | 0o777, uid, gid, 0);
    item.target = target;
    return this.#add(directory, name, item);
  }

  link(ino: number, directory: number, name: string): void {
    const item = this.#item(ino);
    this.#add(directory, name, item);
    this.#change(item, { nlink: item.attr.nlink + 1 });
  }

  unlink(directory: number, name: string): void {
    this.#drop(directory, name);
  }

  rmdir(directory: number, name: string): void {
    this.#drop(directory, name);
  }

  rename(fromDirectory: number, fromName: string, toDirectory: number, toName: string): void {
    if (this.readOnly) throw EROFS;
    const from = this.#directory(fromDirectory);
    const to = this.#directory(toDirectory);
    const ino = from.entries.get(fromName);
    if (ino === undefined) throw ENOENT;
    if (to.entries.has(toName)) this.#drop(toDirectory, toName);
    from.entries.delete(fromName);
    to.entries.set(toName, ino);
    const moved = this.#item(ino);
    if (isDir(moved.attr.mode) && from !== to) {
      this.#change(from, { nlink: from.attr.nlink - 1 });
      this.#change(to, { nlink: to.attr.nlink + 1 });
    }
    for (const one of [from, to]) this.#change(one, { mtimeNs: this.#now() });
    this.#change(moved, {});
  }

  getxattr(ino: number, name: string): Uint8Array | undefined {
    return this.#item(ino).xattrs.get(name);
  }

  setxattr(ino: number, name: string, value: Uint8Array | undefined): void {
    if (this.readOnly) throw EROFS;
    if (value === undefined) this.#item(ino).xattrs.delete(name);
    else this.#item(ino).xattrs.set(name, value);
  }

  listxattr(ino: number): readonly string[] {
    return [...this.#item(ino).xattrs.keys()];
  }

  retain(ino: number): void {
    this.#item(ino).uses++;
  }

  release(ino: number): void {
    const item = this.#item(ino);
    item.uses--;
    this.#reclaim(item);
  }

  statfs(): VolumeStat {
    return { blockSize: 4096, blocks: 1000, blocksFree: 500, files: this.#items.size };
  }

  sync(): void {}

  close(): void {}
}
