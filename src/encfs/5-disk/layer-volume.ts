/**
 * The writable layer as a volume: encrypted from its first byte, durable when `sync` returns.
 *
 * Writes gather in memory as dirty blocks; they go to slots when there are many of them, and everything is committed
 * at `sync`, every few seconds of activity, and when much was written since. Between two commits the host sees
 * sealed blocks that nothing refers to yet.
 */

import { HostFileError } from '../../base/host-files.ts';
import { EEXIST, EINVAL, EISDIR, ENOENT, ENOTDIR, ENOTEMPTY, EPERM } from '../../kernel/errno.ts';
import type { Volume, VolumeAttr, VolumeAttrChange, VolumeEntry, VolumeStat } from '../../kernel/vfs/volume.ts';
import { BLOCK } from '../3-log/slots.ts';
import { type LayerInode, type LayerTree, ROOT } from '../4-tree/layer-tree.ts';
import type { StorageLog } from '../errors.ts';
import { LayerContents } from './layer-contents.ts';
import { type LayerOptions, LayerStore } from './layer-store.ts';

export interface LayerVolumeOptions extends LayerOptions {
  readonly log: StorageLog;
  /** The most that the layer may hold; 1 TiB if not given. */
  readonly capacityBytes?: number;
  /** Nanoseconds since 1970; the host's clock if not given. */
  readonly nowNs?: () => bigint;
  /** Called at the first change since a commit: call `writeBack` some seconds later. Without it only activity commits. */
  readonly onChanged?: () => void;
}

const S_IFMT = 0xf000,
  S_IFDIR = 0x4000,
  S_IFREG = 0x8000,
  S_IFLNK = 0xa000;
const COMMIT_BLOCKS = 16384;
const COMMIT_CHANGES = 50_000;
const COMMIT_MS = 5000;

export class LayerVolume implements Volume {
  readonly readOnly = false;
  readonly root = ROOT;
  readonly #store: LayerStore;
  readonly #tree: LayerTree;
  readonly #log: StorageLog;
  readonly #contents: LayerContents;
  readonly #nowNs: () => bigint;
  readonly #onChanged: () => void;
  #announced = false;
  /** In the middle of an operation that a commit must not divide. */
  #undivided = false;
  #committedAt = Date.now();

  private constructor(store: LayerStore, options: LayerVolumeOptions) {
    this.#store = store;
    this.#tree = store.tree;
    this.#log = options.log;
    this.#contents = new LayerContents(store, options.capacityBytes ?? 2 ** 40, options.log);
    this.#nowNs = options.nowNs ?? (() => BigInt(Date.now()) * 1_000_000n);
    this.#onChanged = options.onChanged ?? (() => {});
  }

  /** Opens the layer, or makes an empty one where there is none. Throws StorageError, HostFileError. */
  static open(options: LayerVolumeOptions): LayerVolume {
    const nowNs = options.nowNs ?? (() => BigInt(Date.now()) * 1_000_000n);
    const store = LayerStore.open(options, (tree) => {
      tree.nextIno = ROOT;
      const root = tree.create();
      root.mode = S_IFDIR | 0o755;
      root.nlink = 2;
      root.entries = new Map();
      root.atimeNs = root.mtimeNs = root.ctimeNs = nowNs();
    });
    return new LayerVolume(store, options);
  }

  /** Bytes that `verifyAll` reads. */
  get storedBytes(): number {
    return this.#store.slots.fileBytes();
  }

  /** How many commits there have been: grows with every `sync` that had something to do. */
  get sequence(): number {
    return this.#store.sequence;
  }

  /** Reads all that is stored and checks it. Throws StorageError. */
  verifyAll(): void {
    this.#store.slots.verifyAll();
  }

  // Inodes

  #inode(ino: number): LayerInode {
    const inode = this.#tree.get(ino);
    if (inode === undefined) throw ENOENT;
    return inode;
  }

  #directory(ino: number): LayerInode & { entries: Map<string, number> } {
    const inode = this.#inode(ino);
    if (inode.entries === undefined) throw ENOTDIR;
    return inode as LayerInode & { entries: Map<string, number> };
  }

  #file(ino: number): LayerInode {
    const inode = this.#inode(ino);
    if (inode.entries !== undefined) throw EISDIR;
    if ((inode.mode & S_IFMT) !== S_IFREG) throw EINVAL;
    return inode;
  }

  getattr(ino: number): VolumeAttr {
    const { mode, nlink, uid, gid, size, rdev, atimeNs, mtimeNs, ctimeNs, entries } = this.#inode(ino);
    return { ino, mode, nlink, uid, gid, size: entries === undefined ? size : 4096, rdev, atimeNs, mtimeNs, ctimeNs };
  }

  setattr(ino: number, change: VolumeAttrChange): void {
    const inode = this.#inode(ino);
    if (change.size !== undefined) this.#contents.resize(this.#file(ino), change.size);
    const now = this.#nowNs();
    if (change.mode !== undefined) inode.mode = (inode.mode & S_IFMT) | (change.mode & 0o7777);
    if (change.uid !== undefined) inode.uid = change.uid;
    if (change.gid !== undefined) inode.gid = change.gid;
    if (change.atimeNs !== undefined) inode.atimeNs = change.atimeNs;
    if (change.mtimeNs !== undefined) inode.mtimeNs = change.mtimeNs;
    else if (change.size !== undefined) inode.mtimeNs = now;
    inode.ctimeNs = change.ctimeNs ?? now;
    this.#changed(inode);
  }

  #changed(inode: LayerInode): void {
    this.#tree.changed.add(inode);
    this.#noteChange();
  }

  #noteChange(): void {
    if (!this.#announced) {
      this.#announced = true;
      this.#onChanged();
    }
    if (this.#undivided) return;
    if (this.#tree.changed.size >= COMMIT_CHANGES || this.#contents.writtenBlocks >= COMMIT_BLOCKS || Date.now() - this.#committedAt >= COMMIT_MS) this.writeBack();
  }

  /** A commit that no program asked for: what it cannot do now is logged, and the next `sync` reports it. */
  writeBack(): void {
    this.#committedAt = Date.now();
    this.#announced = false;
    try {
      this.#contents.writeOut();
      this.#store.commit('keep');
      this.#contents.writtenBlocks = 0;
    } catch (error) {
      if (!(error instanceof HostFileError)) throw error;
      this.#log(`the writable layer was not written: ${error.message}`);
    }
  }

  // Names

  lookup(directory: number, name: string): number {
    return this.#directory(directory).entries.get(name) ?? 0;
  }

  readdir(directory: number): readonly VolumeEntry[] {
    const entries: VolumeEntry[] = [];
    for (const [name, ino] of this.#directory(directory).entries) entries.push({ name, ino, type: this.#inode(ino).mode & S_IFMT });
    return entries;
  }

  readlink(ino: number): string {
    const { target } = this.#inode(ino);
    if (target === undefined) throw EINVAL;
    return target;
  }

  #setEntry(directory: LayerInode, name: string, ino: number): void {
    if (ino === 0) directory.entries!.delete(name);
    else directory.entries!.set(name, ino);
    directory.changedEntries.add(name);
    directory.mtimeNs = directory.ctimeNs = this.#nowNs();
    this.#tree.changed.add(directory);
  }

  #make(directory: number, name: string, mode: number, uid: number, gid: number): LayerInode {
    const parent = this.#directory(directory);
    if (parent.nlink === 0) throw ENOENT;
    if (parent.entries.has(name)) throw EEXIST;
    const inode = this.#tree.create();
    inode.mode = mode;
    inode.uid = uid;
    inode.gid = gid;
    inode.nlink = 1;
    inode.atimeNs = inode.mtimeNs = inode.ctimeNs = this.#nowNs();
    this.#setEntry(parent, name, inode.ino);
    return inode;
  }

  create(directory: number, name: string, mode: number, uid: number, gid: number, rdev: number): number {
    const inode = this.#make(directory, name, mode, uid, gid);
    inode.rdev = rdev;
    this.#changed(inode);
    return inode.ino;
  }

  mkdir(directory: number, name: string, mode: number, uid: number, gid: number): number {
    const inode = this.#make(directory, name, S_IFDIR | (mode & 0o7777), uid, gid);
    inode.entries = new Map();
    inode.nlink = 2;
    inode.parent = directory;
    this.#inode(directory).nlink++;
    this.#changed(inode);
    return inode.ino;
  }

  symlink(directory: number, name: string, target: string, uid: number, gid: number): number {
    const inode = this.#make(directory, name, S_IFLNK | 0o777, uid, gid);
    inode.target = target;
    inode.size = target.length;
    this.#changed(inode);
    return inode.ino;
  }

  link(ino: number, directory: number, name: string): void {
    const inode = this.#inode(ino);
    if (inode.entries !== undefined) throw EPERM;
    const parent = this.#directory(directory);
    if (parent.entries.has(name)) throw EEXIST;
    inode.nlink++;
    inode.ctimeNs = this.#nowNs();
    this.#setEntry(parent, name, ino);
    this.#changed(inode);
  }

  unlink(directory: number, name: string): void {
    const parent = this.#directory(directory);
    const inode = this.#inode(parent.entries.get(name) ?? 0);
    if (inode.entries !== undefined) throw EISDIR;
    this.#setEntry(parent, name, 0);
    this.#unlinked(inode);
  }

  rmdir(directory: number, name: string): void {
    const parent = this.#directory(directory);
    const inode = this.#directory(parent.entries.get(name) ?? 0);
    if (inode.entries.size > 0) throw ENOTEMPTY;
    this.#setEntry(parent, name, 0);
    parent.nlink--;
    inode.nlink = 1;
    this.#unlinked(inode);
  }

  #unlinked(inode: LayerInode): void {
    inode.nlink--;
    inode.ctimeNs = this.#nowNs();
    if (inode.nlink === 0 && inode.retained === 0) this.#free(inode);
    else this.#changed(inode);
  }

  #free(inode: LayerInode): void {
    this.#contents.cut(inode, 0);
    this.#tree.drop(inode);
    this.#noteChange();
  }

  rename(fromDirectory: number, fromName: string, toDirectory: number, toName: string): void {
    const from = this.#directory(fromDirectory);
    const to = this.#directory(toDirectory);
    const inode = this.#inode(from.entries.get(fromName) ?? 0);
    const replacedIno = to.entries.get(toName);
    if (replacedIno === inode.ino) return;
    for (let above: LayerInode | undefined = to; inode.entries !== undefined && above !== undefined; above = above.ino === ROOT ? undefined : this.#tree.get(above.parent)) if (above === inode) throw EINVAL;
    if (replacedIno !== undefined) {
      const replaced = this.#inode(replacedIno);
      if (replaced.entries !== undefined && inode.entries === undefined) throw EISDIR;
      if (replaced.entries === undefined && inode.entries !== undefined) throw ENOTDIR;
      this.#undivided = true;
      try {
        if (replaced.entries !== undefined) this.rmdir(toDirectory, toName);
        else this.unlink(toDirectory, toName);
      } finally {
        this.#undivided = false;
      }
    }
    this.#setEntry(from, fromName, 0);
    this.#setEntry(to, toName, inode.ino);
    if (inode.entries !== undefined) {
      from.nlink--;
      to.nlink++;
      inode.parent = toDirectory;
    }
    inode.ctimeNs = this.#nowNs();
    this.#changed(inode);
  }

  // Contents

  read(ino: number, offset: number, into: Uint8Array): number {
    return this.#contents.read(this.#file(ino), offset, into);
  }

  write(ino: number, offset: number, from: Uint8Array): number {
    const inode = this.#file(ino);
    const count = this.#contents.write(inode, offset, from);
    if (count > 0) {
      inode.mtimeNs = inode.ctimeNs = this.#nowNs();
      this.#changed(inode);
    }
    return count;
  }

  // Extended attributes

  getxattr(ino: number, name: string): Uint8Array | undefined {
    return this.#inode(ino).xattrs?.get(name);
  }

  setxattr(ino: number, name: string, value: Uint8Array | undefined): void {
    const inode = this.#inode(ino);
    inode.xattrs ??= new Map();
    if (value === undefined) inode.xattrs.delete(name);
    else inode.xattrs.set(name, value.slice());
    inode.changedXattrs.add(name);
    inode.ctimeNs = this.#nowNs();
    this.#changed(inode);
  }

  listxattr(ino: number): readonly string[] {
    return [...(this.#inode(ino).xattrs?.keys() ?? [])];
  }

  // The whole

  retain(ino: number): void {
    this.#inode(ino).retained++;
  }

  release(ino: number): void {
    const inode = this.#tree.get(ino);
    if (inode === undefined || inode.retained === 0) return;
    inode.retained--;
    if (inode.retained === 0 && inode.nlink === 0) this.#free(inode);
  }

  statfs(): VolumeStat {
    const { capacityBlocks, usedBlocks } = this.#contents;
    return { blockSize: BLOCK, blocks: capacityBlocks, blocksFree: Math.max(0, capacityBlocks - usedBlocks), files: this.#tree.inodes.size };
  }

  sync(): void {
    this.#commit('keep');
  }

  #commit(shrink: 'shrink' | 'keep'): void {
    try {
      this.#contents.writeOut();
      this.#store.commit(shrink);
    } catch (error) {
      throw this.#contents.errno(error);
    }
    this.#committedAt = Date.now();
    this.#contents.writtenBlocks = 0;
    this.#announced = false;
  }

  /** Commits and closes. Throws ENOSPC or EIO where the last changes could not be written; the layer is closed all the same. */
  close(): void {
    for (const inode of [...this.#tree.inodes.values()]) if (inode.nlink === 0) this.#free(inode);
    const idle = this.#contents.dirtyBlocks === 0 && !this.#tree.isChanged && this.#store.isClean;
    try {
      if (!idle) {
        this.#commit('keep');
        this.#contents.compact();
        this.#commit('shrink');
      }
    } catch (error) {
      this.#store.abandon();
      throw error;
    }
    try {
      this.#store.close();
    } catch (error) {
      throw this.#contents.errno(error);
    }
  }

  /** Lets go without committing, as a crash would (for tests, and after a panic). */
  abandon(): void {
    this.#store.abandon();
  }
}
