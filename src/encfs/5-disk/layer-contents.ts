/**
 * Contents of the files of a layer: blocks that are dirty (in memory only) and blocks that have a slot. Bytes beyond
 * the end of a file are zero in both. Owner of the state: one layer; the inodes are the tree's.
 */

import { HostFileError } from '../../base/host-files.ts';
import { EFBIG, EIO, ENOSPC } from '../../kernel/errno.ts';
import { BLOCK } from '../3-log/slots.ts';
import { eachBlock, type LayerInode } from '../4-tree/layer-tree.ts';
import { StorageError, type StorageLog } from '../errors.ts';
import type { LayerStore } from './layer-store.ts';

/** 8 MiB. */
const DIRTY_LIMIT = 512;
const COMPACT_SLOTS = 1024;
/** 1 TiB. */
export const MAX_FILE = BLOCK * 2 ** 26;

export class LayerContents {
  readonly capacityBlocks: number;
  /** Blocks of files, dirty or not. */
  usedBlocks = 0;
  /** Blocks that went to slots since this was set to 0. */
  writtenBlocks = 0;
  dirtyBlocks = 0;
  readonly #store: LayerStore;
  readonly #log: StorageLog;
  readonly #dirty = new Set<LayerInode>();

  constructor(store: LayerStore, capacityBytes: number, log: StorageLog) {
    this.#store = store;
    this.#log = log;
    this.capacityBlocks = Math.floor(capacityBytes / BLOCK);
    for (const inode of store.tree.inodes.values()) eachBlock(inode, 0, () => this.usedBlocks++);
  }

  /** What a guest is told of an error of the host or of damage, after it was logged. Anything else stays what it is. */
  errno(error: unknown): unknown {
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

  read(inode: LayerInode, offset: number, into: Uint8Array): number {
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

  /** Returns how much fitted; throws ENOSPC where nothing did. */
  write(inode: LayerInode, offset: number, from: Uint8Array): number {
    if (offset + from.length > MAX_FILE) throw EFBIG;
    let done = 0;
    try {
      while (done < from.length) {
        const at = offset + done;
        const index = Math.floor(at / BLOCK);
        const within = at - index * BLOCK;
        const piece = Math.min(from.length - done, BLOCK - within);
        this.#writable(inode, index, piece === BLOCK ? 'replace' : 'change').set(piece === from.length ? from : from.subarray(done, done + piece), within);
        done += piece;
        if (at + piece > inode.size) inode.size = at + piece;
      }
    } catch (error) {
      if (done === 0 || error !== ENOSPC) throw error;
    }
    return done;
  }

  resize(inode: LayerInode, size: number): void {
    if (size > MAX_FILE) throw EFBIG;
    if (size < inode.size) {
      const within = size % BLOCK;
      const index = Math.floor(size / BLOCK);
      if (within > 0 && this.#block(inode, index) !== undefined) this.#writable(inode, index, 'change').fill(0, within);
      this.cut(inode, Math.ceil(size / BLOCK));
    }
    inode.size = size;
  }

  /** Lets go of all blocks from `count` on. */
  cut(inode: LayerInode, count: number): void {
    for (const index of [...inode.dirty.keys()]) {
      if (index < count) continue;
      if ((inode.blocks[index] ?? 0) === 0) this.usedBlocks--;
      inode.dirty.delete(index);
      this.dirtyBlocks--;
    }
    if (inode.dirty.size === 0) this.#dirty.delete(inode);
    if (inode.blocks.length <= count) return;
    eachBlock(inode, count, (block) => {
      this.#store.slots.release(block - 1);
      this.usedBlocks--;
    });
    inode.blocks.length = count;
    inode.cutTo = Math.min(inode.cutTo, count);
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
      throw this.errno(error);
    }
  }

  /** The dirty copy of a block, which the caller changes or replaces as a whole. Throws ENOSPC, EIO. */
  #writable(inode: LayerInode, index: number, how: 'change' | 'replace'): Uint8Array {
    const known = inode.dirty.get(index);
    if (known !== undefined) return known;
    if (this.dirtyBlocks >= DIRTY_LIMIT) {
      try {
        this.writeOut();
      } catch (error) {
        throw this.errno(error);
      }
    }
    const isNew = (inode.blocks[index] ?? 0) === 0;
    if (isNew && this.usedBlocks >= this.capacityBlocks) throw ENOSPC;
    const old = how === 'replace' ? undefined : this.#block(inode, index);
    const block = new Uint8Array(BLOCK);
    if (old !== undefined) block.set(old);
    if (isNew) this.usedBlocks++;
    inode.dirty.set(index, block);
    this.#dirty.add(inode);
    this.dirtyBlocks++;
    return block;
  }

  /** Gives every dirty block a slot. Throws HostFileError; blocks without a slot stay dirty. */
  writeOut(): void {
    if (this.dirtyBlocks === 0) return;
    this.#store.touch();
    const { slots, tree } = this.#store;
    for (const inode of [...this.#dirty].sort((a, b) => a.ino - b.ino)) {
      const indices = [...inode.dirty.keys()].sort((a, b) => a - b);
      const taken = slots.write(indices.map((index) => ({ bytes: inode.dirty.get(index)!, used: Math.min(BLOCK, inode.size - index * BLOCK) })));
      indices.forEach((index, at) => {
        const old = inode.blocks[index] ?? 0;
        if (old !== 0) slots.release(old - 1);
        // May leave a gap: a sparse file is a sparse array.
        inode.blocks[index] = taken[at] + 1;
        inode.changedBlocks.add(index);
      });
      inode.dirty.clear();
      tree.changed.add(inode);
      this.#dirty.delete(inode);
      this.dirtyBlocks -= indices.length;
      this.writtenBlocks += indices.length;
    }
  }

  /** Where most of the slots are free, moves what is at the end to the front, so that the end can be given back. Everything must be committed. */
  compact(): void {
    const { slots, tree } = this.#store;
    const live = slots.count - slots.freeCount;
    if (slots.count < COMPACT_SLOTS || slots.freeCount < slots.count / 2) return;
    try {
      for (const inode of tree.inodes.values()) {
        const moving: number[] = [];
        eachBlock(inode, 0, (block, index) => {
          if (block > live) moving.push(index);
        });
        for (const index of moving) this.#writable(inode, index, 'change');
      }
      this.writeOut();
    } catch (error) {
      // What could not be moved stays where it is; the dirty copies say nothing new.
      this.#log(`the writable layer was not compacted: ${(error as { message?: string }).message}`);
      for (const inode of this.#dirty) inode.dirty.clear();
      this.#dirty.clear();
      this.dirtyBlocks = 0;
    }
  }
}
