/** Telling inotify(7) instances what happens to inodes. The watches themselves live in `ipc/inotify`. */

import { IN_ISDIR } from '../../abi/inotify.ts';
import type { Inode } from './inode.ts';
import type { Path } from './mount.ts';

export interface Watcher {
  event(mask: number, cookie: number, name: string): void;
}

/** The watches on one inode. */
export type Watchers = Set<Watcher>;

/** Inodes that are watched at all: the usual answer, none, is given at once. */
let watched = 0;
export const watching = (delta: 1 | -1): void => void (watched += delta);

export function notifyInode(inode: Inode, mask: number, cookie = 0, name = ''): void {
  if (watched === 0 || inode.watchers === undefined) return;
  for (const watcher of [...inode.watchers]) watcher.event(mask, cookie, name);
}

/** To the watches on the object and on the directory that holds it. */
export function notify(path: Path | undefined, mask: number): void {
  if (watched === 0 || path === undefined) return;
  const { dentry } = path;
  const bits = mask | (dentry.inode.isDirectory ? IN_ISDIR : 0);
  if (!dentry.isRoot && !dentry.gone) notifyInode(dentry.parent.inode, bits, 0, dentry.name);
  notifyInode(dentry.inode, bits);
}

/** An entry appeared in, vanished from a directory. */
export function notifyEntry(directory: Inode, mask: number, name: string, entry: Inode, cookie = 0): void {
  if (watched !== 0) notifyInode(directory, mask | (entry.isDirectory ? IN_ISDIR : 0), cookie, name);
}
