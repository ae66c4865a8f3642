/** /etc/ld.so.cache of glibc 2.2 and later ("glibc-ld.so.cache1.1", dl-cache.h): sonames to paths, x86-64 only. */

import { byteString } from '../base/bytes.ts';

const MAGIC = 'glibc-ld.so.cache1.1';
const HEADER = 48, ENTRY = 24;
/** FLAG_ELF_LIBC6 | FLAG_X8664_LIB64 */
const X86_64 = 0x0303;

/** In the order of the cache: the first path for a name wins. Empty for anything else than such a file. */
export function parseLdCache(bytes: Uint8Array): Map<string, string> {
  const paths = new Map<string, string>();
  // Older files begin with the libc5 table; the one we want follows it, aligned to 8.
  const start = find(bytes);
  if (start < 0) return paths;
  const cache = bytes.subarray(start);
  const view = new DataView(cache.buffer, cache.byteOffset, cache.byteLength);
  const count = view.getUint32(20, true);
  if (HEADER + count * ENTRY > cache.length) return paths;
  for (let index = 0; index < count; index++) {
    const at = HEADER + index * ENTRY;
    if (view.getInt32(at, true) !== X86_64 || view.getBigUint64(at + 16, true) !== 0n) continue;
    const name = text(cache, view.getUint32(at + 4, true));
    const path = text(cache, view.getUint32(at + 8, true));
    if (name !== undefined && path !== undefined && !paths.has(name)) paths.set(name, path);
  }
  return paths;
}

function find(bytes: Uint8Array): number {
  for (let start = 0; start + HEADER <= bytes.length; start += 4) {
    let at = 0;
    while (at < MAGIC.length && bytes[start + at] === MAGIC.charCodeAt(at)) at++;
    if (at === MAGIC.length) return start;
  }
  return -1;
}

function text(bytes: Uint8Array, offset: number): string | undefined {
  const end = bytes.indexOf(0, offset);
  return end < 0 ? undefined : byteString(bytes.subarray(offset, end));
}
