/**
 * The host's files through `node:fs`: stores (HostDirectory), trees to build images from (HostTree), and writing a
 * file so that the old one stays until the new one is whole. Paths are byte strings.
 */

import { closeSync, fdatasyncSync, fstatSync, fsyncSync, ftruncateSync, lstatSync, mkdirSync, openSync, readdirSync, readFileSync, readlinkSync, readSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { type HostDirectory, type HostFile, HostFileError, type HostFileType, type HostLock, type HostStat, type HostTree, writeFully } from '../../base/host-files.ts';

const pathOf = (path: string): Buffer => Buffer.from(path, 'latin1');

/** Runs a call of `node:fs` and gives its error our type. */
function host<Result>(call: () => Result): Result {
  try {
    return call();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw code === undefined ? error : new HostFileError(code, message);
  }
}

const isMissing = (error: unknown): boolean => error instanceof HostFileError && (error.code === 'ENOENT' || error.code === 'ENOTDIR');

export class NodeFile implements HostFile {
  readonly #fd: number;
  #open = true;

  /** `flags` as for open(2) in node:fs: `r`, `r+`, `wx+` … */
  constructor(path: string, flags: string) {
    this.#fd = host(() => openSync(pathOf(path), flags, 0o600));
  }

  size(): number {
    return host(() => fstatSync(this.#fd).size);
  }

  read(offset: number, into: Uint8Array): number {
    return host(() => readSync(this.#fd, into, 0, into.length, offset));
  }

  write(offset: number, from: Uint8Array): number {
    return host(() => writeSync(this.#fd, from, 0, from.length, offset));
  }

  truncate(size: number): void {
    host(() => ftruncateSync(this.#fd, size));
  }

  sync(): void {
    host(() => fdatasyncSync(this.#fd));
  }

  close(): void {
    if (this.#open) closeSync(this.#fd);
    this.#open = false;
  }
}

const STALE_MS = 60_000;

/** Removes what processes that were killed left of `writeAtomically` in a directory. */
function sweep(directory: string): void {
  for (const name of readdirSync(pathOf(directory), { encoding: 'latin1' })) {
    const pid = /\.(\d+)\.tmp$/.exec(name)?.[1];
    if (pid === undefined || isAlive(Number(pid))) continue;
    const path = pathOf(`${directory}/${name}`);
    if (Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now()) > STALE_MS) rmSync(path, { force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/** Writes a file beside `path`, then puts it in its place. Returns what `write` returned. */
export function writeAtomically<Result>(path: string, write: (file: HostFile) => Result): Result {
  host(() => sweep(path.replace(/\/?[^/]*$/, '') || (path.startsWith('/') ? '/' : '.')));
  return replaceFile(path, write);
}

export interface StagedFile<Result> {
  readonly result: Result;
  /** Puts it in its place. */
  place(): void;
  /** Removes it, unless it is in its place. */
  drop(): void;
}

/** A file that is whole and safe beside `path`: several of them can take their places together. */
export function stageFile<Result>(path: string, write: (file: HostFile) => Result): StagedFile<Result> {
  const temporary = `${path}.${process.pid}.tmp`;
  const drop = (): void => rmSync(pathOf(temporary), { force: true });
  host(drop);
  const file = new NodeFile(temporary, 'wx+');
  try {
    const result = write(file);
    file.sync();
    return { result, place: () => host(() => renameSync(pathOf(temporary), pathOf(path))), drop };
  } catch (error) {
    drop();
    throw error instanceof HostFileError ? new HostFileError(error.code, `${pathOf(path).toString()}: ${error.message}`) : error;
  } finally {
    file.close();
  }
}

function replaceFile<Result>(path: string, write: (file: HostFile) => Result): Result {
  const { result, place, drop } = stageFile(path, write);
  try {
    place();
  } finally {
    drop();
  }
  return result;
}

const LOCK = 'lock';

export class NodeDirectory implements HostDirectory {
  readonly #path: string;

  /** The directory is made if it is not there. */
  constructor(path: string) {
    this.#path = path;
    host(() => mkdirSync(pathOf(path), { recursive: true, mode: 0o700 }));
    host(() => sweep(path));
  }

  open(name: string, access: 'read' | 'write' | 'create'): HostFile | undefined {
    const path = `${this.#path}/${name}`;
    try {
      return new NodeFile(path, access === 'read' ? 'r' : 'r+');
    } catch (error) {
      if (!isMissing(error)) throw error;
      return access === 'create' ? new NodeFile(path, 'wx+') : undefined;
    }
  }

  list(): readonly string[] {
    return host(() => readdirSync(pathOf(this.#path), { encoding: 'latin1' }))
      .filter((name) => name !== LOCK)
      .sort();
  }

  load(name: string): Uint8Array | undefined {
    try {
      return host(() => readFileSync(pathOf(`${this.#path}/${name}`)));
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  replace(name: string, content: Uint8Array): void {
    replaceFile(`${this.#path}/${name}`, (file) => writeFully(file, 0, content));
  }

  remove(name: string): void {
    host(() => rmSync(pathOf(`${this.#path}/${name}`), { force: true }));
  }

  /** Flushes the directory's own entries: names made or replaced so far survive a crash of the host. */
  sync(): void {
    const fd = host(() => openSync(pathOf(this.#path), 'r'));
    try {
      host(() => fsyncSync(fd));
    } finally {
      closeSync(fd);
    }
  }

  /**
   * A lock that the host's kernel drops when the process ends, however it ends. Node has no flock(2); SQLite's
   * exclusive transaction on an empty database takes fcntl(2) locks.
   */
  lock(): HostLock | undefined {
    const { DatabaseSync: Database } = process.getBuiltinModule('node:sqlite');
    let database: DatabaseSync | undefined;
    try {
      database = new Database(Buffer.from(`${this.#path}/${LOCK}`, 'latin1'));
      database.exec('PRAGMA busy_timeout = 0; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
    } catch (error) {
      database?.close();
      if ((error as { errcode?: number }).errcode === 5) return undefined;
      throw new HostFileError('ENOLCK', `cannot lock ${this.#path}: ${(error as Error).message}`);
    }
    const held = database;
    return { release: () => held.close() };
  }
}

const typeOf = (stat: { isFile(): boolean; isDirectory(): boolean; isSymbolicLink(): boolean }): HostFileType => (stat.isFile() ? 'file' : stat.isDirectory() ? 'directory' : stat.isSymbolicLink() ? 'symlink' : 'other');

export const nodeTree: HostTree = {
  lstat(path: string): HostStat | undefined {
    try {
      const stat = host(() => lstatSync(pathOf(path), { bigint: true }));
      return { type: typeOf(stat), mode: Number(stat.mode & 0o7777n), size: Number(stat.size), mtimeNs: stat.mtimeNs, ctimeNs: stat.ctimeNs, device: stat.dev, inode: stat.ino };
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  },
  readlink: (path) => host(() => readlinkSync(pathOf(path), { encoding: 'buffer' })).toString('latin1'),
  readdir: (path) => host(() => readdirSync(pathOf(path), { encoding: 'latin1' })).sort(),
  open: (path) => new NodeFile(path, 'r'),
};
