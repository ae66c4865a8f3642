/** Where a path leads in an enclave's tree, for those outside who name it: no process is involved. */

import { ELOOP, ENOTDIR } from '../kernel/errno.ts';
import type { Vfs } from '../kernel/vfs/vfs.ts';

const MAX_LINKS = 40;

export type Place = Vfs['mounts']['root'];

/** A place, and its path without links. */
export interface Found {
  readonly place: Place;
  readonly path: string;
}

/** Walks an absolute path; links are followed, the last one if asked for. Undefined where there is nothing. Throws Errno. */
export function find(vfs: Vfs, path: string, last: 'follow' | 'keep'): Found | undefined {
  const todo = partsOf(path).reverse();
  let trail: { readonly name: string; readonly place: Place }[] = [];
  const here = (): Place => trail.at(-1)?.place ?? vfs.mounts.root;
  for (let links = 0; todo.length > 0; ) {
    const name = todo.pop() as string;
    if (name === '..') {
      trail.pop();
      continue;
    }
    const { dentry, mount } = here();
    if (!dentry.inode.isDirectory) throw ENOTDIR;
    const child = dentry.child(name);
    if (child === undefined) return undefined;
    if (!child.inode.isSymlink || (todo.length === 0 && last === 'keep')) {
      trail.push({ name, place: vfs.mounts.top(mount, child) });
      continue;
    }
    if (links++ === MAX_LINKS) throw ELOOP;
    const target = child.inode.readlink();
    if (target.startsWith('/')) trail = [];
    todo.push(...partsOf(target).reverse());
  }
  return { place: here(), path: `/${trail.map(({ name }) => name).join('/')}` };
}

export const partsOf = (path: string): string[] => path.split('/').filter((part) => part !== '' && part !== '.');
