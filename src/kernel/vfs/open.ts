/** open(2): from a name to an open description. */

import { O_ACCMODE, O_APPEND, O_CLOEXEC, O_CREAT, O_DIRECT, O_DIRECTORY, O_DSYNC, O_EXCL, O_LARGEFILE, O_NOATIME, O_NOCTTY, O_NOFOLLOW, O_NONBLOCK, O_PATH, O_RDONLY, O_SYNC, O_TMPFILE, O_TRUNC, O_WRONLY } from '../../abi/fcntl.ts';
import { IN_CREATE, IN_MODIFY, IN_OPEN } from '../../abi/inotify.ts';
import { MS_NODEV } from '../../abi/mount.ts';
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG } from '../../abi/stat.ts';
import { EACCES, EEXIST, EINVAL, EISDIR, ELOOP, ENOENT, ENOTDIR, ENXIO, EPERM, ETXTBSY } from '../errno.ts';
import { openFifo } from '../ipc/fifo.ts';
import type { Task } from '../task/task.ts';
import { DirectoryFile, type OpenFile, PathFile, RegularFile } from './file.ts';
import { Path } from './mount.ts';
import { notify, notifyEntry } from './notify.ts';
import { isOwner, MAY_EXEC, MAY_READ, MAY_WRITE, needAccess, needWritable, ownerOfNew } from './perm.ts';
import { vfsOf } from './vfs.ts';
import { walk } from './walk.ts';

/** Flags that an open description keeps. */
const KEPT = O_ACCMODE | O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME | O_DSYNC | O_SYNC | O_PATH | O_DIRECTORY | O_NOFOLLOW;

export function openAt(task: Task, start: Path, name: string, flags: number, mode: number, resolve = 0): OpenFile {
  if ((flags & O_PATH) !== 0) flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  if ((flags & O_TMPFILE) === O_TMPFILE) return openTemporary(task, start, name, flags, mode, resolve);
  if ((flags & (O_CREAT | O_DIRECTORY)) === (O_CREAT | O_DIRECTORY)) throw EINVAL;
  const creating = (flags & O_CREAT) !== 0;
  const exclusive = creating && (flags & O_EXCL) !== 0;
  const found = walk(task, start, name, { links: (flags & O_NOFOLLOW) !== 0 || exclusive ? 'keep' : 'follow', missing: creating ? 'allowed' : undefined, resolve });
  if (found.path !== undefined) {
    if (exclusive) throw EEXIST;
    if (creating && found.slash) throw EISDIR;
    return openPlace(task, found.path, flags);
  }
  if (found.slash) throw EISDIR;
  const { parent } = found;
  const directory = parent.inode;
  needWritable(parent.mount);
  needAccess(task.creds, directory, MAY_WRITE | MAY_EXEC);
  if (parent.dentry.gone) throw ENOENT;
  const inode = directory.create(found.name, S_IFREG | (mode & 0o7777 & ~task.fs.umask), ownerOfNew(task.creds, directory), 0);
  const path = new Path(parent.mount, parent.dentry.adopt(found.name, inode));
  notifyEntry(directory, IN_CREATE, found.name, inode);
  return describe(task, path, flags);
}

function openTemporary(task: Task, start: Path, name: string, flags: number, mode: number, resolve: number): OpenFile {
  if ((flags & O_ACCMODE) === O_RDONLY) throw EINVAL;
  const { path } = walk(task, start, name, { links: 'follow', resolve });
  const place = path as Path;
  place.inode.mustBeDirectory();
  needWritable(place.mount);
  needAccess(task.creds, place.inode, MAY_WRITE | MAY_EXEC);
  const inode = place.inode.tmpfile(S_IFREG | (mode & 0o7777 & ~task.fs.umask), ownerOfNew(task.creds, place.inode));
  const dentry = place.dentry.nameless(`#${inode.ino}`, inode);
  return describe(task, new Path(place.mount, dentry), flags & ~(O_TMPFILE | O_EXCL));
}

/** Opens an existing place: checks permissions, truncates. */
export function openPlace(task: Task, path: Path, flags: number): OpenFile {
  const { inode, mount } = path;
  const type = inode.type;
  if (type === S_IFLNK) {
    if ((flags & O_PATH) === 0) throw ELOOP;
    if ((flags & O_DIRECTORY) !== 0) throw ENOTDIR;
  }
  if ((flags & O_DIRECTORY) !== 0 && type !== S_IFDIR) throw ENOTDIR;
  if ((flags & O_PATH) !== 0) return new PathFile(inode, path, flags & KEPT);
  const access = flags & O_ACCMODE;
  let want = access === O_RDONLY ? MAY_READ : access === O_WRONLY ? MAY_WRITE : MAY_READ | MAY_WRITE;
  if ((flags & O_TRUNC) !== 0) want |= MAY_WRITE;
  if (type === S_IFDIR && ((want & MAY_WRITE) !== 0 || (flags & O_CREAT) !== 0)) throw EISDIR;
  needAccess(task.creds, inode, want);
  if ((type === S_IFCHR || type === S_IFBLK) && (mount.flags & MS_NODEV) !== 0) throw EACCES;
  if ((want & MAY_WRITE) !== 0 && type === S_IFREG) {
    needWritable(mount);
    if (inode.executions > 0) throw ETXTBSY;
    if ((flags & O_TRUNC) === 0) inode.prepareWrite();
  }
  if ((flags & O_NOATIME) !== 0 && !isOwner(task.creds, inode)) throw EPERM;
  const file = describe(task, path, flags);
  if ((flags & O_TRUNC) !== 0 && type === S_IFREG) {
    inode.truncate(0);
    notify(path, IN_MODIFY);
  }
  return file;
}

/** The open description for a place, permissions granted. */
function describe(task: Task, path: Path, flags: number): OpenFile {
  const kept = (flags & KEPT & ~(O_DIRECTORY | O_NOFOLLOW)) | O_LARGEFILE;
  const { inode } = path;
  const file = inode.open(task, path, kept | (flags & O_NOCTTY)) ?? byType(task, path, kept, flags);
  notify(path, IN_OPEN);
  return file;
}

function byType(task: Task, path: Path, kept: number, flags: number): OpenFile {
  const { inode } = path;
  switch (inode.type) {
    case S_IFREG:
      return new RegularFile(inode, path, kept);
    case S_IFDIR:
      return new DirectoryFile(inode, path, kept | O_DIRECTORY);
    case S_IFIFO:
      return openFifo(path, kept);
    case S_IFCHR:
      return vfsOf(task).openDevice(task, path, flags & ~O_CLOEXEC);
    default:
      throw ENXIO;
  }
}
