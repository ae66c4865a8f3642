/** /etc/ld.so.cache of glibc 2.2 and later ("glibc-ld.so.cache1.1", dl-cache.h): sonames to paths, x86-64 only. */

import { byteString, bytesOf } from '../base/bytes.ts';
import type { ImageDirectory, ImageFile, ImageNode } from '../encfs/4-tree/image-tree.ts';

const MAGIC = 'glibc-ld.so.cache1.1';
const HEADER = 48,
  ENTRY = 24;
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

const LITTLE_ENDIAN = 2;

/** As ldconfig orders names: runs of digits by their value, the rest by bytes. The cache is sorted downwards. */
function compareNames(a: string, b: string): number {
  const digit = (code: number): boolean => code >= 48 && code <= 57;
  let i = 0;
  let j = 0;
  while (i < a.length && j < b.length) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(j)];
    if (digit(x) !== digit(y)) return digit(x) ? 1 : -1;
    if (digit(x)) {
      let [m, n] = [0, 0];
      while (digit(a.charCodeAt(i))) m = m * 10 + a.charCodeAt(i++) - 48;
      while (digit(b.charCodeAt(j))) n = n * 10 + b.charCodeAt(j++) - 48;
      if (m !== n) return m - n;
    } else {
      if (x !== y) return x - y;
      i++;
      j++;
    }
  }
  return (i < a.length ? a.charCodeAt(i) : 0) - (j < b.length ? b.charCodeAt(j) : 0);
}

export function encodeLdCache(paths: ReadonlyMap<string, string>): Uint8Array {
  const entries = [...paths].sort(([a], [b]) => compareNames(b, a));
  const stringsAt = HEADER + entries.length * ENTRY;
  const strings = bytesOf(entries.map(([name, path]) => `${name}\0${path}\0`).join(''));
  const out = new Uint8Array(stringsAt + strings.length);
  const view = new DataView(out.buffer);
  out.set(bytesOf(MAGIC));
  view.setUint32(20, entries.length, true);
  view.setUint32(24, strings.length, true);
  out[28] = LITTLE_ENDIAN;
  out.set(strings, stringsAt);
  let text = stringsAt;
  entries.forEach(([name, path], index) => {
    const at = HEADER + index * ENTRY;
    view.setInt32(at, X86_64, true);
    view.setUint32(at + 4, text, true);
    view.setUint32(at + 8, text + name.length + 1, true);
    text += name.length + path.length + 2;
  });
  return out;
}

/** Where Debian's glibc looks without a cache, in its order. */
const DIRECTORIES = ['/lib/x86_64-linux-gnu', '/usr/lib/x86_64-linux-gnu', '/lib', '/usr/lib'];
const LINK_LIMIT = 40;

function resolve(root: ImageDirectory, path: string): ImageNode | undefined {
  const todo = path.split('/').reverse();
  let at: ImageDirectory[] = [root];
  let node: ImageNode = root;
  for (let links = 0; todo.length > 0; ) {
    const name = todo.pop() as string;
    if (name === '' || name === '.') continue;
    if (node.kind !== 'directory') return undefined;
    if (name === '..') {
      if (at.length > 1) at.pop();
      node = at[at.length - 1];
      continue;
    }
    const next = node.entries.get(name);
    if (next === undefined) return undefined;
    if (next.kind === 'symlink') {
      if (++links > LINK_LIMIT) return undefined;
      if (next.target.startsWith('/')) at = [root];
      node = at[at.length - 1];
      todo.push(...next.target.split('/').reverse());
    } else {
      node = next;
      if (next.kind === 'directory') at.push(next);
    }
  }
  return node;
}

/** A 64-bit shared object for x86-64. */
function isLibrary(file: ImageFile): boolean {
  if (file.size < 64) return false;
  const head = new Uint8Array(20);
  file.read(0, head);
  file.release?.();
  return byteString(head.subarray(0, 6)) === '\x7fELF\x02\x01' && head[16] === 3 && head[18] === 62;
}

/**
 * A cache of what a tree has in the default directories: it finds the same files as the search that each program would
 * make without it. Undefined where glibc's dynamic linker is not there, or has variants of libraries to choose from.
 */
export function ldCacheOf(root: ImageDirectory): Uint8Array | undefined {
  if (resolve(root, '/lib64/ld-linux-x86-64.so.2')?.kind !== 'file') return undefined;
  const paths = new Map<string, string>();
  for (const directory of DIRECTORIES) {
    const node = resolve(root, directory);
    if (node?.kind !== 'directory') continue;
    if (node.entries.has('glibc-hwcaps')) return undefined;
    for (const name of node.entries.keys()) {
      if (paths.has(name) || !/\.so(\.|$)/.test(name)) continue;
      const file = resolve(root, `${directory}/${name}`);
      if (file?.kind === 'file' && isLibrary(file)) paths.set(name, `${directory}/${name}`);
    }
  }
  return paths.size === 0 ? undefined : encodeLdCache(paths);
}
