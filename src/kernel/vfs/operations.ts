/** Changes to the tree of names: what mkdir(2), unlink(2), rename(2), link(2) and their kin check and do, for every file system. */

import { RENAME_EXCHANGE, RENAME_NOREPLACE } from '../../abi/fcntl.ts';
import { IN_ATTRIB, IN_CREATE, IN_DELETE, IN_DELETE_SELF, IN_MOVED_FROM, IN_MOVED_TO, IN_MOVE_SELF } from '../../abi/inotify.ts';
import { isDir, S_IFBLK, S_IFCHR, S_IFIFO, S_IFMT, S_IFREG, S_IFSOCK, S_ISGID } from '../../abi/stat.ts';
import type { Fd } from '../../base/flavor.ts';
import { EBUSY, EEXIST, EINVAL, EISDIR, EMLINK, ENOENT, ENOTDIR, ENOTEMPTY, EPERM, EXDEV } from '../errno.ts';
import { CAP, hasCap } from '../task/creds.ts';
import type { Task } from '../task/task.ts';
import type { Inode } from './inode.ts';
import type { Path } from './mount.ts';
import { isSpecial, parentAt } from './names.ts';
import { notifyEntry, notifyInode } from './notify.ts';
import { MAY_EXEC, MAY_WRITE, needAccess, needDelete, needWritable, ownerOfNew } from './perm.ts';
import type { Found } from './walk.ts';

let lastCookie = 0;

/** The directory and the free name for something new. */
function room(task: Task, dirfd: Fd, name: string, kind: 'directory' | 'other'): Found {
  const found = parentAt(task, dirfd, name);
  if (found.path !== undefined || isSpecial(found.name)) throw EEXIST;
  if (found.slash && kind !== 'directory') throw ENOENT;
  needRoom(task, found.parent);
  return found;
}

function needRoom(task: Task, parent: Path): void {
  needWritable(parent.mount);
  if (parent.dentry.gone) throw ENOENT;
  needAccess(task.creds, parent.inode, MAY_WRITE | MAY_EXEC);
}

function added(found: Found, inode: Inode): Path['dentry'] {
  const dentry = found.parent.dentry.adopt(found.name, inode);
  notifyEntry(found.parent.inode, IN_CREATE, found.name, inode);
  return dentry;
}

export function makeDirectory(task: Task, dirfd: Fd, name: string, mode: number): void {
  const found = room(task, dirfd, name, 'directory');
  const directory = found.parent.inode;
  const inherited = directory.mode & S_ISGID;
  added(found, directory.mkdir(found.name, (mode & 0o1777 & ~task.fs.umask) | inherited, ownerOfNew(task.creds, directory)));
}

export function makeNode(task: Task, dirfd: Fd, name: string, mode: number, rdev: number): Path['dentry'] {
  const type = (mode & S_IFMT) === 0 ? S_IFREG : mode & S_IFMT;
  if (isDir(type)) throw EPERM;
  if (type !== S_IFREG && type !== S_IFCHR && type !== S_IFBLK && type !== S_IFIFO && type !== S_IFSOCK) throw EINVAL;
  const found = room(task, dirfd, name, 'other');
  if ((type === S_IFCHR || type === S_IFBLK) && !hasCap(task.creds, CAP.MKNOD)) throw EPERM;
  const directory = found.parent.inode;
  return added(found, directory.create(found.name, type | (mode & 0o7777 & ~task.fs.umask), ownerOfNew(task.creds, directory), type === S_IFCHR || type === S_IFBLK ? rdev : 0));
}

export function makeSymlink(task: Task, target: string, dirfd: Fd, name: string): void {
  if (target === '') throw ENOENT;
  const found = room(task, dirfd, name, 'other');
  const directory = found.parent.inode;
  added(found, directory.symlink(found.name, target, ownerOfNew(task.creds, directory)));
}

export function makeLink(task: Task, source: Path, dirfd: Fd, name: string): void {
  const found = room(task, dirfd, name, 'other');
  const { inode } = source;
  if (source.mount !== found.parent.mount) throw EXDEV;
  if (inode.isDirectory) throw EPERM;
  if (inode.nlink === 0 && !source.dentry.gone) throw ENOENT;
  if (inode.nlink >= 65000) throw EMLINK;
  found.parent.inode.link(found.name, inode);
  added(found, inode);
  notifyInode(inode, IN_ATTRIB);
}

/** The entry to be removed; `.`, `..` and mount points refuse. */
function victim(task: Task, dirfd: Fd, name: string): Found & { readonly path: Path } {
  const found = parentAt(task, dirfd, name);
  if (found.path === undefined && !isSpecial(found.name)) {
    throw ENOENT;
  }
  return found as Found & { readonly path: Path };
}

export function removeFile(task: Task, dirfd: Fd, name: string): void {
  const found = victim(task, dirfd, name);
  if (isSpecial(found.name)) throw EISDIR;
  const { parent, path } = found;
  const { inode } = path;
  needWritable(parent.mount);
  needDelete(task.creds, parent.inode, inode);
  if (found.slash && !inode.isDirectory) throw ENOTDIR;
  if (inode.isDirectory) throw EISDIR;
  if (path.dentry.mounts !== undefined || path.mount !== parent.mount) throw EBUSY;
  parent.inode.unlink(found.name, inode);
  parent.dentry.drop(found.name);
  notifyInode(inode, IN_ATTRIB);
  notifyEntry(parent.inode, IN_DELETE, found.name, inode);
  if (inode.nlink === 0) notifyInode(inode, IN_DELETE_SELF);
}

export function removeDirectory(task: Task, dirfd: Fd, name: string): void {
  const found = victim(task, dirfd, name);
  if (found.name === '.') throw EINVAL;
  if (found.name === '..') throw ENOTEMPTY;
  if (found.name === '') throw EBUSY;
  const { parent, path } = found;
  const { inode } = path;
  needWritable(parent.mount);
  needDelete(task.creds, parent.inode, inode);
  if (!inode.isDirectory) throw ENOTDIR;
  if (path.dentry.mounts !== undefined || path.mount !== parent.mount) throw EBUSY;
  parent.inode.rmdir(found.name, inode);
  parent.dentry.drop(found.name);
  path.dentry.gone = true;
  notifyEntry(parent.inode, IN_DELETE, found.name, inode);
  notifyInode(inode, IN_DELETE_SELF);
}

export function renameEntry(task: Task, fromFd: Fd, fromName: string, toFd: Fd, toName: string, flags: number): void {
  const from = parentAt(task, fromFd, fromName);
  const to = parentAt(task, toFd, toName);
  if (from.parent.mount !== to.parent.mount) throw EXDEV;
  if (isSpecial(from.name) || isSpecial(to.name)) throw EBUSY;
  needWritable(from.parent.mount);
  if (from.path === undefined) throw ENOENT;
  const moved = from.path.inode;
  const replaced = to.path?.inode;
  const exchange = (flags & RENAME_EXCHANGE) !== 0;
  if (exchange && replaced === undefined) throw ENOENT;
  if ((flags & RENAME_NOREPLACE) !== 0 && replaced !== undefined) throw EEXIST;
  if (!moved.isDirectory) {
    if (from.slash || (to.slash && !exchange)) throw ENOTDIR;
  }
  if (moved.isDirectory && to.parent.dentry.isUnder(from.path.dentry)) throw EINVAL;
  if (replaced?.isDirectory === true && from.parent.dentry.isUnder((to.path as Path).dentry)) throw exchange ? EINVAL : ENOTEMPTY;
  needDelete(task.creds, from.parent.inode, moved);
  if (replaced === undefined) needRoom(task, to.parent);
  else {
    needDelete(task.creds, to.parent.inode, replaced);
    if (!exchange) {
      if (moved.isDirectory && !replaced.isDirectory) throw ENOTDIR;
      if (!moved.isDirectory && replaced.isDirectory) throw EISDIR;
    }
  }
  if (covered(from) || (to.path !== undefined && covered(to))) throw EBUSY;
  if (moved === replaced) return;
  if (moved.isDirectory && from.parent.inode !== to.parent.inode) needAccess(task.creds, moved, MAY_WRITE);

  const movedDentry = from.path.dentry;
  if (exchange) {
    from.parent.inode.exchange(from.name, to.parent.inode, to.name);
    movedDentry.swapWith((to.path as Path).dentry);
  } else {
    from.parent.inode.rename(from.name, moved, to.parent.inode, to.name, replaced);
    movedDentry.moveTo(to.parent.dentry, to.name);
  }
  const cookie = ++lastCookie;
  notifyEntry(from.parent.inode, IN_MOVED_FROM, from.name, moved, cookie);
  notifyEntry(to.parent.inode, IN_MOVED_TO, to.name, moved, cookie);
  notifyInode(moved, IN_MOVE_SELF);
  if (replaced !== undefined && !exchange) {
    notifyInode(replaced, IN_ATTRIB);
    if (replaced.nlink === 0) notifyInode(replaced, IN_DELETE_SELF);
  }
}

const covered = (found: Found): boolean => found.path !== undefined && (found.path.dentry.mounts !== undefined || found.path.mount !== found.parent.mount);
