/** For tests: a host tree in memory and ELF files that consist of what the dynamic linker reads. */

import { bytesOf, concat } from '../base/bytes.ts';
import { HostFileError, type HostFile, type HostStat, type HostTree } from '../base/host-files.ts';

export interface FakeElf {
  readonly interpreter?: string;
  readonly needed?: readonly string[];
  readonly soname?: string;
  readonly rpath?: string;
  readonly runpath?: string;
  /** Functions that it calls. */
  readonly symbols?: readonly string[];
  /** 62 (x86-64) and 64 bits where not given. */
  readonly machine?: number;
  readonly bits?: 32 | 64;
}

export function fakeElf(elf: FakeElf): Uint8Array {
  let strings = '\0';
  const intern = (text: string): number => {
    strings += `${text}\0`;
    return strings.length - text.length - 1;
  };
  const dynamic: [number, number][] = [
    ...(elf.needed ?? []).map((name): [number, number] => [1, intern(name)]),
    ...(elf.soname === undefined ? [] : [[14, intern(elf.soname)] as [number, number]]),
    ...(elf.rpath === undefined ? [] : [[15, intern(elf.rpath)] as [number, number]]),
    ...(elf.runpath === undefined ? [] : [[29, intern(elf.runpath)] as [number, number]]),
  ];
  const headers = elf.interpreter === undefined ? 2 : 3;
  elf.symbols?.forEach(intern);
  const dynamicAt = 64 + headers * 56;
  const dynamicBytes = (dynamic.length + 3) * 16;
  const stringsAt = dynamicAt + dynamicBytes;
  const interpreterAt = stringsAt + strings.length;
  const end = interpreterAt + (elf.interpreter?.length ?? 0) + 1;
  dynamic.push([5, stringsAt], [10, strings.length], [0, 0]);

  const bytes = new Uint8Array(end);
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, elf.bits === 32 ? 1 : 2, 1, 1]);
  view.setUint16(16, 3, true);
  view.setUint16(18, elf.machine ?? 62, true);
  view.setUint32(20, 1, true);
  view.setBigUint64(32, 64n, true);
  view.setUint16(52, 64, true);
  view.setUint16(54, 56, true);
  view.setUint16(56, headers, true);
  const segment = (index: number, type: number, offset: number, size: number): void => {
    const at = 64 + index * 56;
    view.setUint32(at, type, true);
    view.setUint32(at + 4, 4, true);
    for (const field of [8, 16, 24]) view.setBigUint64(at + field, BigInt(offset), true);
    for (const field of [32, 40]) view.setBigUint64(at + field, BigInt(size), true);
    view.setBigUint64(at + 48, 1n, true);
  };
  segment(0, 1, 0, end);
  segment(1, 2, dynamicAt, dynamicBytes);
  dynamic.forEach(([tag, value], index) => {
    view.setBigUint64(dynamicAt + index * 16, BigInt(tag), true);
    view.setBigUint64(dynamicAt + index * 16 + 8, BigInt(value), true);
  });
  bytes.set(bytesOf(strings), stringsAt);
  if (elf.interpreter !== undefined) {
    segment(2, 3, interpreterAt, elf.interpreter.length + 1);
    bytes.set(bytesOf(elf.interpreter), interpreterAt);
  }
  return bytes;
}

export function fakeLdCache(entries: readonly (readonly [name: string, path: string])[]): Uint8Array {
  const header = 48 + entries.length * 24;
  const bytes = new Uint8Array(header);
  const view = new DataView(bytes.buffer);
  bytes.set(bytesOf('glibc-ld.so.cache1.1'));
  view.setUint32(20, entries.length, true);
  let strings = '';
  entries.forEach(([name, path], index) => {
    const at = 48 + index * 24;
    view.setInt32(at, 0x0303, true);
    view.setUint32(at + 4, header + strings.length, true);
    view.setUint32(at + 8, header + strings.length + name.length + 1, true);
    strings += `${name}\0${path}\0`;
  });
  view.setUint32(24, strings.length, true);
  return concat([bytes, bytesOf(strings)]);
}

export interface FakeFile {
  readonly content: Uint8Array;
  readonly mode?: number;
}

/** A host tree from absolute paths: text or bytes for files, `{ link }` for symbolic links, `undefined` for directories. */
export class FakeHost implements HostTree {
  readonly #nodes = new Map<string, Uint8Array | { link: string } | undefined>([['/', undefined]]);
  /** Changes of a path's content, as its time. */
  readonly #versions = new Map<string, number>();
  reads = 0;

  constructor(files: Record<string, Uint8Array | string | { link: string } | undefined>) {
    for (const [path, node] of Object.entries(files)) this.set(path, node);
  }

  set(path: string, node: Uint8Array | string | { link: string } | undefined): void {
    for (let at = path.indexOf('/', 1); at > 0; at = path.indexOf('/', at + 1)) if (!this.#nodes.has(path.slice(0, at))) this.#nodes.set(path.slice(0, at), undefined);
    this.#nodes.set(path, typeof node === 'string' ? bytesOf(node) : node);
    this.#versions.set(path, (this.#versions.get(path) ?? 0) + 1);
  }

  /** Follows links in all components but the last. */
  #real(path: string): string {
    const done: string[] = [];
    const todo = path
      .split('/')
      .filter((part) => part !== '' && part !== '.')
      .reverse();
    while (todo.length > 0) {
      const part = todo.pop()!;
      if (part === '..') done.pop();
      else {
        const node = todo.length === 0 ? undefined : this.#nodes.get(`/${[...done, part].join('/')}`);
        if (node !== undefined && 'link' in node) {
          if (node.link.startsWith('/')) done.length = 0;
          todo.push(
            ...node.link
              .split('/')
              .filter((piece) => piece !== '')
              .reverse(),
          );
        } else done.push(part);
      }
    }
    return `/${done.join('/')}`;
  }

  lstat(path: string): HostStat | undefined {
    const real = this.#real(path);
    if (!this.#nodes.has(real)) return undefined;
    const node = this.#nodes.get(real);
    const type = node === undefined ? 'directory' : 'link' in node ? 'symlink' : 'file';
    const keys = [...this.#nodes.keys()];
    return { type, mode: 0o755, size: node instanceof Uint8Array ? node.length : 0, mtimeNs: BigInt(this.#versions.get(real) ?? 0), ctimeNs: 0n, device: 1n, inode: BigInt(keys.indexOf(real) + 1) };
  }

  readlink(path: string): string {
    return (this.#nodes.get(this.#real(path)) as { link: string }).link;
  }

  readdir(path: string): readonly string[] {
    const prefix = this.#real(path).replace(/\/?$/, '/');
    return [...this.#nodes.keys()]
      .filter((name) => name !== '/' && name.startsWith(prefix) && !name.slice(prefix.length).includes('/'))
      .map((name) => name.slice(prefix.length))
      .sort();
  }

  open(path: string): HostFile {
    const content = this.#nodes.get(this.#real(path));
    if (!(content instanceof Uint8Array)) throw new HostFileError('ENOENT', path);
    const count = (): void => {
      this.reads++;
    };
    return {
      size: () => content.length,
      read(offset, into) {
        count();
        const piece = content.subarray(offset, offset + into.length);
        into.set(piece);
        return piece.length;
      },
      write: () => 0,
      truncate() {},
      sync() {},
      close() {},
    };
  }
}
