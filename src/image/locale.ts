/** The locale `C.UTF-8` of glibc: unlike `C` it is not a part of the library but files beside it (locale(7)), and programs complain without them. */

import type { ImageDirectory } from '../encfs/4-tree/image-tree.ts';
import type { DependencyAddition } from './dependencies.ts';
import type { Sources } from './source.ts';

const PARENT = '/usr/lib/locale';
const NAME = 'C.utf8';

/** Adds the host's, where `locale` asks for it and its libc comes from the host as well (one of the `additions`). */
export function addLocale(root: ImageDirectory, sources: Sources, locale: string, additions: readonly DependencyAddition[]): DependencyAddition[] {
  const path = `${PARENT}/${NAME}`;
  if (!/^C\.utf-?8$/i.test(locale) || !additions.some((addition) => addition.path.endsWith('/libc.so.6')) || sources.host.lstat(path)?.type !== 'directory') return [];
  let directory = root;
  for (const part of PARENT.split('/').slice(1)) {
    const next = directory.entries.get(part) ?? sources.directory();
    // What the owner of the tree has put there is left alone.
    if (next.kind !== 'directory') return [];
    directory.entries.set(part, next);
    directory = next;
  }
  const tree = directory.entries.has(NAME) ? undefined : sources.tree(path);
  if (tree === undefined) return [];
  directory.entries.set(NAME, tree);
  return [{ path, from: path, neededBy: `LANG=${locale}` }];
}
