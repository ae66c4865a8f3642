/** getdents64(2), getdents(2). */

import { direntType } from '../../abi/stat.ts';
import { bytesOf } from '../../base/bytes.ts';
import type { Fd, GuestAddr } from '../../base/flavor.ts';
import { EINVAL, ENOENT, ENOTDIR } from '../errno.ts';
import { view } from '../mm/guest.ts';
import type { Task } from '../task/task.ts';
import { DirectoryFile } from '../vfs/file.ts';

/** struct linux_dirent64 and the older struct linux_dirent differ in where the type is. */
function list(task: Task, fd: Fd, buffer: GuestAddr, size: number, layout: 'new' | 'old'): number {
  const file = task.fds.getUsable(fd);
  if (!(file instanceof DirectoryFile)) throw ENOTDIR;
  if (file.path?.dentry.gone === true && file.position === 0) throw ENOENT;
  const out = view(task.mm, buffer, size, 'write');
  const data = new DataView(out.buffer, out.byteOffset, out.length);
  const nameAt = layout === 'new' ? 19 : 18;
  let done = 0;
  while (true) {
    const entry = file.entryAt(file.position);
    if (entry === undefined) return done;
    const length = (nameAt + entry.name.length + 1 + (layout === 'new' ? 0 : 1) + 7) & ~7;
    if (done + length > size) {
      if (done === 0) throw EINVAL;
      return done;
    }
    file.position++;
    data.setBigUint64(done, BigInt(entry.ino), true);
    data.setBigUint64(done + 8, BigInt(file.position), true);
    data.setUint16(done + 16, length, true);
    out.fill(0, done + nameAt, done + length);
    if (layout === 'new') out[done + 18] = direntType(entry.type);
    else out[done + length - 1] = direntType(entry.type);
    out.set(bytesOf(entry.name), done + nameAt);
    done += length;
  }
}

export const sys_getdents64 = (task: Task, fd: Fd, buffer: GuestAddr, size: number): number => list(task, fd, buffer, size, 'new');

export const sys_getdents = (task: Task, fd: Fd, buffer: GuestAddr, size: number): number => list(task, fd, buffer, size, 'old');
