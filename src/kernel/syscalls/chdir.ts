/** chdir(2), fchdir(2), getcwd(2), chroot(2), umask(2). */

import { AT_FDCWD } from '../../abi/fcntl.ts';
import { bytesOf } from '../../base/bytes.ts';
import type { Fd, GuestAddr } from '../../base/flavor.ts';
import { ENOENT, EPERM, ERANGE } from '../errno.ts';
import { readCString, view } from '../mm/guest.ts';
import { CAP, hasCap } from '../task/creds.ts';
import type { Task } from '../task/task.ts';
import { directoryPath } from '../vfs/file.ts';
import { type Path, pathName } from '../vfs/mount.ts';
import { lookupAt } from '../vfs/names.ts';
import { MAY_EXEC, needAccess } from '../vfs/perm.ts';

function enter(task: Task, path: Path): Path {
  path.inode.mustBeDirectory();
  needAccess(task.creds, path.inode, MAY_EXEC);
  return path;
}

export function sys_chdir(task: Task, path: GuestAddr): number {
  task.fs.cwd = enter(task, lookupAt(task, AT_FDCWD, readCString(task.mm, path)));
  return 0;
}

export function sys_fchdir(task: Task, fd: Fd): number {
  task.fs.cwd = enter(task, directoryPath(task.fds.get(fd)));
  return 0;
}

export function sys_getcwd(task: Task, buffer: GuestAddr, size: number): number {
  const { name, deleted, reachable } = pathName(task.fs.cwd, task.fs.root);
  if (deleted) throw ENOENT;
  const bytes = bytesOf(`${reachable ? '' : '(unreachable)'}${name}\0`);
  if (size < bytes.length) throw ERANGE;
  view(task.mm, buffer, bytes.length, 'write').set(bytes);
  return bytes.length;
}

export function sys_chroot(task: Task, path: GuestAddr): number {
  const place = enter(task, lookupAt(task, AT_FDCWD, readCString(task.mm, path)));
  if (!hasCap(task.creds, CAP.SYS_CHROOT)) throw EPERM;
  task.fs.root = place;
  return 0;
}

export function sys_umask(task: Task, mask: number): number {
  const before = task.fs.umask;
  task.fs.umask = mask & 0o777;
  return before;
}
