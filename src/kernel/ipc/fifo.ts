/** Named pipes (fifo(7)). The pipe lives as long as something has it open; opening waits for the other side. */

import { ENXIO } from '../errno.ts';
import type { Inode } from '../vfs/inode.ts';
import type { OpenFile } from '../vfs/file.ts';
import type { Path } from '../vfs/mount.ts';
import { Pipe, PipeFile } from './pipe.ts';

const pipes = new WeakMap<Inode, Pipe>();

export class FifoFile extends PipeFile {
  readonly #seenReaders: number;
  readonly #seenWriters: number;

  constructor(pipe: Pipe, path: Path, flags: number) {
    super(pipe, path.inode, path, flags);
    this.#seenReaders = pipe.readerOpens;
    this.#seenWriters = pipe.writerOpens;
  }

  /** The other side has never been there since this end was opened. */
  get waiting(): boolean {
    const { pipe } = this;
    if (this.canRead && this.canWrite) return false;
    if (this.canRead) return pipe.writers === 0 && pipe.writerOpens === this.#seenWriters;
    return pipe.readers === 0 && pipe.readerOpens === this.#seenReaders;
  }
}

/** The caller waits while the result is `waiting`, unless O_NONBLOCK. */
export function openFifo(path: Path, flags: number): OpenFile {
  let pipe = pipes.get(path.inode);
  if (pipe === undefined) {
    pipe = new Pipe();
    pipes.set(path.inode, pipe);
  }
  const file = new FifoFile(pipe, path, flags);
  if (file.canWrite && !file.canRead && file.nonBlocking && pipe.readers === 0) {
    file.retain();
    file.release();
    throw ENXIO;
  }
  return file;
}
