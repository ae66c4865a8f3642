/**
 * Inodes and file systems (inode(7)). A file system implements the operations of its inodes; everything that is the
 * same for all of them (names, permissions, mounts, open files) is done above, in `walk`, `perm`, `mount` and `operations`.
 */

import { isDir, isLnk, isReg, S_IFMT } from '../../abi/stat.ts';
import { EINVAL, EISDIR, ENODEV, ENOTDIR, EOPNOTSUPP, EPERM, EROFS } from '../errno.ts';
import type { Mappable } from '../mm/vma.ts';
import type { Task } from '../task/task.ts';
import type { OpenFile } from './file.ts';
import type { FileLocks } from './locks.ts';
import type { Watchers } from './notify.ts';
import type { Path } from './mount.ts';

export interface FsStat {
  readonly magic: number;
  readonly blockSize: number;
  readonly blocks: number;
  readonly blocksFree: number;
  readonly files: number;
  readonly filesFree: number;
}

export interface FileSystem {
  /** As /proc/mounts names it. */
  readonly type: string;
  readonly dev: number;
  readonly root: Inode;
  readonly readOnly: boolean;
  /** Entries appear and vanish by themselves: look up every time. */
  readonly volatile: boolean;
  /** What to add to the mount options in /proc/mounts. */
  readonly options?: string;
  statfs(): FsStat;
  sync(): void;
}

export interface DirEntry {
  readonly name: string;
  readonly ino: number;
  /** S_IFMT bits. */
  readonly type: number;
}

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

export type AttrChange = { mode?: number; uid?: number; gid?: number; atimeNs?: bigint; mtimeNs?: bigint; ctimeNs?: bigint };

/** Any object of a file system. The defaults refuse: each kind overrides what it can do. */
export abstract class Inode implements Mappable {
  abstract readonly fs: FileSystem;
  abstract readonly ino: number;
  abstract get mode(): number;
  abstract get uid(): number;
  abstract get gid(): number;
  abstract get nlink(): number;
  abstract get size(): number;
  abstract get rdev(): number;
  abstract get atimeNs(): bigint;
  abstract get mtimeNs(): bigint;
  abstract get ctimeNs(): bigint;

  /** Open descriptions that may write; a file with some cannot be executed. */
  writers = 0;
  /** Running programs made of this file; it cannot be opened for writing. */
  executions = 0;
  /** flock(2) and fcntl(2) locks, when there were some. */
  locks: FileLocks | undefined;
  /** inotify(7) watches, when there are some. */
  watchers: Watchers | undefined;

  get dev(): number {
    return this.fs.dev;
  }

  get type(): number {
    return this.mode & S_IFMT;
  }

  /** In units of 512 bytes. */
  get blocks(): number {
    return Math.ceil(this.size / 4096) * 8;
  }

  get blockSize(): number {
    return 4096;
  }

  // --- directories ---

  lookup(_name: string): Inode | undefined {
    throw ENOTDIR;
  }

  /** Without `.` and `..`. */
  entries(): readonly DirEntry[] {
    throw ENOTDIR;
  }

  create(_name: string, _mode: number, _owner: Owner, _rdev: number): Inode {
    throw EPERM;
  }

  mkdir(_name: string, _mode: number, _owner: Owner): Inode {
    throw EPERM;
  }

  symlink(_name: string, _target: string, _owner: Owner): Inode {
    throw EPERM;
  }

  link(_name: string, _target: Inode): void {
    throw EPERM;
  }

  unlink(_name: string, _target: Inode): void {
    throw EPERM;
  }

  rmdir(_name: string, _target: Inode): void {
    throw EPERM;
  }

  /** Moves an entry of this directory; the caller has checked that `replaced` may go. */
  rename(_name: string, _moved: Inode, _to: Inode, _toName: string, _replaced: Inode | undefined): void {
    throw EPERM;
  }

  exchange(_name: string, _to: Inode, _toName: string): void {
    throw EINVAL;
  }

  /** An unnamed regular file (O_TMPFILE). */
  tmpfile(_mode: number, _owner: Owner): Inode {
    throw EOPNOTSUPP;
  }

  // --- symbolic links ---

  readlink(_task?: Task): string {
    throw EINVAL;
  }

  /** Links of /proc that lead somewhere whatever their text says. */
  jump(_task: Task): Path | undefined {
    return undefined;
  }

  // --- content ---

  /** Fewer bytes than asked for only at end of file. */
  read(_offset: number, _into: Uint8Array): number {
    throw isDir(this.mode) ? EISDIR : EINVAL;
  }

  write(_offset: number, _from: Uint8Array): number {
    throw isDir(this.mode) ? EISDIR : EINVAL;
  }

  /** It is being opened for writing. */
  prepareWrite(): void {}

  truncate(_size: number): void {
    throw isDir(this.mode) ? EISDIR : EINVAL;
  }

  /** Zeroes a range that lies inside the file. */
  punch(offset: number, length: number): void {
    const zeros = new Uint8Array(Math.min(length, 65536));
    for (let at = 0; at < length; at += zeros.length) this.write(offset + at, zeros.subarray(0, Math.min(zeros.length, length - at)));
  }

  backing(): import('../platform.ts').Backing {
    throw ENODEV;
  }

  flush(_offset: number, _length: number): void {}

  fsync(): void {}

  // --- attributes ---

  setattr(_change: AttrChange): void {
    throw this.fs.readOnly ? EROFS : EPERM;
  }

  getxattr(_name: string): Uint8Array | undefined {
    return undefined;
  }

  setxattr(_name: string, _value: Uint8Array | undefined): void {
    throw EOPNOTSUPP;
  }

  listxattr(): readonly string[] {
    return [];
  }

  // --- use ---

  /** The open description for inodes that are not plain files, directories, pipes or registered devices. */
  open(_task: Task, _path: Path, _flags: number): OpenFile | undefined {
    return undefined;
  }

  /** One more, one less open description or mapping: an inode without names lives until the last. */
  retain(): void {}

  release(): void {}

  /** What an inode must be for the wanted operation. */
  mustBeDirectory(): void {
    if (!isDir(this.mode)) throw ENOTDIR;
  }

  get isDirectory(): boolean {
    return isDir(this.mode);
  }

  get isRegular(): boolean {
    return isReg(this.mode);
  }

  get isSymlink(): boolean {
    return isLnk(this.mode);
  }
}

/** Numbers for st_dev of file systems without a device (major 0), as Linux gives them out. */
let lastAnonymousDevice = 20;
export const anonymousDevice = (): number => ++lastAnonymousDevice;
