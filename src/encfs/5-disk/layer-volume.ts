/**
 * The writable layer as a volume: encrypted from its first byte, durable when `sync` returns.
 *
 * Writes gather in memory as dirty blocks; they go to slots when there are many of them, and everything is committed
 * at `sync`, every few seconds of activity, and when much was written since. Between two commits the host sees
 * sealed blocks that nothing refers to yet.
 */

import { HostFileError } from '../../base/host-files.ts';
import { EEXIST, EFBIG, EINVAL, EIO, EISDIR, ENOENT, ENOSPC, ENOTDIR, ENOTEMPTY, EPERM } from '../../kernel/errno.ts';
import type { Volume, VolumeAttr, VolumeAttrChange, VolumeEntry, VolumeStat } from '../../kernel/vfs/volume.ts';
import { BLOCK } from '../3-log/slots.ts';
import { type LayerInode, type LayerTree, ROOT } from '../4-tree/layer-tree.ts';
import { StorageError, type StorageLog } from '../errors.ts';
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

const S_IFMT = 0xf000, S_IFDIR = 0x4000, S_IFREG = 0x8000, S_IFLNK = 0xa000;
const DIRTY_LIMIT = 512;
const COMMIT_BLOCKS = 16384;
const COMMIT_CHANGES = 50_000;
const COMMIT_MS = 5000;
const COMPACT_SLOTS = 1024;
const MAX_FILE = BLOCK * 2 ** 26;

export class LayerVolume implements Volume {
  readonly readOnly = false;
  readonly root = ROOT;
  readonly #store: LayerStore;
  readonly #tree: LayerTree;
  readonly #log: StorageLog;
  readonly #capacityBlocks: number;
  readonly #nowNs: () => bigint;
  readonly #onChanged: () => void;
  #announced = false;
  /** In the middle of an operation that a commit must not divide. */
  #undivided = false;
  readonly #dirty = new Set<LayerInode>();
  #dirtyBlocks = 0;
  #blocksSinceCommit = 0;
  #committedAt = Date.now();
  #usedBlocks = 0;

  private constructor(store: LayerStore, options: LayerVolumeOptions) {
    this.#store = store;
    this.#tree = store.tree;
    this.#log = options.log;
    this.#capacityBlocks = Math.floor((options.capacityBytes ?? 2 ** 40) / BLOCK);
    this.#nowNs = options.nowNs ?? (() => BigInt(Date.now()) * 1_000_000n);
    this.#onChanged = options.onChanged ?? (() => {});
    for (const inode of this.#tree.inodes.values()) this.#usedBlocks += inode.blocks.reduce((sum, block) => (block === 0 ? sum : sum + 1), 0);
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
    if (change.size !== undefined) this.#resize(this.#file(ino), change.size);
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
    if (this.#tree.changed.size >= COMMIT_CHANGES || this.#blocksSinceCommit >= COMMIT_BLOCKS || Date.now() - this.#committedAt >= COMMIT_MS) this.writeBack();
  }

  /** A commit that no program asked for: what it cannot do now is logged, and the next `sync` reports it. */
  writeBack(): void {
    this.#committedAt = Date.now();
    this.#announced = false;
    try {
      this.#writeOut();
      this.#store.commit('keep');
      this.#blocksSinceCommit = 0;
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
    this.#cut(inode, 0);
    this.#dirty.delete(inode);
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
    const inode = this.#file(ino);
    const count = Math.max(0, Math.min(into.length, inode.size - offset));
    for (let done = 0; done < count; ) {
      const at = offset + done;
      const index = Math.floor(at / BLOCK);
      const within = at - index * BLOCK;
      const piece = Math.min(count - done, BLOCK - within);
      const block = this.#block(inode, index);
      if (block === undefined) into.fill(0, done, done + piece);
      else into.set(piece === BLOCK ? block : block.subarray(within, within + piece), done);
      done += piece;
    }
    return count;
  }

  /** `undefined` for a hole. Never written to. */
  #block(inode: LayerInode, index: number): Uint8Array | undefined {
    const dirty = inode.dirty.get(index);
    if (dirty !== undefined) return dirty;
    const stored = inode.blocks[index] ?? 0;
    if (stored === 0) return undefined;
    let ahead = 0;
    while (ahead < 16 && inode.blocks[index + ahead + 1] === stored + ahead + 1) ahead++;
    try {
      return this.#store.slots.read(stored - 1, ahead);
    } catch (error) {
      throw this.#errno(error);
    }
  }

  #errno(error: unknown): unknown {
    if (error instanceof HostFileError) {
      this.#log(`the writable layer: ${error.message}`);
      return error.code === 'ENOSPC' || error.code === 'EDQUOT' ? ENOSPC : EIO;
    }
    if (error instanceof StorageError) {
      this.#log(error.message);
      return EIO;
    }
    return error;
  }

  write(ino: number, offset: number, from: Uint8Array): number {
    const inode = this.#file(ino);
    if (offset + from.length > MAX_FILE) throw EFBIG;
    let done = 0;
    try {
      while (done < from.length) {
        const at = offset + done;
        const index = Math.floor(at / BLOCK);
        const within = at - index * BLOCK;
        const piece = Math.min(from.length - done, BLOCK - within);
        this.#writable(inode, index, piece === BLOCK).set(done === 0 && piece === from.length ? from : from.subarray(done, done + piece), within);
        done += piece;
        if (at + piece > inode.size) inode.size = at + piece;
      }
    } catch (error) {
      // What fitted counts; the next call tells why there is no more.
      if (done === 0 || error !== ENOSPC) throw error;
    }
    if (done > 0) {
      inode.mtimeNs = inode.ctimeNs = this.#nowNs();
      this.#changed(inode);
    }
    return done;
  }

  /** The dirty copy of a block; `whole`: the caller overwrites all of it. Throws ENOSPC, EIO. */
  #writable(inode: LayerInode, index: number, whole: boolean): Uint8Array {
    const known = inode.dirty.get(index);
    if (known !== undefined) return known;
    if (this.#dirtyBlocks >= DIRTY_LIMIT) {
      try {
        this.#writeOut();
      } catch (error) {
        throw this.#errno(error);
      }
    }
    const isNew = (inode.blocks[index] ?? 0) === 0;
    if (isNew && this.#usedBlocks >= this.#capacityBlocks) throw ENOSPC;
    const old = whole ? undefined : this.#block(inode, index);
    const block = new Uint8Array(BLOCK);
    if (old !== undefined) block.set(old);
    if (isNew) this.#usedBlocks++;
    inode.dirty.set(index, block);
    this.#dirty.add(inode);
    this.#dirtyBlocks++;
    return block;
  }

  /** Gives every dirty block a slot. Throws HostFileError; blocks without a slot stay dirty. */
  #writeOut(): void {
    if (this.#dirtyBlocks === 0) return;
    this.#store.touch();
    for (const inode of [...this.#dirty].sort((a, b) => a.ino - b.ino)) {
      const indices = [...inode.dirty.keys()].sort((a, b) => a - b);
      const slots = this.#store.slots.write(indices.map((index) => ({ bytes: inode.dirty.get(index)!, used: Math.min(BLOCK, inode.size - index * BLOCK) })));
      while (inode.blocks.length < indices[indices.length - 1] + 1) inode.blocks.push(0);
      indices.forEach((index, at) => {
        const old = inode.blocks[index];
        if (old !== 0) this.#store.slots.release(old - 1);
        inode.blocks[index] = slots[at] + 1;
        inode.changedBlocks.add(index);
      });
      inode.dirty.clear();
      this.#tree.changed.add(inode);
      this.#dirty.delete(inode);
      this.#dirtyBlocks -= indices.length;
      this.#blocksSinceCommit += indices.length;
    }
  }

  #resize(inode: LayerInode, size: number): void {
    if (size > MAX_FILE) throw EFBIG;
    if (size < inode.size) {
      const within = size % BLOCK;
      const index = Math.floor(size / BLOCK);
      // Bytes beyond the end are zero, always: a later extension shows them.
      if (within > 0 && this.#block(inode, index) !== undefined) this.#writable(inode, index, false).fill(0, within);
      this.#cut(inode, Math.ceil(size / BLOCK));
    }
    inode.size = size;
  }

  #cut(inode: LayerInode, count: number): void {
    for (const index of [...inode.dirty.keys()]) {
      if (index < count) continue;
      if ((inode.blocks[index] ?? 0) === 0) this.#usedBlocks--;
      inode.dirty.delete(index);
      this.#dirtyBlocks--;
    }
    if (inode.dirty.size === 0) this.#dirty.delete(inode);
    if (inode.blocks.length <= count) return;
    for (let index = count; index < inode.blocks.length; index++) {
      if (inode.blocks[index] === 0) continue;
      this.#store.slots.release(inode.blocks[index] - 1);
      this.#usedBlocks--;
    }
    inode.blocks.length = count;
    inode.cutTo = Math.min(inode.cutTo, count);
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
    return { blockSize: BLOCK, blocks: this.#capacityBlocks, blocksFree: Math.max(0, this.#capacityBlocks - this.#usedBlocks), files: this.#tree.inodes.size };
  }

  sync(): void {
    this.#commit('keep');
  }

  #commit(shrink: 'shrink' | 'keep'): void {
    try {
      this.#writeOut();
      this.#store.commit(shrink);
    } catch (error) {
      throw this.#errno(error);
    }
    this.#committedAt = Date.now();
    this.#blocksSinceCommit = 0;
    this.#announced = false;
  }

  /** Commits and closes. Throws ENOSPC or EIO where the last changes could not be written; the layer is closed all the same. */
  close(): void {
    for (const inode of [...this.#tree.inodes.values()]) if (inode.nlink === 0) this.#free(inode);
    const idle = this.#dirtyBlocks === 0 && !this.#tree.isChanged && this.#store.isClean;
    try {
      if (!idle) {
        this.#compact();
        this.#commit('shrink');
      }
    } catch (error) {
      this.#store.abandon();
      throw error;
    }
    try {
      this.#store.close();
    } catch (error) {
      throw this.#errno(error);
    }
  }

  /** Where most of the file is free, moves what is at its end to the front, so that the end can be given back. */
  #compact(): void {
    this.#commit('keep');
    const { slots } = this.#store;
    const live = slots.count - slots.freeCount;
    if (slots.count < COMPACT_SLOTS || slots.freeCount < slots.count / 2) return;
    try {
      for (const inode of this.#tree.inodes.values()) {
        for (let index = 0; index < inode.blocks.length; index++) if (inode.blocks[index] > live) this.#writable(inode, index, false);
      }
      this.#writeOut();
    } catch (error) {
      // Everything is committed: what could not be moved stays where it is.
      this.#log(`the writable layer was not compacted: ${(error as { message?: string }).message}`);
      for (const inode of this.#dirty) inode.dirty.clear();
      this.#dirty.clear();
      this.#dirtyBlocks = 0;
    }
  }

  /** Lets go without committing, as a crash would (for tests, and after a panic). */
  abandon(): void {
    this.#store.abandon();
  }
}

