/**
 * The image tree as it will be, laid over the host's root: where a path of the guest leads, and what has to be added
 * to the image for it to lead there. Symbolic links are followed as the guest's kernel will follow them, so with
 * Debian's merged /usr the link `/lib -> usr/lib` is added too, unless the image has a directory of that name.
 */

import type { HostStat, HostTree } from '../base/host-files.ts';
import type { ImageDirectory, ImageFile, ImageNode } from '../encfs/4-tree/image-tree.ts';
import type { Sources } from './source.ts';

const LINK_LIMIT = 40;

export interface Addition {
  /** In the image. */
  readonly path: string;
  /** On the host. */
  readonly from: string;
  readonly node: ImageNode;
}

export interface Found {
  /** In the image, without symbolic links. */
  readonly path: string;
  readonly file: ImageFile;
  /** What the image lacks, parents first; empty where the file is in the image already. */
  readonly additions: readonly Addition[];
}

export class UnionTree {
  readonly root: ImageDirectory;
  readonly #sources: Sources;
  readonly #host: HostTree;

  constructor(root: ImageDirectory, sources: Sources) {
    this.root = root;
    this.#sources = sources;
    this.#host = sources.host;
  }

  /** `undefined` where the path leads to no regular file. Nothing is added yet. */
  find(path: string): Found | undefined {
    const additions: Addition[] = [];
    const todo = path.split('/').reverse();
    let at: string[] = [];
    let links = 0;
    while (todo.length > 0) {
      const name = todo.pop()!;
      if (name === '' || name === '.') continue;
      if (name === '..') {
        at.pop();
        continue;
      }
      const here = `/${[...at, name].join('/')}`;
      const inImage = this.#inImage(at)?.entries.get(name);
      let node: ImageNode;
      if (inImage !== undefined) node = inImage;
      else {
        const stat = this.#host.lstat(here);
        if (stat === undefined || stat.type === 'other') return undefined;
        node = this.#node(here, stat);
        additions.push({ path: here, from: here, node });
      }
      if (node.kind === 'symlink') {
        if (++links > LINK_LIMIT) return undefined;
        if (node.target.startsWith('/')) at = [];
        todo.push(...node.target.split('/').reverse());
        continue;
      }
      if (node.kind === 'file') {
        if (todo.some((rest) => rest !== '')) return undefined;
        return { path: here, file: node, additions };
      }
      at.push(name);
    }
    return undefined;
  }

  #node(path: string, stat: HostStat): ImageNode {
    if (stat.type === 'file') return this.#sources.file(path, stat);
    return stat.type === 'symlink' ? this.#sources.symlink(this.#host.readlink(path)) : this.#sources.directory(stat.mode);
  }

  #inImage(at: readonly string[]): ImageDirectory | undefined {
    let directory = this.root;
    for (const name of at) {
      const next = directory.entries.get(name);
      if (next?.kind !== 'directory') return undefined;
      directory = next;
    }
    return directory;
  }

  add(addition: Addition): void {
    const parts = addition.path.split('/').filter((part) => part !== '');
    const name = parts.pop()!;
    this.#inImage(parts)?.entries.set(name, addition.node);
  }
}
