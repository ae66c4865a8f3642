/**
 * Inodes and directories of a layer, all in memory (about 200 bytes an inode and 4 bytes a 16 KiB block), and what
 * of them changed since the last commit. Owner of the state: one layer. Behaviour of a file system is 5-disk's.
 */

import { StorageError } from '../errors.ts';
import { SEAL_BYTES, type SlotLog } from '../3-log/slots.ts';
import { RECORD, RecordReader, RecordWriter } from './records.ts';

export const ROOT = 1;
const SNAPSHOT_FRAME = 1 << 20;
const MAX_BLOCKS = 2 ** 26;

export class LayerInode {
  readonly ino: number;
  mode = 0;
  nlink = 0;
  uid = 0;
  gid = 0;
  rdev = 0;
  size = 0;
  atimeNs = 0n;
  mtimeNs = 0n;
  ctimeNs = 0n;
  /** Slot + 1 of each 16 KiB of content; 0, missing or beyond the end: zeros. */
  blocks: number[] = [];
  entries: Map<string, number> | undefined;
  target: string | undefined;
  xattrs: Map<string, Uint8Array> | undefined;
  /** The directory above, for directories. */
  parent = 0;
  /** How often the kernel holds it. */
  retained = 0;
  /** Blocks not yet in a slot. */
  readonly dirty = new Map<number, Uint8Array>();

  // Since the last commit
  readonly changedBlocks = new Set<number>();
  readonly changedEntries = new Set<string>();
  readonly changedXattrs = new Set<string>();
  cutTo = Number.POSITIVE_INFINITY;

  constructor(ino: number) {
    this.ino = ino;
  }
}

/** Beyond this length an array of blocks may be sparse, and is walked by its keys. */
const WALKED_BY_INDEX = 1 << 20;

/** Every block of a file from `first` on that has a slot. */
export function eachBlock({ blocks }: LayerInode, first: number, visit: (block: number, index: number) => void): void {
  if (blocks.length - first <= WALKED_BY_INDEX) {
    for (let index = first; index < blocks.length; index++) if (blocks[index]) visit(blocks[index], index);
  } else {
    for (const key of Object.keys(blocks)) if (Number(key) >= first && blocks[Number(key)] !== 0) visit(blocks[Number(key)], Number(key));
  }
}

export class LayerTree {
  readonly inodes = new Map<number, LayerInode>();
  readonly changed = new Set<LayerInode>();
  readonly dropped = new Set<number>();
  nextIno = ROOT + 1;

  get(ino: number): LayerInode | undefined {
    return this.inodes.get(ino);
  }

  create(): LayerInode {
    const inode = new LayerInode(this.nextIno++);
    this.inodes.set(inode.ino, inode);
    this.changed.add(inode);
    return inode;
  }

  drop(inode: LayerInode): void {
    this.inodes.delete(inode.ino);
    this.changed.delete(inode);
    this.dropped.add(inode.ino);
  }

  get isChanged(): boolean {
    return this.changed.size > 0 || this.dropped.size > 0;
  }

  // Writing

  /** The records of a commit. Nothing counts as committed before `committed`. */
  changes(slots: SlotLog, slotCount: number): Uint8Array {
    const out = new RecordWriter();
    this.#layout(out, slotCount);
    for (const slot of slots.written) if (slot < slotCount) putSlot(out, slots, slot);
    for (const inode of this.changed) {
      putInode(out, inode);
      if (inode.cutTo < Number.POSITIVE_INFINITY) out.u8(RECORD.cut).u32(inode.ino).u32(inode.cutTo);
      putBlocks(
        out,
        inode,
        [...inode.changedBlocks].filter((index) => index < inode.blocks.length).sort((a, b) => a - b),
      );
      for (const name of inode.changedEntries)
        out
          .u8(RECORD.entry)
          .u32(inode.ino)
          .u32(inode.entries!.get(name) ?? 0)
          .text(name);
      for (const name of inode.changedXattrs) putXattr(out, inode, name);
    }
    for (const ino of this.dropped) out.u8(RECORD.drop).u32(ino);
    return out.take();
  }

  committed(): void {
    for (const inode of this.changed) {
      inode.changedBlocks.clear();
      inode.changedEntries.clear();
      inode.changedXattrs.clear();
      inode.cutTo = Number.POSITIVE_INFINITY;
    }
    this.changed.clear();
    this.dropped.clear();
  }

  /** The whole state, in pieces for one frame each. Call only when nothing is changed. */
  *snapshot(slots: SlotLog): Generator<Uint8Array> {
    const out = new RecordWriter();
    this.#layout(out, slots.count);
    for (let slot = 0; slot < slots.count; slot++) {
      putSlot(out, slots, slot);
      if (out.length > SNAPSHOT_FRAME) yield out.take();
    }
    for (const inode of this.inodes.values()) {
      putInode(out, inode);
      const indices: number[] = [];
      eachBlock(inode, 0, (_, index) => indices.push(index));
      putBlocks(out, inode, indices);
      for (const [name, ino] of inode.entries ?? []) {
        out.u8(RECORD.entry).u32(inode.ino).u32(ino).text(name);
        if (out.length > SNAPSHOT_FRAME) yield out.take();
      }
      for (const name of inode.xattrs?.keys() ?? []) putXattr(out, inode, name);
      if (out.length > SNAPSHOT_FRAME) yield out.take();
    }
    yield out.take();
  }

  #layout(out: RecordWriter, slotCount: number): void {
    out.u8(RECORD.layout).u32(this.nextIno).u32(slotCount);
  }

  // Restoring

  apply(body: Uint8Array, slots: SlotLog): void {
    const input = new RecordReader(body);
    const inode = (): LayerInode => this.inodes.get(input.u32()) ?? nonsense();
    while (!input.done) {
      switch (input.u8()) {
        case RECORD.layout:
          this.nextIno = input.u32();
          slots.resize(input.u32());
          break;
        case RECORD.slot: {
          const slot = input.u32();
          slots.restore(slot, { units: input.u8(), seal: input.raw(SEAL_BYTES) });
          break;
        }
        case RECORD.inode: {
          const ino = input.u32();
          const row = this.inodes.get(ino) ?? new LayerInode(ino);
          this.inodes.set(ino, row);
          row.mode = input.u32();
          row.nlink = input.u32();
          row.uid = input.u32();
          row.gid = input.u32();
          row.rdev = input.u32();
          row.size = input.f64();
          row.atimeNs = input.i64();
          row.mtimeNs = input.i64();
          row.ctimeNs = input.i64();
          break;
        }
        case RECORD.cut: {
          const row = inode();
          row.blocks.length = Math.min(row.blocks.length, input.u32());
          break;
        }
        case RECORD.blocks: {
          const row = inode();
          const first = input.u32();
          const count = input.u32();
          if (first + count > MAX_BLOCKS) nonsense();
          for (let index = first; index < first + count; index++) row.blocks[index] = input.u32();
          break;
        }
        case RECORD.target:
          inode().target = input.text();
          break;
        case RECORD.entry: {
          const row = inode();
          row.entries ??= new Map();
          const ino = input.u32();
          const name = input.text();
          if (ino === 0) row.entries.delete(name);
          else row.entries.set(name, ino);
          break;
        }
        case RECORD.xattr: {
          const row = inode();
          row.xattrs ??= new Map();
          const present = input.u8();
          const name = input.text();
          const value = input.bytes();
          if (present === 0) row.xattrs.delete(name);
          else row.xattrs.set(name, value);
          break;
        }
        case RECORD.drop:
          this.inodes.delete(input.u32());
          break;
        default:
          nonsense();
      }
    }
  }

  /** After everything was applied: drops what was only held open, claims slots, checks that the tree is one. */
  restored(slots: SlotLog, isDirectory: (mode: number) => boolean): void {
    for (const inode of [...this.inodes.values()]) if (inode.nlink === 0) this.drop(inode);
    for (const inode of this.inodes.values()) {
      if (isDirectory(inode.mode)) inode.entries ??= new Map();
      eachBlock(inode, 0, (block) => {
        if (!slots.claim(block - 1)) nonsense();
      });
      for (const ino of inode.entries?.values() ?? []) {
        const child = this.inodes.get(ino) ?? nonsense();
        if (isDirectory(child.mode)) child.parent = inode.ino;
      }
    }
    if (this.inodes.get(ROOT)?.entries === undefined) nonsense();
  }
}

function nonsense(): never {
  throw new StorageError('layer-corrupt', 'the metadata of the writable layer makes no sense');
}

function putSlot(out: RecordWriter, slots: SlotLog, slot: number): void {
  const { units, seal } = slots.row(slot);
  out.u8(RECORD.slot).u32(slot).u8(units).raw(seal);
}

function putInode(out: RecordWriter, inode: LayerInode): void {
  out.u8(RECORD.inode).u32(inode.ino).u32(inode.mode).u32(inode.nlink).u32(inode.uid).u32(inode.gid).u32(inode.rdev).f64(inode.size).i64(inode.atimeNs).i64(inode.mtimeNs).i64(inode.ctimeNs);
  if (inode.target !== undefined) out.u8(RECORD.target).u32(inode.ino).text(inode.target);
}

/** Ascending indices, written as runs. */
function putBlocks(out: RecordWriter, inode: LayerInode, indices: readonly number[]): void {
  for (let at = 0; at < indices.length; ) {
    let end = at + 1;
    while (end < indices.length && indices[end] === indices[end - 1] + 1) end++;
    out
      .u8(RECORD.blocks)
      .u32(inode.ino)
      .u32(indices[at])
      .u32(end - at);
    for (; at < end; at++) out.u32(inode.blocks[indices[at]] ?? 0);
  }
}

function putXattr(out: RecordWriter, inode: LayerInode, name: string): void {
  const value = inode.xattrs?.get(name);
  out
    .u8(RECORD.xattr)
    .u32(inode.ino)
    .u8(value === undefined ? 0 : 1)
    .text(name)
    .bytes(value ?? new Uint8Array(0));
}
