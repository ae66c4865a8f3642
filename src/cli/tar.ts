/** Writes ustar archives (pax(1), "ustar Interchange Format") whose bytes depend on names and contents only. */

import { closeSync, openSync, readSync, statSync, writeSync } from 'node:fs';

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
  octal(block.reduce((sum, byte) => sum + byte, 0), 148, 7);
  block[155] = 0x20;
  return block;
}

export function writeTar(target: string, entries: readonly TarEntry[]): void {
  const out = openSync(target, 'w');
  const put = (bytes: Uint8Array): void => {
    for (let at = 0; at < bytes.length; ) at += writeSync(out, bytes, at);
  };
  try {
    for (const { name, path } of entries) {
      const { size } = statSync(path);
      put(header(name, size));
      const fd = openSync(path, 'r');
      const chunk = new Uint8Array(1 << 20);
      for (let count = readSync(fd, chunk); count > 0; count = readSync(fd, chunk)) put(chunk.subarray(0, count));
      closeSync(fd);
      put(new Uint8Array((BLOCK - (size % BLOCK)) % BLOCK));
    }
    put(new Uint8Array(2 * BLOCK));
  } finally {
    closeSync(out);
  }
}
