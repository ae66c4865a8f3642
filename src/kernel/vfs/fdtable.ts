/** File descriptors of a process (open(2), dup(2), fcntl(2)). Shared after clone(CLONE_FILES); also the owner of POSIX record locks. */

import type { Fd } from '../../base/flavor.ts';
import { EBADF, EMFILE } from '../errno.ts';
import type { OpenFile } from './file.ts';

export class FdTable {
  readonly #files: (OpenFile | undefined)[] = [];
  readonly #cloexec: boolean[] = [];
  /** No free descriptor below. */
  #lowest = 0;
  #users = 1;

  get(fd: Fd): OpenFile {
    const file = this.#files[fd];
    if (file === undefined) throw EBADF;
    return file;
  }

  /** As `get`, but not for descriptors made with O_PATH. */
  getUsable(fd: Fd): OpenFile {
    const file = this.#files[fd];
    if (file === undefined || file.isPath) throw EBADF;
    return file;
  }

  has(fd: Fd): boolean {
    return this.#files[fd] !== undefined;
  }

  get size(): number {
    return this.#files.length;
  }

  /** Open descriptors in ascending order. */
  *[Symbol.iterator](): IterableIterator<[Fd, OpenFile]> {
    for (let fd = 0; fd < this.#files.length; fd++) {
      const file = this.#files[fd];
      if (file !== undefined) yield [fd, file];
    }
  }

  /** The lowest free descriptor from `from` on; EMFILE at `limit`. Takes a reference. */
  install(file: OpenFile, limit: number, closeOnExec: boolean, from: Fd = 0): Fd {
    let fd = Math.max(from, this.#lowest);
    while (this.#files[fd] !== undefined) fd++;
    if (fd >= limit) throw EMFILE;
    if (from <= this.#lowest) this.#lowest = fd + 1;
    this.#put(fd, file, closeOnExec);
    return fd;
  }

  /** Whether `count` more would fit. */
  reserve(count: number, limit: number): void {
    let free = 0;
    for (let fd = this.#lowest; fd < limit && free < count; fd++) if (this.#files[fd] === undefined) free++;
    if (free < count) throw EMFILE;
  }

  /** Puts a file at a given number and closes what was there. */
  replace(fd: Fd, file: OpenFile, closeOnExec: boolean): void {
    const old = this.#files[fd];
    this.#put(fd, file, closeOnExec);
    if (old !== undefined) this.#drop(old);
  }

  #put(fd: Fd, file: OpenFile, closeOnExec: boolean): void {
    // No holes: an array with them is a dictionary to the engine.
    while (this.#files.length < fd) {
      this.#files.push(undefined);
      this.#cloexec.push(false);
    }
    file.retain();
    this.#files[fd] = file;
    this.#cloexec[fd] = closeOnExec;
  }

  close(fd: Fd): void {
    const file = this.#files[fd];
    if (file === undefined) throw EBADF;
    this.#files[fd] = undefined;
    if (fd < this.#lowest) this.#lowest = fd;
    this.#drop(file);
  }

  #drop(file: OpenFile): void {
    file.inode.locks?.releasePosix(this);
    file.release();
  }

  isCloseOnExec(fd: Fd): boolean {
    this.get(fd);
    return this.#cloexec[fd];
  }

  setCloseOnExec(fd: Fd, on: boolean): void {
    this.get(fd);
    this.#cloexec[fd] = on;
  }

  closeOnExec(): void {
    for (let fd = 0; fd < this.#files.length; fd++) if (this.#files[fd] !== undefined && this.#cloexec[fd]) this.close(fd);
  }

  get shared(): boolean {
    return this.#users > 1;
  }

  share(): FdTable {
    this.#users++;
    return this;
  }

  fork(): FdTable {
    const copy = new FdTable();
    for (let fd = 0; fd < this.#files.length; fd++) {
      const file = this.#files[fd];
      file?.retain();
      copy.#files.push(file);
      copy.#cloexec.push(this.#cloexec[fd]);
    }
    copy.#lowest = this.#lowest;
    return copy;
  }

  release(): void {
    this.#users--;
    if (this.#users > 0) return;
    for (let fd = 0; fd < this.#files.length; fd++) if (this.#files[fd] !== undefined) this.close(fd);
    this.#files.length = 0;
  }
}
