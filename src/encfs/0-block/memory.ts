/**
 * A host directory in memory, with the faults that a host can have: short transfers, no space, and a crash at a
 * chosen write, of which any part may have reached the disk. For tests and fuzzing.
 */

import { type HostDirectory, type HostFile, HostFileError, type HostLock } from '../../base/host-files.ts';

/** Thrown at the chosen write and ever after: the machine is gone. */
export class Crash extends Error {
  override readonly name = 'Crash';
}

export interface Faults {
  /** The write, truncation, replacement or removal (counted from 0) at which the machine stops. */
  crashAt?: number;
  /** How much of that write arrives, 0 to 1. */
  torn?: number;
  /** Bytes that the host's disk holds. */
  capacity?: number;
  /** The most that one transfer moves. */
  transferLimit?: number;
}

export class MemoryFile implements HostFile {
  readonly directory: MemoryDirectory;
  bytes = new Uint8Array(0);

  constructor(directory: MemoryDirectory) {
    this.directory = directory;
  }

  size(): number {
    return this.bytes.length;
  }

  read(offset: number, into: Uint8Array): number {
    const limit = Math.min(into.length, this.directory.faults.transferLimit ?? into.length);
    const piece = this.bytes.subarray(offset, offset + limit);
    into.set(piece);
    return piece.length;
  }

  write(offset: number, from: Uint8Array): number {
    const count = Math.min(from.length, this.directory.faults.transferLimit ?? from.length);
    this.directory.beforeChange((part) => this.#put(offset, from.subarray(0, Math.floor(count * part))));
    const room = (this.directory.faults.capacity ?? Number.POSITIVE_INFINITY) - this.directory.used() + this.bytes.length - offset;
    if (room < count) {
      if (room < 1) throw new HostFileError('ENOSPC', 'no space left on device');
      this.#put(offset, from.subarray(0, room));
      return room;
    }
    this.#put(offset, from.subarray(0, count));
    return count;
  }

  #put(offset: number, from: Uint8Array): void {
    if (from.length === 0) return;
    if (offset + from.length > this.bytes.length) this.#resize(offset + from.length);
    this.bytes.set(from, offset);
  }

  #resize(size: number): void {
    const capacity = this.bytes.buffer.byteLength;
    if (size > capacity) {
      const grown = new Uint8Array(Math.max(size, capacity * 2));
      grown.set(this.bytes);
      this.bytes = grown.subarray(0, size);
    } else {
      const old = this.bytes.length;
      this.bytes = new Uint8Array(this.bytes.buffer, 0, size);
      if (size > old) this.bytes.fill(0, old);
    }
  }

  truncate(size: number): void {
    this.directory.beforeChange(() => {});
    this.#resize(size);
  }

  sync(): void {}
  close(): void {}
}

export class MemoryDirectory implements HostDirectory {
  readonly files = new Map<string, MemoryFile>();
  faults: Faults = {};
  /** Changes so far. */
  changes = 0;
  #locked = false;

  beforeChange(tear: (part: number) => void): void {
    const { crashAt } = this.faults;
    if (crashAt !== undefined && this.changes >= crashAt) {
      if (this.changes === crashAt) tear(this.faults.torn ?? 0);
      this.changes++;
      throw new Crash('crash');
    }
    this.changes++;
  }

  used(): number {
    let sum = 0;
    for (const file of this.files.values()) sum += file.bytes.length;
    return sum;
  }

  open(name: string, access: 'read' | 'write' | 'create'): HostFile | undefined {
    let file = this.files.get(name);
    if (file === undefined && access === 'create') {
      this.beforeChange(() => {});
      file = new MemoryFile(this);
      this.files.set(name, file);
    }
    return file;
  }

  list(): readonly string[] {
    return [...this.files.keys()].sort();
  }

  load(name: string): Uint8Array | undefined {
    return this.files.get(name)?.bytes.slice();
  }

  replace(name: string, content: Uint8Array): void {
    this.beforeChange(() => {});
    if (this.used() + content.length > (this.faults.capacity ?? Number.POSITIVE_INFINITY)) throw new HostFileError('ENOSPC', 'no space left on device');
    const file = new MemoryFile(this);
    file.bytes = content.slice();
    this.files.set(name, file);
  }

  remove(name: string): void {
    this.beforeChange(() => {});
    this.files.delete(name);
  }

  sync(): void {}

  lock(): HostLock | undefined {
    if (this.#locked) return undefined;
    this.#locked = true;
    return {
      release: () => {
        this.#locked = false;
      },
    };
  }

  /** What the disk holds now, as another machine would find it. */
  copy(): MemoryDirectory {
    const copy = new MemoryDirectory();
    for (const [name, file] of this.files) {
      const clone = new MemoryFile(copy);
      clone.bytes = file.bytes.slice();
      copy.files.set(name, clone);
    }
    return copy;
  }
}
