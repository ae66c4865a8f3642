/** Where a name given to a system call starts, and the common ways of resolving it. */

import { AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW } from '../../abi/fcntl.ts';
import type { Fd, GuestAddr } from '../../base/flavor.ts';
import { EBADF, ENOENT, ENOTDIR } from '../errno.ts';
import { readCString } from '../mm/guest.ts';
import type { Task } from '../task/task.ts';
import { directoryPath } from './file.ts';
import type { Path } from './mount.ts';
import { type Found, walk, type WalkOptions } from './walk.ts';

/** The directory that a relative name starts from. */
export function startOf(task: Task, dirfd: Fd, name: string): Path {
  if (dirfd === AT_FDCWD || name.charCodeAt(0) === 47) return task.fs.cwd;
  return directoryPath(task.fds.get(dirfd));
}

export function walkFrom(task: Task, dirfd: Fd, name: string, options: WalkOptions): Found {
  return walk(task, startOf(task, dirfd, name), name, options);
}

/** The existing place that a name stands for. */
export function lookupAt(task: Task, dirfd: Fd, name: string, links: 'follow' | 'keep' = 'follow'): Path {
  return walkFrom(task, dirfd, name, { links }).path as Path;
}

/** As `lookupAt` with AT_SYMLINK_NOFOLLOW and AT_EMPTY_PATH. */
export function lookupFlags(task: Task, dirfd: Fd, address: GuestAddr, flags: number): Path {
  const name = address === 0 && (flags & AT_EMPTY_PATH) !== 0 ? '' : readCString(task.mm, address);
  if (name === '') {
    if ((flags & AT_EMPTY_PATH) === 0) throw ENOENT;
    return placeOf(task, dirfd);
  }
  return lookupAt(task, dirfd, name, (flags & AT_SYMLINK_NOFOLLOW) !== 0 ? 'keep' : 'follow');
}

/** The place behind a descriptor itself. */
export function placeOf(task: Task, dirfd: Fd): Path {
  if (dirfd === AT_FDCWD) return task.fs.cwd;
  const { path } = task.fds.get(dirfd);
  if (path === undefined) throw EBADF;
  return path;
}

/** What a call that makes or removes a name works on: `.`, `..` and `/` are for the caller to refuse. */
export function parentAt(task: Task, dirfd: Fd, name: string): Found {
  return walkFrom(task, dirfd, name, { links: 'keep', missing: 'allowed' });
}

export const isSpecial = (name: string): boolean => name === '' || name === '.' || name === '..';

export function needDirectory(path: Path): void {
  if (!path.inode.isDirectory) throw ENOTDIR;
}
