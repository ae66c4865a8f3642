/** File operations as the tests call them: over a `Vfs`, or over the host's own file system as the oracle. */

import { AT_FDCWD, O_APPEND, O_CREAT, O_EXCL, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY } from '../../../abi/fcntl.ts';
import { RLIM_INFINITY, RLIM_NLIMITS } from '../../../abi/resource.ts';
import { byteString, bytesOf } from '../../../base/bytes.ts';
import type { Backing, MemoryBackend } from '../../platform.ts';
import { ROOT_CREDS } from '../../task/creds.ts';
import type { Task } from '../../task/task.ts';
import { FsContext } from '../../vfs/context.ts';
import { FdTable } from '../../vfs/fdtable.ts';
import { DirectoryFile } from '../../vfs/file.ts';
import type { FileSystem, Inode } from '../../vfs/inode.ts';
import { lookupAt, startOf } from '../../vfs/names.ts';
import { openAt } from '../../vfs/open.ts';
import { makeDirectory, makeLink, makeSymlink, removeDirectory, removeFile, renameEntry } from '../../vfs/operations.ts';
import { Vfs } from '../../vfs/vfs.ts';

export interface SubjectStat {
  readonly ino: number;
  readonly mode: number;
  readonly nlink: number;
  readonly size: number;
  readonly mtimeMs: number;
}

/** Paths are relative to a fresh directory. Failures throw objects with a `code`. */
export interface Subject {
  write(path: string, text: string, how: 'new' | 'replace' | 'append'): void;
  writeAt(path: string, offset: number, text: string): void;
  read(path: string): string;
  mkdir(path: string): void;
  rmdir(path: string): void;
  unlink(path: string): void;
  rename(from: string, to: string): void;
  link(from: string, to: string): void;
  symlink(target: string, path: string): void;
  readlink(path: string): string;
  stat(path: string): SubjectStat;
  lstat(path: string): SubjectStat;
  list(path: string): string[];
  chmod(path: string, mode: number): void;
  truncate(path: string, size: number): void;
  utimes(path: string, seconds: number): void;
  /** Holds a file open. */
  hold(path: string): { read(): string; write(text: string): void; close(): void };
}

class PlainBacking implements Backing {
  constant = false;
  bytes: Uint8Array;
  size: number;

  constructor(size: number) {
    this.size = size;
    this.bytes = new Uint8Array(Math.ceil(size / 4096) * 4096);
  }

  resize(size: number): void {
    const bytes = new Uint8Array(Math.ceil(size / 4096) * 4096);
    bytes.set(this.bytes.subarray(0, Math.min(this.bytes.length, bytes.length)));
    this.bytes = bytes;
    this.size = size;
  }

  changed(): void {}
  retain(): void {}
  release(): void {}
}

export const plainMemory = { name: 'copy', protects: false, createBacking: (size: number): Backing => new PlainBacking(size) } as unknown as MemoryBackend;

let clockNs = 1_700_000_000_000_000_000n;
export const testClock = (): bigint => (clockNs += 1_000_000n);

/** A task that can make file operations and nothing else. */
export function taskOver(root: FileSystem): Task {
  const vfs = new Vfs(plainMemory);
  vfs.mountRoot(root, 'root');
  const place = vfs.mounts.root;
  const limits = Array.from({ length: RLIM_NLIMITS }, () => ({ soft: RLIM_INFINITY, hard: RLIM_INFINITY }));
  const context = new FsContext(place, place);
  context.umask = 0o022;
  return { creds: ROOT_CREDS, fs: context, fds: new FdTable(), kernel: { files: vfs }, process: { limits, session: {} } } as unknown as Task;
}

export function subjectOver(task: Task): Subject {
  const open = (path: string, flags: number) => openAt(task, startOf(task, AT_FDCWD, path), path, flags, 0o666);
  const using = <T>(path: string, flags: number, work: (file: ReturnType<typeof open>) => T): T => {
    const file = open(path, flags);
    file.retain();
    try {
      return work(file);
    } finally {
      file.release();
    }
  };
  const place = (path: string, links: 'follow' | 'keep' = 'follow'): Inode => lookupAt(task, AT_FDCWD, path, links).inode;
  const statOf = ({ ino, mode, nlink, size, mtimeNs }: Inode): SubjectStat => ({ ino, mode, nlink, size, mtimeMs: Number(mtimeNs / 1_000_000n) });
  const readAll = (file: ReturnType<typeof open>): string => {
    const bytes = new Uint8Array(file.inode.size + 1);
    return byteString(bytes.subarray(0, file.pread(bytes, 0)));
  };
  return {
    write: (path, text, how) => using(path, O_WRONLY | O_CREAT | (how === 'new' ? O_EXCL : how === 'append' ? O_APPEND : O_TRUNC), (file) => void file.write(task, bytesOf(text))),
    writeAt: (path, offset, text) => using(path, O_WRONLY, (file) => void file.pwrite(bytesOf(text), offset)),
    read: (path) => using(path, O_RDONLY, readAll),
    mkdir: (path) => makeDirectory(task, AT_FDCWD, path, 0o777),
    rmdir: (path) => removeDirectory(task, AT_FDCWD, path),
    unlink: (path) => removeFile(task, AT_FDCWD, path),
    rename: (from, to) => renameEntry(task, AT_FDCWD, from, AT_FDCWD, to, 0),
    link: (from, to) => makeLink(task, lookupAt(task, AT_FDCWD, from, 'keep'), AT_FDCWD, to),
    symlink: (target, path) => makeSymlink(task, target, AT_FDCWD, path),
    readlink: (path) => place(path, 'keep').readlink(task),
    stat: (path) => statOf(place(path)),
    lstat: (path) => statOf(place(path, 'keep')),
    list: (path) =>
      using(path, O_RDONLY, (file) => {
        const names: string[] = [];
        if (!(file instanceof DirectoryFile)) throw { code: 'ENOTDIR' };
        for (let at = 2; ; at++) {
          const entry = file.entryAt(at);
          if (entry === undefined) return names.sort();
          names.push(entry.name);
        }
      }),
    chmod: (path, mode) => place(path).setattr({ mode }),
    truncate(path, size) {
      place(path).truncate(size);
    },
    utimes: (path, seconds) => place(path).setattr({ atimeNs: BigInt(seconds) * 1_000_000_000n, mtimeNs: BigInt(seconds) * 1_000_000_000n }),
    hold(path) {
      const file = open(path, O_RDWR);
      file.retain();
      return { read: () => readAll(file), write: (text) => void file.pwrite(bytesOf(text), 0), close: () => file.release() };
    },
  };
}
