/** The files behind which TEEs lie, through `node:fs`, below a root. */

import { closeSync, constants, existsSync, mkdirSync, openSync, readSync, rmdirSync, writeSync } from 'node:fs';
import { HostFileError } from '../../base/host-files.ts';

const CHUNK_BYTES = 64 << 10;

function host<Result>(call: () => Result): Result {
  try {
    return call();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw code === undefined ? error : new HostFileError(code, message);
  }
}

/** Implements `TeeFiles` of the attestation layer. */
export class NodeTeeFiles {
  readonly #root: string;

  /** `/`, but in tests. */
  constructor(root = '/') {
    this.#root = root.replace(/\/$/, '');
  }

  read(path: string, limit: number): Uint8Array | undefined {
    let fd: number;
    try {
      fd = host(() => openSync(this.#root + path, 'r'));
    } catch (error) {
      if (error instanceof HostFileError && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return undefined;
      throw error;
    }
    try {
      // What stat(2) says of such files is not their size.
      const parts: Uint8Array[] = [];
      for (let length = 0; ; ) {
        const part = new Uint8Array(CHUNK_BYTES);
        const count = host(() => readSync(fd, part, 0, part.length, null));
        if (count === 0) return new Uint8Array(Buffer.concat(parts));
        length += count;
        if (length > limit) throw new HostFileError('EFBIG', `${path} has more than ${limit} bytes`);
        parts.push(part.subarray(0, count));
      }
    } finally {
      closeSync(fd);
    }
  }

  write(path: string, bytes: Uint8Array): void {
    const fd = host(() => openSync(this.#root + path, constants.O_WRONLY));
    let open = true;
    try {
      const count = host(() => writeSync(fd, bytes));
      if (count !== bytes.length) throw new HostFileError('EIO', `${path} took ${count} of ${bytes.length} bytes`);
      open = false;
      // Binary attributes of configfs are taken now, and refused now.
      host(() => closeSync(fd));
    } finally {
      if (open) closeSync(fd);
    }
  }

  exists(path: string): boolean {
    return existsSync(this.#root + path);
  }

  mkdir(path: string): void {
    host(() => mkdirSync(this.#root + path));
  }

  rmdir(path: string): void {
    host(() => rmdirSync(this.#root + path));
  }

  pause(ms: number): void {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
  }
}
