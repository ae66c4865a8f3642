/**
 * Files of the untrusted host, as the storage and image layers see them. `pal/` implements these interfaces over the
 * host's file system; tests implement them in memory, with faults. All calls are synchronous. Names and paths are
 * byte strings (one character per byte).
 */

/** What the host answered with; `code` is the host's own (`ENOSPC`, `EIO`, `EACCES` …). */
export class HostFileError extends Error {
  override readonly name = 'HostFileError';
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** An open file, read and written at offsets. Transfers may be short; all calls throw HostFileError. */
export interface HostFile {
  size(): number;
  /** Returns how many bytes were read; 0 only at end of file. */
  read(offset: number, into: Uint8Array): number;
  /** Returns how many bytes were written (at least 1). */
  write(offset: number, from: Uint8Array): number;
  truncate(size: number): void;
  /** What was written survives a crash of the host (fdatasync). */
  sync(): void;
  close(): void;
}

/** A flat directory that holds the files of one store. */
export interface HostDirectory {
  /** `undefined` where there is no such file, except for `create`, which makes an empty one. */
  open(name: string, access: 'read' | 'write' | 'create'): HostFile | undefined;
  list(): readonly string[];
  /** The whole content of a small file, or `undefined` where there is none. */
  load(name: string): Uint8Array | undefined;
  /** Replaces or makes a file so that after a crash either the old or the new content is there, whole. */
  replace(name: string, content: Uint8Array): void;
  remove(name: string): void;
  /** Names made, replaced or removed so far survive a crash of the host. */
  sync(): void;
  /** Takes the store for this process until `release`, or until the process ends, however it ends. `undefined` where another holds it. */
  lock(): HostLock | undefined;
}

export interface HostLock {
  release(): void;
}

export type HostFileType = 'file' | 'directory' | 'symlink' | 'other';

export interface HostStat {
  readonly type: HostFileType;
  /** Permission bits. */
  readonly mode: number;
  readonly size: number;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  /** Together they tell a file from every other one on this host. */
  readonly device: bigint;
  readonly inode: bigint;
}

/** The host's file tree, for building an image from it. Paths are absolute or relative to the working directory. */
export interface HostTree {
  /** Does not follow a symbolic link in the last component. `undefined` where there is nothing. */
  lstat(path: string): HostStat | undefined;
  readlink(path: string): string;
  /** In byte order. */
  readdir(path: string): readonly string[];
  /** For reading. */
  open(path: string): HostFile;
}

/** Reads exactly `into.length` bytes or reports how many there were. */
export function readFully(file: HostFile, offset: number, into: Uint8Array): number {
  let done = 0;
  while (done < into.length) {
    const count = file.read(offset + done, done === 0 ? into : into.subarray(done));
    if (count <= 0) break;
    done += count;
  }
  return done;
}

export function writeFully(file: HostFile, offset: number, from: Uint8Array): void {
  let done = 0;
  while (done < from.length) {
    const count = file.write(offset + done, done === 0 ? from : from.subarray(done));
    if (count <= 0) throw new HostFileError('EIO', 'the host wrote nothing');
    done += count;
  }
}

export function readWhole(file: HostFile): Uint8Array {
  const content = new Uint8Array(file.size());
  return content.subarray(0, readFully(file, 0, content));
}
