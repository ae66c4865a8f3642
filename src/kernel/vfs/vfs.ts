/**
 * The file side of the kernel: the mount table, the clock of time stamps, the devices that can be opened, and what the
 * kernel's core asks of files when it starts a program.
 */

import { F_SEAL_FUTURE_WRITE, F_SEAL_WRITE } from '../../abi/fcntl.ts';
import { MS_NOEXEC } from '../../abi/mount.ts';
import { isDir } from '../../abi/stat.ts';
import { EBADF, ENOSPC, ENOTDIR, ENXIO, EPERM } from '../errno.ts';
import type { HostStream } from '../host.ts';
import type { Kernel } from '../kernel.ts';
import type { FileSide } from '../kernel.ts';
import { BOOT } from '../fs/nodes.ts';
import { Tmpfs, TmpfsInode } from '../fs/tmpfs.ts';
import { PidFile } from '../ipc/pidfd.ts';
import type { MappingSource } from '../syscalls/mmap.ts';
import type { MemoryBackend } from '../platform.ts';
import type { Process, Task } from '../task/task.ts';
import { RLIMIT } from '../../abi/resource.ts';
import { FsContext } from './context.ts';
import { openExec } from './exec.ts';
import { FdTable } from './fdtable.ts';
import type { OpenFile } from './file.ts';
import type { FileSystem } from './inode.ts';
import { type Mount, Mounts, type Path, pathName } from './mount.ts';

export type OpenDevice = (task: Task, path: Path, flags: number) => OpenFile;

/** What makes the stdio of a root process; `ipc/stdio` implements it. */
export interface Stdio {
  open(kernel: Kernel, streams: readonly [HostStream, HostStream, HostStream], terminal: boolean): [OpenFile, OpenFile, OpenFile];
  adoptTerminal(task: Task): void;
  polled(): void;
  resized(terminal: HostStream, rows: number, columns: number): void;
}

export class Vfs implements FileSide {
  readonly memory: MemoryBackend;
  /** Known from the first process on. */
  kernel!: Kernel;
  readonly mounts = new Mounts();
  /** Character devices by number. */
  readonly devices = new Map<number, OpenDevice>();
  stdio: Stdio | undefined;
  readonly openExec = openExec;
  #nowNs = 0n;
  #nowAt = Number.NEGATIVE_INFINITY;

  constructor(memory: MemoryBackend) {
    this.memory = memory;
  }

  /** File contents in memory are memory of the enclave. Throws ENOSPC. */
  readonly charge = (bytes: number): void => {
    const { account } = this.kernel;
    if (bytes > 0 && account.committedBytes + bytes > account.limitBytes) throw ENOSPC;
    account.committedBytes += bytes;
  };

  /** CLOCK_REALTIME_COARSE in nanoseconds: file systems stamp with it, as Linux does. */
  now(): bigint {
    if (this.kernel === undefined) return 0n;
    const { host } = this.kernel;
    const monotonic = host.monotonicNs();
    if (monotonic - this.#nowAt > 1e6) {
      this.#nowAt = monotonic;
      this.#nowNs = BigInt(Math.floor(host.realtimeNs()));
    }
    return this.#nowNs;
  }

  mountRoot(fs: FileSystem, source: string, flags = 0): Mount {
    return this.mounts.mountRoot(fs, source, flags);
  }

  /** Mounts at an absolute path that must exist. For boot; the guest's mount(2) checks more. */
  mountAt(path: string, fs: FileSystem, source: string, flags = 0): Mount {
    return this.mounts.mount(this.pathAt(path), fs, source, flags);
  }

  /** A place by its absolute name; links are not followed. For boot. */
  pathAt(name: string): Path {
    let at = this.mounts.root;
    for (const component of name.split('/')) {
      if (component === '') continue;
      const child = at.dentry.child(component);
      if (child === undefined) throw ENOTDIR;
      at = this.mounts.top(at.mount, child);
    }
    return at;
  }

  openDevice(task: Task, path: Path, flags: number): OpenFile {
    const open = this.devices.get(path.inode.rdev);
    if (open === undefined) throw ENXIO;
    return open(task, path, flags);
  }

  /** What was made before there was a clock is stamped now. */
  #attach(kernel: Kernel): void {
    if (this.kernel !== undefined) return;
    this.kernel = kernel;
    BOOT.ns = this.now();
    for (const { fs } of this.mounts.list) if (fs instanceof Tmpfs) fs.root.stampAll(BOOT.ns);
  }

  // --- FileSide ---

  initialFds(kernel: Kernel, streams: readonly [HostStream, HostStream, HostStream], terminal: boolean): FdTable {
    this.#attach(kernel);
    const table = new FdTable();
    if (this.stdio !== undefined) this.stdio.open(kernel, streams, terminal).forEach((file, fd) => table.replace(fd, file, false));
    return table;
  }

  initialContext(_kernel: Kernel, cwd: string): FsContext {
    const { root } = this.mounts;
    const context = new FsContext(root, root);
    const place = this.pathAt(cwd);
    if (!isDir(place.inode.mode)) throw ENOTDIR;
    context.cwd = place;
    return context;
  }

  adoptTerminal(task: Task): void {
    this.stdio?.adoptTerminal(task);
  }

  hostPolled(): void {
    this.stdio?.polled();
  }

  resized(terminal: HostStream, rows: number, columns: number): void {
    this.stdio?.resized(terminal, rows, columns);
  }

  mapping(task: Task, fd: number, willWrite: boolean): MappingSource {
    const file = task.fds.getUsable(fd);
    const { inode, path } = file;
    const name = path === undefined ? '' : pathName(path, task.fs.root).name;
    if (willWrite && inode instanceof TmpfsInode && (inode.seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) !== 0) throw EPERM;
    return {
      file: file.mapsZero ? 'zero' : inode.isRegular ? file.mappable() : undefined,
      name: path?.dentry.gone === true ? `${name} (deleted)` : name,
      readable: file.canRead,
      writable: file.canWrite,
      noexec: path !== undefined && (path.mount.flags & MS_NOEXEC) !== 0,
    };
  }

  openFile(task: Task, fd: number): object {
    return task.fds.get(fd);
  }

  pidfdProcess(task: Task, fd: number): Process {
    const file = task.fds.get(fd);
    if (!(file instanceof PidFile)) throw EBADF;
    return file.process;
  }

  installPidfd(task: Task, process: Process): number {
    return task.fds.install(new PidFile(process), task.process.limits[RLIMIT.NOFILE].soft, true);
  }

  shutdown(): void {
    for (const { fs } of this.mounts.list) fs.sync();
  }

  sync(): void {
    this.shutdown();
  }
}

/** The file side as its own handlers know it. */
export const vfsOf = (task: Task): Vfs => task.kernel.files as unknown as Vfs;
