/** Generated inodes: directories, texts and links that are made when they are looked at. What procfs and sysfs consist of. */

import { S_IFDIR, S_IFLNK, S_IFREG } from '../../abi/stat.ts';
import { bytesOf } from '../../base/bytes.ts';
import { EACCES, EINVAL, EISDIR } from '../errno.ts';
import type { SysResult } from '../result.ts';
import type { Task } from '../task/task.ts';
import { NamedFile, type OpenFile, seekIn } from '../vfs/file.ts';
import { type DirEntry, type FileSystem, Inode } from '../vfs/inode.ts';
import type { Path } from '../vfs/mount.ts';

export abstract class Node extends Inode {
  readonly fs: FileSystem;
  readonly ino: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly rdev = 0;
  readonly nlink: number = 1;
  readonly size = 0;

  constructor(fs: FileSystem, ino: number, mode: number, uid = 0, gid = 0) {
    super();
    this.fs = fs;
    this.ino = ino;
    this.mode = mode;
    this.uid = uid;
    this.gid = gid;
  }

  override get blocks(): number {
    return 0;
  }

  /** A moment that does not change from look to look. */
  get mtimeNs(): bigint {
    return BOOT.ns;
  }

  get atimeNs(): bigint {
    return BOOT.ns;
  }

  get ctimeNs(): bigint {
    return BOOT.ns;
  }
}

/** Time stamp of generated files: when the enclave was started. */
export const BOOT = { ns: 0n };

/** A file whose content is made at its first read and after each rewind. */
export class TextNode extends Node {
  readonly text: (task: Task) => string;
  readonly take: ((task: Task, text: Uint8Array) => void) | undefined;

  constructor(fs: FileSystem, ino: number, permissions: number, text: (task: Task) => string, take?: (task: Task, text: Uint8Array) => void, uid = 0, gid = 0) {
    super(fs, ino, S_IFREG | permissions, uid, gid);
    this.text = text;
    this.take = take;
  }

  override open(task: Task, path: Path, flags: number): OpenFile {
    return new TextFile(this, path, flags, task);
  }

  override truncate(): void {}
}

class TextFile extends NamedFile {
  override readonly seekable: boolean = true;
  readonly #node: TextNode;
  readonly #opener: Task;
  #content: Uint8Array | undefined;

  constructor(node: TextNode, path: Path, flags: number, opener: Task) {
    super(node, path, flags);
    this.#node = node;
    this.#opener = opener;
  }

  #at(offset: number): Uint8Array {
    if (offset === 0 || this.#content === undefined) this.#content = bytesOf(this.#node.text(this.#opener));
    return this.#content;
  }

  override read(_task: Task, into: Uint8Array): SysResult {
    const count = this.pread(into, this.position);
    this.position += count;
    return count;
  }

  override pread(into: Uint8Array, offset: number): number {
    const part = this.#at(offset).subarray(offset, offset + into.length);
    into.set(part);
    return part.length;
  }

  override write(task: Task, from: Uint8Array): SysResult {
    if (this.#node.take === undefined) throw EACCES;
    this.#node.take(task, from.slice());
    this.position += from.length;
    return from.length;
  }

  override seek(offset: number, whence: number): number {
    if (whence === 2) throw EINVAL;
    this.position = seekIn(this.position, 0, offset, whence);
    return this.position;
  }
}

export class LinkNode extends Node {
  readonly #target: (task: Task | undefined) => string;
  readonly #jump: ((task: Task) => Path | undefined) | undefined;

  constructor(fs: FileSystem, ino: number, target: (task: Task | undefined) => string, jump?: (task: Task) => Path | undefined, permissions = 0o777, uid = 0, gid = 0) {
    super(fs, ino, S_IFLNK | permissions, uid, gid);
    this.#target = target;
    this.#jump = jump;
  }

  override readlink(task?: Task): string {
    return this.#target(task);
  }

  override jump(task: Task): Path | undefined {
    return this.#jump?.(task);
  }
}

export interface Listed {
  readonly name: string;
  readonly node: Inode;
}

/** A directory of generated nodes. */
export class DirNode extends Node {
  override readonly nlink = 2;
  readonly #find: (name: string) => Inode | undefined;
  readonly #list: () => readonly Listed[];

  constructor(fs: FileSystem, ino: number, find: (name: string) => Inode | undefined, list: () => readonly Listed[], permissions = 0o555, uid = 0, gid = 0) {
    super(fs, ino, S_IFDIR | permissions, uid, gid);
    this.#find = find;
    this.#list = list;
  }

  override lookup(name: string): Inode | undefined {
    return this.#find(name);
  }

  override entries(): readonly DirEntry[] {
    return this.#list().map(({ name, node }) => ({ name, ino: node.ino, type: node.type }));
  }

  override read(): number {
    throw EISDIR;
  }
}

/** A directory whose entries are a fixed record of makers. */
export function fixedDirectory(fs: FileSystem, ino: number, entries: Readonly<Record<string, (ino: number) => Inode>>, permissions = 0o555, uid = 0, gid = 0): DirNode {
  const names = Object.keys(entries);
  const make = (name: string): Inode | undefined => (Object.hasOwn(entries, name) ? entries[name](ino + 1 + names.indexOf(name)) : undefined);
  return new DirNode(fs, ino, make, () => names.map((name) => ({ name, node: make(name) as Inode })), permissions, uid, gid);
}
