/**
 * A union of a read-only lower and a writable upper file system, as Linux's overlayfs does it: whiteouts are 0/0
 * character devices, opaque directories carry `trusted.overlay.opaque`, what is changed is copied up first. Renaming a
 * directory that has a lower part is EXDEV, as there without `redirect_dir`.
 */

import { FS_MAGIC } from '../../abi/mount.ts';
import { isChr, isDir, isLnk, isReg, S_IFCHR } from '../../abi/stat.ts';
import { byteString, bytesOf } from '../../base/bytes.ts';
import { ENOTEMPTY, EXDEV } from '../errno.ts';
import type { Backing } from '../platform.ts';
import { anonymousDevice, type AttrChange, type DirEntry, type FileSystem, type FsStat, Inode, type Owner } from '../vfs/inode.ts';

const OPAQUE = 'trusted.overlay.opaque';
/** Inode number of the lower file that this is a copy of, so that st_ino outlives the copy. */
const ORIGIN = 'trusted.overlay.origin';
const ROOT: Owner = { uid: 0, gid: 0 };

export const isWhiteout = (inode: Inode): boolean => isChr(inode.mode) && inode.rdev === 0;

export class OverlayFs implements FileSystem {
  readonly type = 'overlay';
  readonly dev = anonymousDevice();
  readonly readOnly = false;
  readonly volatile = false;
  readonly lower: FileSystem;
  readonly upper: FileSystem;
  readonly root: OverlayInode;
  readonly #known = new WeakMap<Inode, OverlayInode>();

  constructor(lower: FileSystem, upper: FileSystem) {
    this.lower = lower;
    this.upper = upper;
    this.root = new OverlayInode(this, upper.root, lower.root, undefined, '');
  }

  /** One object for each file, whatever name led to it. */
  inode(upper: Inode | undefined, lower: Inode | undefined, parent: OverlayInode, name: string): OverlayInode {
    const key = (upper ?? lower) as Inode;
    const known = this.#known.get(key);
    if (known !== undefined) {
      if (upper === undefined && known.nlink <= 1) known.placeAt(parent, name);
      return known;
    }
    const made = new OverlayInode(this, upper, lower, parent, name);
    this.#known.set(key, made);
    return made;
  }

  /** From now on the upper inode leads to it. */
  raised(inode: OverlayInode, lower: Inode, upper: Inode): void {
    this.#known.delete(lower);
    this.#known.set(upper, inode);
  }

  statfs(): FsStat {
    return { ...this.upper.statfs(), magic: FS_MAGIC.overlay };
  }

  sync(): void {
    this.upper.sync();
  }
}

export class OverlayInode extends Inode {
  readonly fs: OverlayFs;
  readonly ino: number;
  #upper: Inode | undefined;
  /** For directories the part that shows through; for files what is read until the copy is made. */
  readonly #lower: Inode | undefined;
  #parent: OverlayInode | undefined;
  #name: string;
  #uses = 0;

  constructor(fs: OverlayFs, upper: Inode | undefined, lower: Inode | undefined, parent: OverlayInode | undefined, name: string) {
    super();
    this.fs = fs;
    this.#upper = upper;
    this.#lower = lower;
    this.#parent = parent;
    this.#name = name;
    this.ino = lower !== undefined ? lower.ino * 2 : (originOf(upper as Inode) ?? (upper as Inode).ino * 2 + 1);
  }

  get #top(): Inode {
    return (this.#upper ?? this.#lower) as Inode;
  }

  placeAt(parent: OverlayInode, name: string): void {
    this.#parent = parent;
    this.#name = name;
  }

  get mode(): number {
    return this.#top.mode;
  }

  get uid(): number {
    return this.#top.uid;
  }

  get gid(): number {
    return this.#top.gid;
  }

  get nlink(): number {
    return this.#top.nlink - (this.#unlinkedBelow ? 1 : 0);
  }

  get size(): number {
    return this.#top.size;
  }

  get rdev(): number {
    return this.#top.rdev;
  }

  get atimeNs(): bigint {
    return this.#top.atimeNs;
  }

  get mtimeNs(): bigint {
    return this.#top.mtimeNs;
  }

  get ctimeNs(): bigint {
    return this.#top.ctimeNs;
  }

  // --- directories ---

  /** The lower entry that would show through if the upper one were not there. */
  #lowerEntry(name: string): Inode | undefined {
    return this.#lower?.lookup(name);
  }

  override lookup(name: string): OverlayInode | undefined {
    this.mustBeDirectory();
    const upper = this.#upper?.lookup(name);
    if (upper === undefined) {
      const lower = this.#lowerEntry(name);
      return lower === undefined ? undefined : this.fs.inode(undefined, lower, this, name);
    }
    if (isWhiteout(upper)) return undefined;
    let lower: Inode | undefined;
    if (isDir(upper.mode) && upper.getxattr(OPAQUE) === undefined) {
      lower = this.#lowerEntry(name);
      if (lower !== undefined && !isDir(lower.mode)) lower = undefined;
    }
    return this.fs.inode(upper, lower, this, name);
  }

  override entries(): readonly DirEntry[] {
    if (this.#lower === undefined) {
      const upper = this.#upper as Inode;
      return upper
        .entries()
        .filter((entry) => !this.#hides(upper, entry))
        .map(({ name, ino, type }) => ({ name, ino: ino * 2 + 1, type }));
    }
    if (this.#upper === undefined) return this.#lower.entries().map(({ name, ino, type }) => ({ name, ino: ino * 2, type }));
    const out: DirEntry[] = [];
    const seen = new Set<string>();
    for (const entry of this.#upper.entries()) {
      seen.add(entry.name);
      if (!this.#hides(this.#upper, entry)) out.push({ ...entry, ino: this.lookup(entry.name)?.ino ?? entry.ino });
    }
    for (const { name, ino, type } of this.#lower.entries()) if (!seen.has(name)) out.push({ name, ino: ino * 2, type });
    return out;
  }

  #hides(upper: Inode, { name, type }: DirEntry): boolean {
    return type === S_IFCHR && isWhiteout(upper.lookup(name) as Inode);
  }

  /** The upper directory, with room for `name`: a whiteout in the place goes. True when there was one. */
  #clear(name: string): boolean {
    const upper = this.#raise();
    const old = upper.lookup(name);
    if (old === undefined || !isWhiteout(old)) return false;
    upper.unlink(name, old);
    return true;
  }

  /** Hides the lower entry after the upper one has gone. */
  #hide(name: string): void {
    if (this.#lowerEntry(name) !== undefined) this.#raise().create(name, S_IFCHR, ROOT, 0);
  }

  override create(name: string, mode: number, owner: Owner, rdev: number): Inode {
    this.#clear(name);
    return this.fs.inode(this.#raise().create(name, mode, owner, rdev), undefined, this, name);
  }

  override mkdir(name: string, mode: number, owner: Owner): Inode {
    const hidden = this.#clear(name);
    const made = this.#raise().mkdir(name, mode, owner);
    if (hidden) made.setxattr(OPAQUE, bytesOf('y'));
    return this.fs.inode(made, undefined, this, name);
  }

  override symlink(name: string, target: string, owner: Owner): Inode {
    this.#clear(name);
    return this.fs.inode(this.#raise().symlink(name, target, owner), undefined, this, name);
  }

  override link(name: string, target: Inode): void {
    const upper = (target as OverlayInode).#raise();
    this.#clear(name);
    this.#raise().link(name, upper);
  }

  override unlink(name: string, target: Inode): void {
    const upper = this.#raise();
    const victim = upper.lookup(name);
    if (victim !== undefined) upper.unlink(name, victim);
    else (target as OverlayInode).#unlinkedBelow = true;
    this.#hide(name);
  }

  /** A lower file whose name is covered: nothing leads to it, though the lower side cannot say so. */
  #unlinkedBelow = false;

  override rmdir(name: string, target: Inode): void {
    this.#empty(name, target as OverlayInode);
    this.#hide(name);
  }

  /** Takes the upper part of an empty directory away. */
  #empty(name: string, target: OverlayInode): void {
    if (target.entries().length > 0) throw ENOTEMPTY;
    const upper = this.#raise();
    const victim = upper.lookup(name);
    if (victim === undefined) return;
    for (const entry of victim.entries()) victim.unlink(entry.name, victim.lookup(entry.name) as Inode);
    upper.rmdir(name, victim);
  }

  override rename(name: string, moved: Inode, to: Inode, toName: string, replaced: Inode | undefined): void {
    const child = moved as OverlayInode;
    const target = to as OverlayInode;
    if (child.isDirectory && child.#lower !== undefined) throw EXDEV;
    const upper = child.#raise();
    if (replaced?.isDirectory === true) target.#empty(toName, replaced as OverlayInode);
    const toUpper = target.#raise();
    const standing = toUpper.lookup(toName);
    if (child.isDirectory) {
      if (standing !== undefined) toUpper.unlink(toName, standing);
      if (target.#lowerEntry(toName) !== undefined) upper.setxattr(OPAQUE, bytesOf('y'));
    }
    this.#raise().rename(name, upper, toUpper, toName, child.isDirectory ? undefined : standing);
    child.placeAt(target, toName);
    this.#hide(name);
  }

  override exchange(name: string, to: Inode, toName: string): void {
    const target = to as OverlayInode;
    const mine = this.lookup(name) as OverlayInode;
    const theirs = target.lookup(toName) as OverlayInode;
    for (const one of [mine, theirs]) if (one.isDirectory && one.#lower !== undefined) throw EXDEV;
    const a = mine.#raise();
    const b = theirs.#raise();
    this.#raise().exchange(name, target.#raise(), toName);
    for (const one of [a, b]) if (isDir(one.mode)) one.setxattr(OPAQUE, bytesOf('y'));
    mine.placeAt(target, toName);
    theirs.placeAt(this, name);
  }

  override tmpfile(mode: number, owner: Owner): Inode {
    return this.fs.inode(this.#raise().tmpfile(mode, owner), undefined, this, '');
  }

  // --- copying up ---

  /** The upper inode, made from the lower one if need be. */
  #raise(content: 'all' | 'none' = 'all'): Inode {
    if (this.#upper !== undefined) return this.#upper;
    const lower = this.#lower as Inode;
    const parent = this.#unlinkedBelow ? this.fs.upper.root : (this.#parent as OverlayInode).#raise();
    const owner = { uid: lower.uid, gid: lower.gid };
    const { mode } = lower;
    const { mtimeNs: parentTime } = parent;
    let upper: Inode;
    if (this.#unlinkedBelow) upper = this.fs.upper.root.tmpfile(mode, owner);
    else if (isDir(mode)) upper = parent.mkdir(this.#name, mode & 0o7777, owner);
    else if (isLnk(mode)) upper = parent.symlink(this.#name, lower.readlink(), owner);
    else upper = parent.create(this.#name, mode, owner, lower.rdev);
    if (isReg(mode) && content === 'all') copyContent(lower, upper);
    for (const name of lower.listxattr()) upper.setxattr(name, lower.getxattr(name));
    if (!isDir(mode)) upper.setxattr(ORIGIN, bytesOf(String(this.ino)));
    if (!isLnk(mode)) upper.setattr({ mode: mode & 0o7777 });
    upper.setattr({ atimeNs: lower.atimeNs, mtimeNs: lower.mtimeNs });
    parent.setattr({ mtimeNs: parentTime });
    this.#upper = upper;
    this.#unlinkedBelow = false;
    this.fs.raised(this, lower, upper);
    if (this.#uses > 0) {
      upper.retain();
      lower.release();
    }
    return upper;
  }

  // --- content and attributes ---

  override readlink(): string {
    return this.#top.readlink();
  }

  override read(offset: number, into: Uint8Array): number {
    return this.#top.read(offset, into);
  }

  override write(offset: number, from: Uint8Array): number {
    return this.#raise().write(offset, from);
  }

  override truncate(size: number): void {
    this.#raise(size === 0 ? 'none' : 'all').truncate(size);
  }

  override backing(): Backing {
    return this.#top.backing();
  }

  override flush(offset: number, length: number): void {
    this.#upper?.flush(offset, length);
  }

  override prepareWrite(): void {
    this.#raise();
  }

  override fsync(): void {
    this.#upper?.fsync();
  }

  override setattr(change: AttrChange): void {
    this.#raise().setattr(change);
  }

  override getxattr(name: string): Uint8Array | undefined {
    return name.startsWith('trusted.overlay.') ? undefined : this.#top.getxattr(name);
  }

  override setxattr(name: string, value: Uint8Array | undefined): void {
    this.#raise().setxattr(name, value);
  }

  override listxattr(): readonly string[] {
    return this.#top.listxattr().filter((name) => !name.startsWith('trusted.overlay.'));
  }

  override retain(): void {
    this.#uses++;
    if (this.#uses === 1) this.#top.retain();
  }

  override release(): void {
    this.#uses--;
    if (this.#uses === 0) this.#top.release();
  }
}

function originOf(upper: Inode): number | undefined {
  if (isDir(upper.mode)) return undefined;
  const origin = upper.getxattr(ORIGIN);
  return origin === undefined ? undefined : Number(byteString(origin));
}

function copyContent(from: Inode, to: Inode): void {
  const buffer = new Uint8Array(Math.min(from.size, 1 << 20));
  for (let at = 0; at < from.size; ) {
    const count = from.read(at, buffer);
    to.write(at, buffer.subarray(0, count));
    at += count;
  }
}
