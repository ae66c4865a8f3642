/** Opening programs for execve(2): implements the loader's `OpenExec`. */

import { AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW } from '../../abi/fcntl.ts';
import { MS_NOEXEC, MS_NOSUID } from '../../abi/mount.ts';
import { isLnk, isReg } from '../../abi/stat.ts';
import { EACCES, ELOOP, ENOENT, ETXTBSY } from '../errno.ts';
import type { ExecFile } from '../loader/file.ts';
import type { Backing } from '../platform.ts';
import type { Task } from '../task/task.ts';
import type { Inode } from './inode.ts';
import { type Path, pathName } from './mount.ts';
import { lookupAt, placeOf } from './names.ts';
import { MAY_EXEC, needAccess } from './perm.ts';

class Program implements ExecFile {
  readonly path: string;
  readonly nosuid: boolean;
  readonly #inode: Inode;
  #uses = 0;

  constructor(path: string, place: Path) {
    this.path = path;
    this.nosuid = (place.mount.flags & MS_NOSUID) !== 0;
    this.#inode = place.inode;
  }

  get mode(): number {
    return this.#inode.mode;
  }

  get uid(): number {
    return this.#inode.uid;
  }

  get gid(): number {
    return this.#inode.gid;
  }

  get size(): number {
    return this.#inode.size;
  }

  get dev(): number {
    return this.#inode.dev;
  }

  get ino(): number {
    return this.#inode.ino;
  }

  backing(): Backing {
    return this.#inode.backing();
  }

  read(offset: number, into: Uint8Array): number {
    return this.#inode.read(offset, into);
  }

  /** While it runs nobody may write it. */
  retain(): void {
    this.#uses++;
    this.#inode.executions++;
    this.#inode.retain();
  }

  release(): void {
    if (this.#uses === 0) return;
    this.#uses--;
    this.#inode.executions--;
    this.#inode.release();
  }
}

export function openExec(task: Task, dirfd: number, name: string, flags: number): ExecFile {
  if (name === '' && (flags & AT_EMPTY_PATH) === 0) throw ENOENT;
  const place = name === '' ? placeOf(task, dirfd) : lookupAt(task, dirfd, name, (flags & AT_SYMLINK_NOFOLLOW) !== 0 ? 'keep' : 'follow');
  const { inode } = place;
  if (isLnk(inode.mode)) throw ELOOP;
  if (!isReg(inode.mode) || (place.mount.flags & MS_NOEXEC) !== 0) throw EACCES;
  needAccess(task.creds, inode, MAY_EXEC);
  if (inode.writers > 0) throw ETXTBSY;
  return new Program(pathName(place, task.fs.root).name, place);
}
