/** Mounts a `Volume` (the sealed image, a writable layer): inode objects with cached attributes, and pages for mappings. */

import { FS_MAGIC } from '../../abi/mount.ts';
import { S_IFMT } from '../../abi/stat.ts';
import { equalBytes } from '../../base/bytes.ts';
import { EINVAL, EISDIR, EROFS } from '../errno.ts';
import type { Backing, MemoryBackend } from '../platform.ts';
import { anonymousDevice, type AttrChange, type DirEntry, type FileSystem, type FsStat, Inode, type Owner } from '../vfs/inode.ts';
import type { Volume, VolumeAttr } from '../vfs/volume.ts';

/** Pages of larger writable files go when the last mapping goes. */
const KEEP_PAGES = 64 * 1024 * 1024;
const FLUSH_STEP = 65536;

export class VolumeFs implements FileSystem {
  readonly type: string;
  readonly dev = anonymousDevice();
  readonly volatile = false;
  readonly volume: Volume;
  readonly memory: MemoryBackend;
  readonly #inodes = new Map<number, VolumeInode>();

  constructor(volume: Volume, memory: MemoryBackend, type = 'cloister') {
    this.volume = volume;
    this.memory = memory;
    this.type = type;
  }

  get readOnly(): boolean {
    return this.volume.readOnly;
  }

  get root(): VolumeInode {
    return this.inode(this.volume.root);
  }

  inode(ino: number): VolumeInode {
    let inode = this.#inodes.get(ino);
    if (inode === undefined) {
      inode = new VolumeInode(this, ino);
      this.#inodes.set(ino, inode);
    }
    return inode;
  }

  /** Without names and users: its number may be given out again. */
  forget(inode: VolumeInode): void {
    if (this.#inodes.get(inode.ino) === inode) this.#inodes.delete(inode.ino);
  }

  statfs(): FsStat {
    const { blockSize, blocks, blocksFree, files } = this.volume.statfs();
    return { magic: FS_MAGIC.image, blockSize, blocks, blocksFree, files, filesFree: 0x10_0000 };
  }

  sync(): void {
    if (!this.volume.readOnly) this.volume.sync();
  }
}

export class VolumeInode extends Inode {
  readonly fs: VolumeFs;
  readonly ino: number;
  #attr: VolumeAttr | undefined;
  #backing: Backing | undefined;
  #uses = 0;
  /** The volume has forgotten it, though somebody may still stand in it. */
  #dead = false;
  /** Made without a name: the first to retain it takes over the use that keeps it alive. */
  #promised = false;

  constructor(fs: VolumeFs, ino: number) {
    super();
    this.fs = fs;
    this.ino = ino;
  }

  get #a(): VolumeAttr {
    this.#attr ??= this.fs.volume.getattr(this.ino);
    return this.#attr;
  }

  #stale(): void {
    this.#attr = undefined;
  }

  get mode(): number {
    return this.#a.mode;
  }

  get uid(): number {
    return this.#a.uid;
  }

  get gid(): number {
    return this.#a.gid;
  }

  get nlink(): number {
    return this.#a.nlink;
  }

  get size(): number {
    return this.#a.size;
  }

  get rdev(): number {
    return this.#a.rdev;
  }

  get atimeNs(): bigint {
    return this.#a.atimeNs;
  }

  get mtimeNs(): bigint {
    return this.#a.mtimeNs;
  }

  get ctimeNs(): bigint {
    return this.#a.ctimeNs;
  }

  override lookup(name: string): VolumeInode | undefined {
    if (this.#dead) return undefined;
    const ino = this.fs.volume.lookup(this.ino, name);
    return ino === 0 ? undefined : this.fs.inode(ino);
  }

  override entries(): readonly DirEntry[] {
    return this.#dead ? [] : this.fs.volume.readdir(this.ino);
  }

  #made(ino: number): VolumeInode {
    this.#stale();
    const inode = this.fs.inode(ino);
    inode.#stale();
    return inode;
  }

  override create(name: string, mode: number, owner: Owner, rdev: number): VolumeInode {
    return this.#made(this.fs.volume.create(this.ino, name, mode, owner.uid, owner.gid, rdev));
  }

  override mkdir(name: string, mode: number, owner: Owner): VolumeInode {
    return this.#made(this.fs.volume.mkdir(this.ino, name, mode, owner.uid, owner.gid));
  }

  override symlink(name: string, target: string, owner: Owner): VolumeInode {
    return this.#made(this.fs.volume.symlink(this.ino, name, target, owner.uid, owner.gid));
  }

  override link(name: string, target: Inode): void {
    this.fs.volume.link(target.ino, this.ino, name);
    this.#made(target.ino);
  }

  override unlink(name: string, target: Inode): void {
    const victim = target as VolumeInode;
    const last = victim.nlink <= 1;
    if (last) victim.#attr = { ...victim.#a, nlink: 0 };
    try {
      this.fs.volume.unlink(this.ino, name);
    } catch (error) {
      victim.#stale();
      throw error;
    }
    this.#stale();
    victim.#unlinked(last);
  }

  override rmdir(name: string, target: Inode): void {
    const victim = target as VolumeInode;
    const attr = victim.#a;
    this.fs.volume.rmdir(this.ino, name);
    this.#stale();
    victim.#attr = { ...attr, nlink: 0 };
    victim.#unlinked(true);
  }

  /** Attributes of an inode without names stay as they were, for those who have it open. */
  #unlinked(last: boolean): void {
    if (!last) this.#stale();
    else if (this.#uses === 0) this.#gone();
  }

  #gone(): void {
    this.#dead = true;
    this.#backing?.release();
    this.#backing = undefined;
    this.fs.forget(this);
  }

  override rename(name: string, moved: Inode, to: Inode, toName: string, replaced: Inode | undefined): void {
    const victim = replaced as VolumeInode | undefined;
    const attr = victim?.mode === undefined ? undefined : victim.#a;
    this.fs.volume.rename(this.ino, name, to.ino, toName);
    this.#stale();
    (to as VolumeInode).#stale();
    (moved as VolumeInode).#stale();
    if (victim === undefined || attr === undefined) return;
    const last = victim.isDirectory || attr.nlink <= 1;
    if (last) victim.#attr = { ...attr, nlink: 0 };
    victim.#unlinked(last);
  }

  override exchange(name: string, to: Inode, toName: string): void {
    const { volume } = this.fs;
    const spare = `.exchange-${this.ino}-${to.ino}`;
    volume.rename(this.ino, name, this.ino, spare);
    volume.rename(to.ino, toName, this.ino, name);
    volume.rename(this.ino, spare, to.ino, toName);
    this.#stale();
    (to as VolumeInode).#stale();
  }

  override tmpfile(mode: number, owner: Owner): Inode {
    const name = `.tmpfile-${this.ino}-${Math.random().toString(36).slice(2)}`;
    const inode = this.create(name, mode, owner, 0);
    inode.retain();
    this.unlink(name, inode);
    inode.#promised = true;
    return inode;
  }

  override readlink(): string {
    if (!this.isSymlink) throw EINVAL;
    return this.fs.volume.readlink(this.ino);
  }

  override read(offset: number, into: Uint8Array): number {
    if (this.isDirectory) throw EISDIR;
    const count = Math.min(into.length, Math.max(this.size - offset, 0));
    if (count === 0) return 0;
    if (this.#backing !== undefined) {
      into.set(this.#backing.bytes.subarray(offset, offset + count));
      return count;
    }
    return this.fs.volume.read(this.ino, offset, count === into.length ? into : into.subarray(0, count));
  }

  override write(offset: number, from: Uint8Array): number {
    if (this.isDirectory) throw EISDIR;
    if (this.fs.readOnly) throw EROFS;
    if (from.length === 0) return 0;
    const count = this.fs.volume.write(this.ino, offset, from);
    if (this.#backing !== undefined) {
      if (offset + count > this.#backing.size) this.#backing.resize(offset + count);
      this.#backing.bytes.set(from.subarray(0, count), offset);
      this.#backing.changed(offset, count);
    }
    this.#changed();
    return count;
  }

  /** Attributes have changed; those of an unlinked inode keep saying that it has no names. */
  #changed(): void {
    this.#attr = this.fs.volume.getattr(this.ino);
  }

  override truncate(size: number): void {
    if (this.isDirectory) throw EISDIR;
    if (this.fs.readOnly) throw EROFS;
    const before = this.size;
    this.fs.volume.setattr(this.ino, { size });
    if (this.#backing !== undefined) {
      if (size < before) this.#backing.bytes.fill(0, size, before);
      this.#backing.resize(size);
    }
    this.#changed();
  }

  override backing(): Backing {
    const { size } = this;
    if (this.#backing === undefined) {
      const backing = this.fs.memory.createBacking(size);
      const { bytes } = backing;
      for (let at = 0; at < size; ) at += this.fs.volume.read(this.ino, at, bytes.subarray(at, Math.min(at + (1 << 20), size)));
      backing.constant = this.fs.readOnly;
      this.#backing = backing;
    } else if (this.#backing.size < size) this.#backing.resize(size);
    return this.#backing;
  }

  /** Shared pages reach the volume; parts that did not change are not written again. */
  override flush(offset: number, length: number): void {
    if (this.#backing === undefined || this.fs.readOnly) return;
    const end = Math.min(offset + length, this.size);
    const before = new Uint8Array(FLUSH_STEP);
    for (let at = offset; at < end; at += FLUSH_STEP) {
      const now = this.#backing.bytes.subarray(at, Math.min(at + FLUSH_STEP, end));
      const old = before.subarray(0, this.fs.volume.read(this.ino, at, before.subarray(0, now.length)));
      if (!equalBytes(old, now)) this.fs.volume.write(this.ino, at, now);
    }
    this.#changed();
  }

  override fsync(): void {
    this.fs.sync();
  }

  override setattr(change: AttrChange): void {
    if (this.fs.readOnly) throw EROFS;
    this.fs.volume.setattr(this.ino, change.mode === undefined ? change : { ...change, mode: (this.mode & S_IFMT) | change.mode });
    this.#changed();
  }

  override getxattr(name: string): Uint8Array | undefined {
    return this.fs.volume.getxattr(this.ino, name);
  }

  override setxattr(name: string, value: Uint8Array | undefined): void {
    if (this.fs.readOnly) throw EROFS;
    this.fs.volume.setxattr(this.ino, name, value);
    this.#changed();
  }

  override listxattr(): readonly string[] {
    return this.fs.volume.listxattr(this.ino);
  }

  override retain(): void {
    if (this.#promised) {
      this.#promised = false;
      return;
    }
    this.#uses++;
    if (this.#uses === 1 && !this.#dead) this.fs.volume.retain(this.ino);
  }

  override release(): void {
    this.#uses--;
    if (this.#uses > 0 || this.#dead) return;
    const unnamed = this.nlink === 0;
    if (unnamed || (!this.fs.readOnly && (this.#backing?.size ?? 0) > KEEP_PAGES)) {
      this.#backing?.release();
      this.#backing = undefined;
    }
    this.fs.volume.release(this.ino);
    if (unnamed) {
      this.#dead = true;
      this.fs.forget(this);
    }
  }
}
