/** setxattr(2), getxattr(2), listxattr(2), removexattr(2) and their l and f forms (xattr(7)). */

import { AT_FDCWD } from '../../abi/fcntl.ts';
import { IN_ATTRIB } from '../../abi/inotify.ts';
import { S_ISVTX } from '../../abi/stat.ts';
import { XATTR_CREATE, XATTR_LIST_MAX, XATTR_NAME_MAX, XATTR_REPLACE, XATTR_SIZE_MAX } from '../../abi/xattr.ts';
import { bytesOf } from '../../base/bytes.ts';
import type { Fd, GuestAddr } from '../../base/flavor.ts';
import { E2BIG, EEXIST, EINVAL, ENODATA, EOPNOTSUPP, EPERM, ERANGE } from '../errno.ts';
import { readBytes, readCString, writeBytes } from '../mm/guest.ts';
import { CAP, hasCap } from '../task/creds.ts';
import type { Task } from '../task/task.ts';
import type { Inode } from '../vfs/inode.ts';
import type { Path } from '../vfs/mount.ts';
import { lookupAt } from '../vfs/names.ts';
import { notify, notifyInode } from '../vfs/notify.ts';
import { isOwner, MAY_READ, MAY_WRITE, needAccess, needWritable } from '../vfs/perm.ts';

interface Target {
  readonly inode: Inode;
  /** Undefined for pipes, sockets and the like. */
  readonly path: Path | undefined;
}

type Access = 'read' | 'write';

const followed = (task: Task, address: GuestAddr): Target => place(lookupAt(task, AT_FDCWD, readCString(task.mm, address)));
const itself = (task: Task, address: GuestAddr): Target => place(lookupAt(task, AT_FDCWD, readCString(task.mm, address), 'keep'));
const opened = (task: Task, fd: Fd): Target => task.fds.getUsable(fd);
const place = (path: Path): Target => ({ inode: path.inode, path });

const nameAt = (task: Task, address: GuestAddr): string => {
  const name = readCString(task.mm, address, XATTR_NAME_MAX + 1, ERANGE);
  if (name === '') throw ERANGE;
  return name;
};

/** Who may use an attribute, by the class that its name begins with. */
function needPermission(task: Task, inode: Inode, name: string, access: Access): void {
  const { creds } = task;
  if (name.startsWith('security.')) {
    if (access === 'write' && !hasCap(creds, name === 'security.capability' ? CAP.SETFCAP : CAP.SYS_ADMIN)) throw EPERM;
    return;
  }
  if (name.startsWith('trusted.')) {
    if (!hasCap(creds, CAP.SYS_ADMIN)) throw access === 'write' ? EPERM : ENODATA;
    return;
  }
  // No access control lists, hence nothing in `system.`.
  if (!name.startsWith('user.')) throw EOPNOTSUPP;
  if (!inode.isRegular && !inode.isDirectory) throw access === 'write' ? EPERM : ENODATA;
  if (inode.isDirectory && (inode.mode & S_ISVTX) !== 0 && access === 'write' && !isOwner(creds, inode)) throw EPERM;
  needAccess(creds, inode, access === 'write' ? MAY_WRITE : MAY_READ);
}

function changed({ inode, path }: Target): void {
  if (path === undefined) notifyInode(inode, IN_ATTRIB);
  else notify(path, IN_ATTRIB);
}

function set(task: Task, target: Target, nameAddress: GuestAddr, valueAt: GuestAddr, size: number, flags: number): number {
  if ((flags & ~(XATTR_CREATE | XATTR_REPLACE)) !== 0) throw EINVAL;
  const name = nameAt(task, nameAddress);
  if (size > XATTR_SIZE_MAX) throw E2BIG;
  const value = readBytes(task.mm, valueAt, size);
  const { inode, path } = target;
  if (path !== undefined) needWritable(path.mount);
  needPermission(task, inode, name, 'write');
  const exists = inode.getxattr(name) !== undefined;
  if (exists && (flags & XATTR_CREATE) !== 0) throw EEXIST;
  if (!exists && (flags & XATTR_REPLACE) !== 0) throw ENODATA;
  inode.setxattr(name, value);
  changed(target);
  return 0;
}

function get(task: Task, { inode }: Target, nameAddress: GuestAddr, valueAt: GuestAddr, size: number): number {
  const name = nameAt(task, nameAddress);
  needPermission(task, inode, name, 'read');
  const value = inode.getxattr(name);
  if (value === undefined) throw ENODATA;
  if (size === 0) return value.length;
  if (size < value.length) throw ERANGE;
  writeBytes(task.mm, valueAt, value);
  return value.length;
}

function list(task: Task, { inode }: Target, listAt: GuestAddr, size: number): number {
  const names = inode.listxattr().filter((name) => !name.startsWith('trusted.') || hasCap(task.creds, CAP.SYS_ADMIN));
  const bytes = bytesOf(names.map((name) => `${name}\0`).join(''));
  if (size === 0) return bytes.length;
  if (size < bytes.length) throw bytes.length > XATTR_LIST_MAX ? E2BIG : ERANGE;
  writeBytes(task.mm, listAt, bytes);
  return bytes.length;
}

function remove(task: Task, target: Target, nameAddress: GuestAddr): number {
  const name = nameAt(task, nameAddress);
  const { inode, path } = target;
  if (path !== undefined) needWritable(path.mount);
  needPermission(task, inode, name, 'write');
  if (inode.getxattr(name) === undefined) throw ENODATA;
  inode.setxattr(name, undefined);
  changed(target);
  return 0;
}

export const sys_setxattr = (task: Task, path: GuestAddr, name: GuestAddr, value: GuestAddr, size: number, flags: number): number => set(task, followed(task, path), name, value, size, flags);
export const sys_lsetxattr = (task: Task, path: GuestAddr, name: GuestAddr, value: GuestAddr, size: number, flags: number): number => set(task, itself(task, path), name, value, size, flags);
export const sys_fsetxattr = (task: Task, fd: Fd, name: GuestAddr, value: GuestAddr, size: number, flags: number): number => set(task, opened(task, fd), name, value, size, flags);
export const sys_getxattr = (task: Task, path: GuestAddr, name: GuestAddr, value: GuestAddr, size: number): number => get(task, followed(task, path), name, value, size);
export const sys_lgetxattr = (task: Task, path: GuestAddr, name: GuestAddr, value: GuestAddr, size: number): number => get(task, itself(task, path), name, value, size);
export const sys_fgetxattr = (task: Task, fd: Fd, name: GuestAddr, value: GuestAddr, size: number): number => get(task, opened(task, fd), name, value, size);
export const sys_listxattr = (task: Task, path: GuestAddr, names: GuestAddr, size: number): number => list(task, followed(task, path), names, size);
export const sys_llistxattr = (task: Task, path: GuestAddr, names: GuestAddr, size: number): number => list(task, itself(task, path), names, size);
export const sys_flistxattr = (task: Task, fd: Fd, names: GuestAddr, size: number): number => list(task, opened(task, fd), names, size);
export const sys_removexattr = (task: Task, path: GuestAddr, name: GuestAddr): number => remove(task, followed(task, path), name);
export const sys_lremovexattr = (task: Task, path: GuestAddr, name: GuestAddr): number => remove(task, itself(task, path), name);
export const sys_fremovexattr = (task: Task, fd: Fd, name: GuestAddr): number => remove(task, opened(task, fd), name);
