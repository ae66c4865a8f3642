/** Memory devices (null(4), full(4), random(4)) and the tree under /dev. */

import { makedev, S_IFCHR } from '../../abi/stat.ts';
import { ENOSPC } from '../errno.ts';
import type { SysResult } from '../result.ts';
import type { Task } from '../task/task.ts';
import { NamedFile, type OpenFile } from '../vfs/file.ts';
import type { Path } from '../vfs/mount.ts';
import type { Vfs } from '../vfs/vfs.ts';
import { Tmpfs } from './tmpfs.ts';

/** A device without a position. */
class MemoryDevice extends NamedFile {
  constructor(path: Path, flags: number) {
    super(path.inode, path, flags);
  }

  override seek(): number {
    return 0;
  }

  override pread(into: Uint8Array): SysResult {
    return this.read(undefined as unknown as Task, into);
  }

  override pwrite(from: Uint8Array): SysResult {
    return this.write(undefined as unknown as Task, from);
  }

  override write(_task: Task, from: Uint8Array): SysResult {
    return from.length;
  }
}

class NullDevice extends MemoryDevice {
  override read(): SysResult {
    return 0;
  }
}

class ZeroDevice extends MemoryDevice {
  override readonly mapsZero = true;

  override read(_task: Task, into: Uint8Array): SysResult {
    into.fill(0);
    return into.length;
  }
}

class FullDevice extends ZeroDevice {
  override write(): SysResult {
    throw ENOSPC;
  }
}

class RandomDevice extends MemoryDevice {
  readonly #vfs: Vfs;

  constructor(vfs: Vfs, path: Path, flags: number) {
    super(path, flags);
    this.#vfs = vfs;
  }

  override read(_task: Task, into: Uint8Array): SysResult {
    // Through a buffer of ours: entropy sources refuse shared memory.
    const step = new Uint8Array(Math.min(into.length, 65536));
    for (let at = 0; at < into.length; at += step.length) {
      const part = step.subarray(0, Math.min(step.length, into.length - at));
      this.#vfs.kernel.host.random(part);
      into.set(part, at);
    }
    return into.length;
  }
}

interface DeviceRow {
  readonly name: string;
  readonly rdev: number;
  readonly mode: number;
  readonly open: ((vfs: Vfs, path: Path, flags: number, task: Task) => OpenFile) | undefined;
}

// biome-ignore format: a table
const DEVICES: readonly DeviceRow[] = [
  { name: 'null',    rdev: makedev(1, 3), mode: 0o666, open: (_vfs, path, flags) => new NullDevice(path, flags) },
  { name: 'zero',    rdev: makedev(1, 5), mode: 0o666, open: (_vfs, path, flags) => new ZeroDevice(path, flags) },
  { name: 'full',    rdev: makedev(1, 7), mode: 0o666, open: (_vfs, path, flags) => new FullDevice(path, flags) },
  { name: 'random',  rdev: makedev(1, 8), mode: 0o666, open: (vfs, path, flags) => new RandomDevice(vfs, path, flags) },
  { name: 'urandom', rdev: makedev(1, 9), mode: 0o666, open: (vfs, path, flags) => new RandomDevice(vfs, path, flags) },
  { name: 'tty',     rdev: makedev(5, 0), mode: 0o666, open: undefined },
  { name: 'console', rdev: makedev(5, 1), mode: 0o600, open: undefined },
  { name: 'ptmx',    rdev: makedev(5, 2), mode: 0o666, open: undefined },
];

const LINKS = [
  ['fd', '/proc/self/fd'],
  ['stdin', '/proc/self/fd/0'],
  ['stdout', '/proc/self/fd/1'],
  ['stderr', '/proc/self/fd/2'],
  ['core', '/proc/kcore'],
] as const;

/** The file system for /dev, with its devices registered. `pts` and `shm` are there to be mounted on. */
export function makeDevfs(vfs: Vfs): Tmpfs {
  const owner = { uid: 0, gid: 0 };
  const fs = new Tmpfs({ memory: vfs.memory, now: () => vfs.now(), mode: 0o755, type: 'devtmpfs' });
  for (const { name, rdev, mode, open } of DEVICES) {
    fs.root.create(name, S_IFCHR | mode, owner, rdev);
    if (open !== undefined) vfs.devices.set(rdev, (task, path, flags) => open(vfs, path, flags, task));
  }
  for (const [name, target] of LINKS) fs.root.symlink(name, target, owner);
  fs.root.mkdir('pts', 0o755, owner);
  fs.root.mkdir('shm', 0o1777, owner);
  fs.root.mkdir('mqueue', 0o1777, owner);
  return fs;
}
