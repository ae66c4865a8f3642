/** tmpfs(5): files in memory. Also memfd_create(2) files, with their seals, and the upper side of tests. */

import { F_SEAL_FUTURE_WRITE, F_SEAL_GROW, F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_WRITE } from '../../abi/fcntl.ts';
import { FS_MAGIC } from '../../abi/mount.ts';
import { S_IFDIR, S_IFLNK, S_IFMT } from '../../abi/stat.ts';
import { EINVAL, EISDIR, ENOTEMPTY, EPERM } from '../errno.ts';
import type { Backing, MemoryBackend } from '../platform.ts';
import { anonymousDevice, type AttrChange, type DirEntry, type FileSystem, type FsStat, Inode, type Owner } from '../vfs/inode.ts';
import { Chunks, type SpaceAccount } from './chunks.ts';

export interface TmpfsOptions {
  readonly memory: MemoryBackend;
  readonly now: () => bigint;
  readonly charge?: (bytes: number) => void;
  readonly limitBytes?: number;
  /** Permissions of the root directory; default 1777. */
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly type?: string;
}

export class Tmpfs implements FileSystem {
  readonly type: string;
  readonly dev = anonymousDevice();
  readonly root: TmpfsInode;
  readonly readOnly = false;
  readonly volatile = false;
  readonly memory: MemoryBackend;
  readonly now: () => bigint;
  readonly account: SpaceAccount;
  inodes = 0;
  #lastIno = 0;

  constructor(options: TmpfsOptions) {
    this.type = options.type ?? 'tmpfs';
    this.memory = options.memory;
    this.now = options.now;
    this.account = { usedBytes: 0, limitBytes: options.limitBytes ?? Number.POSITIVE_INFINITY, ...(options.charge && { charge: options.charge }) };
    this.root = new TmpfsInode(this, S_IFDIR | (options.mode ?? 0o1777), { uid: options.uid ?? 0, gid: options.gid ?? 0 }, 0);
    this.root.parentLinks = 2;
  }

  newIno(): number {
    return ++this.#lastIno;
  }

  statfs(): FsStat {
    const { usedBytes, limitBytes } = this.account;
    const blocks = limitBytes === Number.POSITIVE_INFINITY ? 0x1000_0000 : Math.floor(limitBytes / 4096);
    return { magic: FS_MAGIC.tmpfs, blockSize: 4096, blocks, blocksFree: Math.max(blocks - Math.ceil(usedBytes / 4096), 0), files: 0x10_0000, filesFree: Math.max(0x10_0000 - this.inodes, 0) };
  }

  sync(): void {}
}

const OTHER_DATA = { usedBytes: 0, limitBytes: Number.POSITIVE_INFINITY };

export class TmpfsInode extends Inode {
  readonly fs: Tmpfs;
  readonly ino: number;
  mode: number;
  uid: number;
  gid: number;
  readonly rdev: number;
  atimeNs: bigint;
  mtimeNs: bigint;
  ctimeNs: bigint;
  /** Names that lead here, for directories: their own and those of their children. */
  parentLinks = 0;
  /** F_SEAL_*; only memfd_create(2) files may get some. */
  seals = F_SEAL_SEAL;
  target = '';
  readonly data: Chunks;
  readonly #entries: Map<string, TmpfsInode> | undefined;
  #xattrs: Map<string, Uint8Array> | undefined;
  #uses = 0;

  constructor(fs: Tmpfs, mode: number, owner: Owner, rdev: number) {
    super();
    this.fs = fs;
    this.ino = fs.newIno();
    fs.inodes++;
    this.mode = mode;
    this.uid = owner.uid;
    this.gid = owner.gid;
    this.rdev = rdev;
    this.atimeNs = this.mtimeNs = this.ctimeNs = fs.now();
    this.#entries = this.isDirectory ? new Map() : undefined;
    this.data = this.isRegular ? new Chunks(fs.account) : new Chunks(OTHER_DATA);
  }

  get nlink(): number {
    return this.parentLinks;
  }

  get size(): number {
    if (this.#entries !== undefined) return (this.#entries.size + 2) * 20;
    return this.isSymlink ? this.target.length : this.data.size;
  }

  override get blocks(): number {
    return Math.ceil(this.data.heldBytes / 4096) * 8;
  }

  /** Gives the whole tree one time stamp. */
  stampAll(ns: bigint): void {
    this.atimeNs = this.mtimeNs = this.ctimeNs = ns;
    for (const child of this.#entries?.values() ?? []) child.stampAll(ns);
  }

  get #children(): Map<string, TmpfsInode> {
    if (this.#entries === undefined) {
      this.mustBeDirectory();
      throw EINVAL;
    }
    return this.#entries;
  }

  override lookup(name: string): TmpfsInode | undefined {
    return this.#children.get(name);
  }

  override entries(): readonly DirEntry[] {
    return [...this.#children].map(([name, child]) => ({ name, ino: child.ino, type: child.mode & S_IFMT }));
  }

  #changed(): void {
    this.mtimeNs = this.ctimeNs = this.fs.now();
  }

  #add(name: string, child: TmpfsInode): TmpfsInode {
    this.#children.set(name, child);
    child.parentLinks++;
    if (child.isDirectory) {
      child.parentLinks++;
      this.parentLinks++;
    }
    this.#changed();
    return child;
  }

  /** Takes an entry away; its inode goes when nothing uses it. */
  #remove(name: string, child: TmpfsInode): void {
    this.#children.delete(name);
    if (child.isDirectory) {
      child.parentLinks = 0;
      this.parentLinks--;
    } else child.parentLinks--;
    this.#changed();
    child.ctimeNs = this.ctimeNs;
    child.#reclaim();
  }

  override create(name: string, mode: number, owner: Owner, rdev: number): Inode {
    return this.#add(name, new TmpfsInode(this.fs, mode, owner, rdev));
  }

  override mkdir(name: string, mode: number, owner: Owner): Inode {
    return this.#add(name, new TmpfsInode(this.fs, S_IFDIR | mode, owner, 0));
  }

  override symlink(name: string, target: string, owner: Owner): Inode {
    const link = new TmpfsInode(this.fs, S_IFLNK | 0o777, owner, 0);
    link.target = target;
    return this.#add(name, link);
  }

  override link(name: string, target: Inode): void {
    const child = target as TmpfsInode;
    this.#add(name, child);
    child.ctimeNs = this.fs.now();
  }

  override unlink(name: string, target: Inode): void {
    this.#remove(name, target as TmpfsInode);
  }

  override rmdir(name: string, target: Inode): void {
    const child = target as TmpfsInode;
    if (child.#children.size > 0) throw ENOTEMPTY;
    this.#remove(name, child);
  }

  override rename(name: string, moved: Inode, to: Inode, toName: string, replaced: Inode | undefined): void {
    const child = moved as TmpfsInode;
    const target = to as TmpfsInode;
    if (replaced !== undefined) {
      const old = replaced as TmpfsInode;
      if (old.isDirectory && old.#children.size > 0) throw ENOTEMPTY;
      target.#remove(toName, old);
    }
    this.#children.delete(name);
    target.#children.set(toName, child);
    if (child.isDirectory && target !== this) {
      this.parentLinks--;
      target.parentLinks++;
    }
    this.#changed();
    target.#changed();
    child.ctimeNs = this.fs.now();
  }

  override exchange(name: string, to: Inode, toName: string): void {
    const target = to as TmpfsInode;
    const mine = this.#children.get(name) as TmpfsInode;
    const theirs = target.#children.get(toName) as TmpfsInode;
    this.#children.set(name, theirs);
    target.#children.set(toName, mine);
    if (target !== this) {
      const delta = (theirs.isDirectory ? 1 : 0) - (mine.isDirectory ? 1 : 0);
      this.parentLinks += delta;
      target.parentLinks -= delta;
    }
    this.#changed();
    target.#changed();
  }

  override tmpfile(mode: number, owner: Owner): Inode {
    return new TmpfsInode(this.fs, mode, owner, 0);
  }

  override readlink(): string {
    if (!this.isSymlink) throw EINVAL;
    return this.target;
  }

  override read(offset: number, into: Uint8Array): number {
    if (this.isDirectory) throw EISDIR;
    return this.data.read(offset, into);
  }

  override write(offset: number, from: Uint8Array): number {
    if ((this.seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) !== 0) throw EPERM;
    if ((this.seals & F_SEAL_GROW) !== 0 && offset + from.length > this.size) throw EPERM;
    if (from.length === 0) return 0;
    const count = this.data.write(offset, from);
    this.#changed();
    return count;
  }

  override truncate(size: number): void {
    if (this.isDirectory) throw EISDIR;
    if (((this.seals & F_SEAL_SHRINK) !== 0 && size < this.size) || ((this.seals & F_SEAL_GROW) !== 0 && size > this.size)) throw EPERM;
    this.data.truncate(size);
    this.#changed();
  }

  override backing(): Backing {
    return this.data.backing(this.fs.memory);
  }

  override setattr(change: AttrChange): void {
    if (change.mode !== undefined) this.mode = (this.mode & S_IFMT) | change.mode;
    if (change.uid !== undefined) this.uid = change.uid;
    if (change.gid !== undefined) this.gid = change.gid;
    if (change.atimeNs !== undefined) this.atimeNs = change.atimeNs;
    if (change.mtimeNs !== undefined) this.mtimeNs = change.mtimeNs;
    this.ctimeNs = change.ctimeNs ?? this.fs.now();
  }

  override getxattr(name: string): Uint8Array | undefined {
    return this.#xattrs?.get(name);
  }

  override setxattr(name: string, value: Uint8Array | undefined): void {
    this.#xattrs ??= new Map();
    if (value === undefined) this.#xattrs.delete(name);
    else this.#xattrs.set(name, value);
    this.ctimeNs = this.fs.now();
  }

  override listxattr(): readonly string[] {
    return [...(this.#xattrs?.keys() ?? [])];
  }

  override fsync(): void {}

  override retain(): void {
    this.#uses++;
  }

  override release(): void {
    this.#uses--;
    this.#reclaim();
  }

  #reclaim(): void {
    if (this.nlink > 0 || this.#uses > 0) return;
    if (this.data.heldBytes > 0) this.data.dispose();
    this.fs.inodes--;
  }
}
