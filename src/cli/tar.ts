/** Writes ustar archives (pax(1), "ustar Interchange Format") whose bytes depend on names and contents only. */

import { chmodSync } from 'node:fs';
import { toByteString } from '../base/bytes.ts';
import { writeFully } from '../base/host-files.ts';
import { NodeFile, writeAtomically } from '../pal/node/storage.ts';

export interface TarEntry {
  readonly name: string;
  readonly path: string;
}

const BLOCK = 512;

function header(name: string, size: number): Uint8Array {
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, offset: number, width: number): void => void block.write(`${value.toString(8).padStart(width - 1, '0')}\0`, offset, 'latin1');
  block.write(name, 0, 'utf8');
  octal(0o644, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(size, 124, 12);
  octal(0, 136, 12);
  block.write('        ', 148, 'latin1');
  block.write('0', 156, 'latin1');
  block.write('ustar\x0000', 257, 'latin1');
  octal(
    block.reduce((sum, byte) => sum + byte, 0),
    148,
    7,
  );
  block[155] = 0x20;
  return block;
}

/** Nothing is at `target` before all of it is. Throws HostFileError. */
export function writeTar(target: string, entries: readonly TarEntry[]): void {
  writeAtomically(toByteString(target), (file) => {
    let end = 0;
    const put = (bytes: Uint8Array): void => {
      writeFully(file, end, bytes);
      end += bytes.length;
    };
    const chunk = new Uint8Array(1 << 20);
    for (const { name, path } of entries) {
      const source = new NodeFile(toByteString(path), 'r');
      try {
        const size = source.size();
        put(header(name, size));
        for (let at = 0, count = 1; at < size && count > 0; at += count) {
          count = source.read(at, chunk.subarray(0, Math.min(chunk.length, size - at)));
          put(chunk.subarray(0, count));
        }
        put(new Uint8Array((BLOCK - (size % BLOCK)) % BLOCK));
      } finally {
        source.close();
      }
    }
    put(new Uint8Array(2 * BLOCK));
  });
  // Nothing in it is secret.
  chmodSync(target, 0o666 & ~process.umask());
}
