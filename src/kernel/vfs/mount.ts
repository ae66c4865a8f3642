/**
 * Names in memory: the dentry tree and what is mounted where (mount(2), path_resolution(7)). Every change of a name
 * goes through here, so a cached entry is right until it is dropped; volatile file systems are asked every time.
 */

import { MS_NOATIME, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY, MS_RELATIME } from '../../abi/mount.ts';
import { EBUSY, EINVAL, ENOTDIR } from '../errno.ts';
import type { FileSystem, Inode } from './inode.ts';

export class Dentry {
  name: string;
  /** Itself for the root of a file system. */
  parent: Dentry;
  readonly inode: Inode;
  /** Unlinked or replaced. */
  gone = false;
  /** Mounts that cover this dentry. */
  mounts: Mount[] | undefined;
  #children: Map<string, Dentry> | undefined;

  constructor(name: string, parent: Dentry | undefined, inode: Inode) {
    this.name = name;
    this.parent = parent ?? this;
    this.inode = inode;
  }

  get isRoot(): boolean {
    return this.parent === this;
  }

  child(name: string): Dentry | undefined {
    const known = this.#children?.get(name);
    if (known !== undefined && (!this.inode.fs.volatile || known.mounts !== undefined)) return known;
    const inode = this.inode.lookup(name);
    if (inode === undefined) return undefined;
    if (known !== undefined && known.inode === inode) return known;
    return this.adopt(name, inode);
  }

  /** Names an inode that was found or made. */
  adopt(name: string, inode: Inode): Dentry {
    const child = new Dentry(name, this, inode);
    this.#children ??= new Map();
    if (!this.inode.fs.volatile) this.#children.set(name, child);
    return child;
  }

  /** A child that no name leads to (O_TMPFILE). */
  nameless(name: string, inode: Inode): Dentry {
    const child = new Dentry(name, this, inode);
    child.gone = true;
    return child;
  }

  /** A mount point must stay known on volatile file systems too. */
  pin(): void {
    if (this.isRoot) return;
    this.parent.#children ??= new Map();
    this.parent.#children.set(this.name, this);
  }

  drop(name: string): void {
    const child = this.#children?.get(name);
    if (child === undefined) return;
    child.gone = true;
    this.#children?.delete(name);
  }

  moveTo(parent: Dentry, name: string): void {
    this.parent.#children?.delete(this.name);
    const replaced = parent.#children?.get(name);
    if (replaced !== undefined) replaced.gone = true;
    this.parent = parent;
    this.name = name;
    parent.#children ??= new Map();
    parent.#children.set(name, this);
  }

  swapWith(other: Dentry): void {
    const { parent, name } = this;
    const { parent: otherParent, name: otherName } = other;
    this.parent = otherParent;
    this.name = otherName;
    other.parent = parent;
    other.name = name;
    otherParent.#children?.set(otherName, this);
    parent.#children?.set(name, other);
  }

  isUnder(ancestor: Dentry): boolean {
    for (let at: Dentry = this; ; at = at.parent) {
      if (at === ancestor) return true;
      if (at.isRoot) return false;
    }
  }
}

/** A place in the tree. Immutable. */
export class Path {
  readonly mount: Mount;
  readonly dentry: Dentry;

  constructor(mount: Mount, dentry: Dentry) {
    this.mount = mount;
    this.dentry = dentry;
  }

  get inode(): Inode {
    return this.dentry.inode;
  }

  same(other: Path): boolean {
    return this.mount === other.mount && this.dentry === other.dentry;
  }
}

export class Mount {
  readonly id: number;
  readonly fs: FileSystem;
  readonly root: Dentry;
  readonly source: string;
  /** MS_* that hold for the mount. */
  flags: number;
  /** Where it is mounted; undefined for the root. */
  readonly at: Path | undefined;

  constructor(id: number, fs: FileSystem, root: Dentry, source: string, flags: number, at: Path | undefined) {
    this.id = id;
    this.fs = fs;
    this.root = root;
    this.source = source;
    this.flags = flags;
    this.at = at;
  }

  get readOnly(): boolean {
    return (this.flags & MS_RDONLY) !== 0 || this.fs.readOnly;
  }

  get path(): Path {
    return new Path(this, this.root);
  }

  get optionText(): string {
    const { flags } = this;
    const words = [this.readOnly ? 'ro' : 'rw'];
    if (flags & MS_NOSUID) words.push('nosuid');
    if (flags & MS_NODEV) words.push('nodev');
    if (flags & MS_NOEXEC) words.push('noexec');
    words.push(flags & MS_NOATIME ? 'noatime' : 'relatime');
    return words.join(',');
  }
}

export const MOUNT_FLAGS = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_RELATIME;

/** The mount table of the enclave: one name space for all. */
export class Mounts {
  readonly list: Mount[] = [];
  #nextId = 1;

  get root(): Path {
    return this.list[0].path;
  }

  mountRoot(fs: FileSystem, source: string, flags = 0): Mount {
    if (this.list.length > 0) throw EBUSY;
    const mount = new Mount(this.#nextId++, fs, new Dentry('', undefined, fs.root), source, flags, undefined);
    this.list.push(mount);
    return mount;
  }

  /** Covers `at`. `root` is a dentry of `fs` for bind mounts. */
  mount(at: Path, fs: FileSystem, source: string, flags = 0, root: Dentry = new Dentry('', undefined, fs.root)): Mount {
    if (at.inode.isDirectory !== root.inode.isDirectory) throw ENOTDIR;
    const mount = new Mount(this.#nextId++, fs, root, source, flags, at);
    at.dentry.mounts ??= [];
    at.dentry.mounts.push(mount);
    at.dentry.pin();
    this.list.push(mount);
    return mount;
  }

  unmount(mount: Mount): void {
    const { at } = mount;
    if (at === undefined) throw EINVAL;
    if (this.list.some((other) => other.at?.mount === mount)) throw EBUSY;
    this.list.splice(this.list.indexOf(mount), 1);
    const covering = (at.dentry.mounts ?? []).filter((other) => other !== mount);
    at.dentry.mounts = covering.length === 0 ? undefined : covering;
  }

  /** What is seen at a place: the topmost of the mounts that cover it. */
  top(mount: Mount, dentry: Dentry): Path {
    while (dentry.mounts !== undefined) {
      const covering = dentry.mounts.findLast((other) => other.at?.mount === mount);
      if (covering === undefined) break;
      mount = covering;
      dentry = covering.root;
    }
    return new Path(mount, dentry);
  }
}

/** The absolute name of a place as seen from `root`; `deleted` where it has none any more. */
export function pathName(path: Path, root: Path): { readonly name: string; readonly deleted: boolean; readonly reachable: boolean } {
  let { mount, dentry } = path;
  let name = '';
  let deleted = false;
  while (true) {
    if (mount === root.mount && dentry === root.dentry) break;
    if (dentry === mount.root) {
      if (mount.at === undefined) return { name: name === '' ? '/' : name, deleted, reachable: root.mount.at === undefined && root.dentry === root.mount.root };
      ({ mount, dentry } = mount.at);
      continue;
    }
    if (dentry.gone) deleted = true;
    name = `/${dentry.name}${name}`;
    if (dentry.isRoot) return { name, deleted, reachable: false };
    dentry = dentry.parent;
  }
  return { name: name === '' ? '/' : name, deleted, reachable: true };
}
