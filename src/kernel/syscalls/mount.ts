/** mount(2), umount2(2). One name space for all; the file systems are those that the kernel has itself. */

import { AT_FDCWD } from '../../abi/fcntl.ts';
import { MNT_DETACH, MNT_FORCE, MS_BIND, MS_MANDLOCK, MS_MOVE, MS_PRIVATE, MS_REC, MS_REMOUNT, MS_SHARED, MS_SILENT, MS_SLAVE, MS_UNBINDABLE, UMOUNT_NOFOLLOW } from '../../abi/mount.ts';
import type { GuestAddr } from '../../base/flavor.ts';
import { EBUSY, EINVAL, ENODEV, ENOTDIR, EPERM } from '../errno.ts';
import { makeDevfs } from '../fs/devices.ts';
import { DevptsFs } from '../fs/devpts.ts';
import { ProcFs } from '../fs/procfs.ts';
import { SysFs } from '../fs/sysfs.ts';
import { Tmpfs } from '../fs/tmpfs.ts';
import { PATH_MAX, readCString } from '../mm/guest.ts';
import { CAP, hasCap } from '../task/creds.ts';
import type { Task } from '../task/task.ts';
import type { FileSystem } from '../vfs/inode.ts';
import { type Mount, MOUNT_FLAGS, Path } from '../vfs/mount.ts';
import { lookupAt } from '../vfs/names.ts';
import { type Vfs, vfsOf } from '../vfs/vfs.ts';

/** Old callers put this into the upper half of the flags. */
const MS_MGC_VAL = 0xc0ed_0000,
  MS_MGC_MSK = 0xffff_0000;
const PROPAGATION = MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE;

/** `key=value,…` of tmpfs(5). */
function tmpfs(vfs: Vfs, data: string): Tmpfs {
  const options: { limitBytes?: number; mode?: number; uid?: number; gid?: number } = {};
  for (const word of data.split(',')) {
    if (word === '') continue;
    const [key, value = ''] = word.split('=');
    switch (key) {
      case 'size': {
        const parts = /^(\d+)([kmg]?)$/i.exec(value);
        if (parts === null) throw EINVAL;
        options.limitBytes = Number(parts[1]) * 1024 ** ['', 'k', 'm', 'g'].indexOf(parts[2].toLowerCase()) || Number.POSITIVE_INFINITY;
        break;
      }
      case 'mode':
        if (!/^[0-7]+$/.test(value)) throw EINVAL;
        options.mode = Number.parseInt(value, 8) & 0o7777;
        break;
      case 'uid':
      case 'gid':
        if (!/^\d+$/.test(value)) throw EINVAL;
        options[key] = Number(value);
        break;
      case 'nr_blocks':
      case 'nr_inodes':
      case 'huge':
      case 'mpol':
      case 'inode32':
      case 'inode64':
      case 'noswap':
        break;
      default:
        throw EINVAL;
    }
  }
  return new Tmpfs({ memory: vfs.memory, now: () => vfs.now(), charge: vfs.charge, ...options });
}

// biome-ignore format: a table
const TYPES: Readonly<Record<string, (vfs: Vfs, data: string) => FileSystem>> = {
  tmpfs:    tmpfs,
  ramfs:    (vfs) => tmpfs(vfs, ''),
  proc:     (vfs) => new ProcFs(vfs),
  sysfs:    (vfs) => new SysFs(vfs),
  devpts:   (vfs) => new DevptsFs(vfs),
  devtmpfs: (vfs) => makeDevfs(vfs),
};

/** File systems of which there is one, however often it is mounted. */
const SINGLE = new Set(['proc', 'sysfs', 'devpts', 'devtmpfs']);

function needAdmin(task: Task): void {
  if (!hasCap(task.creds, CAP.SYS_ADMIN)) throw EPERM;
}

/** The mount whose root a place is. */
function mountAt(path: Path): Mount {
  if (path.dentry !== path.mount.root) throw EINVAL;
  return path.mount;
}

function bind(task: Task, sourceAt: GuestAddr, target: Path, flags: number): void {
  const { mounts } = vfsOf(task);
  const source = lookupAt(task, AT_FDCWD, readCString(task.mm, sourceAt));
  const below = (flags & MS_REC) === 0 ? [] : mounts.list.filter(({ at }) => at?.mount === source.mount && at.dentry.isUnder(source.dentry));
  const made = mounts.mount(target, source.mount.fs, source.mount.source, source.mount.flags, source.dentry);
  // Names are shared between the two places, so a covered dentry covers in both.
  for (const { at, fs, source: name, flags: held, root } of below) if (at !== undefined) mounts.mount(new Path(made, at.dentry), fs, name, held, root);
}

function mountNew(task: Task, sourceAt: GuestAddr, target: Path, typeAt: GuestAddr, flags: number, data: string): void {
  if (typeAt === 0) throw EINVAL;
  const type = readCString(task.mm, typeAt);
  const make = Object.hasOwn(TYPES, type) ? TYPES[type] : undefined;
  if (make === undefined) throw ENODEV;
  const vfs = vfsOf(task);
  const source = sourceAt === 0 ? 'none' : readCString(task.mm, sourceAt);
  if (!target.inode.isDirectory) throw ENOTDIR;
  const held = flags & MOUNT_FLAGS;
  const other = SINGLE.has(type) ? vfs.mounts.list.find(({ fs }) => fs.type === type) : undefined;
  if (other === undefined) vfs.mounts.mount(target, make(vfs, data), source, held);
  else vfs.mounts.mount(target, other.fs, source, held, other.root);
}

export function sys_mount(task: Task, sourceAt: GuestAddr, targetAt: GuestAddr, typeAt: GuestAddr, flags: number, dataAt: GuestAddr): number {
  const data = dataAt === 0 ? '' : readCString(task.mm, dataAt, PATH_MAX, EINVAL);
  const target = lookupAt(task, AT_FDCWD, readCString(task.mm, targetAt));
  needAdmin(task);
  if ((flags & MS_MGC_MSK) >>> 0 === MS_MGC_VAL) flags &= 0xffff;
  flags &= ~(MS_SILENT | MS_MANDLOCK);
  if ((flags & MS_REMOUNT) !== 0) {
    const mount = mountAt(target);
    mount.flags = (mount.flags & ~MOUNT_FLAGS) | (flags & MOUNT_FLAGS);
  } else if ((flags & MS_BIND) !== 0) bind(task, sourceAt, target, flags);
  else if ((flags & PROPAGATION) !== 0) mountAt(target);
  else if ((flags & MS_MOVE) !== 0 || target.same(vfsOf(task).mounts.root)) throw (flags & MS_MOVE) !== 0 ? EINVAL : EBUSY;
  else mountNew(task, sourceAt, target, typeAt, flags, data);
  return 0;
}

/** Somebody has a file open on it, or stands in it. */
function busy(task: Task, mount: Mount): boolean {
  for (const { fds, fs } of task.kernel.tasks.values()) {
    if (fs.cwd.mount === mount || fs.root.mount === mount) return true;
    for (const [, file] of fds) if (file.path?.mount === mount) return true;
  }
  return false;
}

function detach(vfs: Vfs, mount: Mount): void {
  for (const child of vfs.mounts.list.filter(({ at }) => at?.mount === mount)) detach(vfs, child);
  vfs.mounts.unmount(mount);
}

export function sys_umount2(task: Task, targetAt: GuestAddr, flags: number): number {
  if ((flags & ~(MNT_FORCE | MNT_DETACH | UMOUNT_NOFOLLOW)) !== 0) throw EINVAL;
  const path = lookupAt(task, AT_FDCWD, readCString(task.mm, targetAt), (flags & UMOUNT_NOFOLLOW) !== 0 ? 'keep' : 'follow');
  needAdmin(task);
  const vfs = vfsOf(task);
  const mount = mountAt(path);
  if ((flags & MNT_DETACH) !== 0) detach(vfs, mount);
  else {
    if (busy(task, mount)) throw EBUSY;
    vfs.mounts.unmount(mount);
  }
  mount.fs.sync();
  return 0;
}
