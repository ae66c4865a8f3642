/** truncate(2), ftruncate(2). */

import { AT_FDCWD } from '../../abi/fcntl.ts';
import { IN_MODIFY } from '../../abi/inotify.ts';
import { RLIMIT } from '../../abi/resource.ts';
import { SIG } from '../../abi/signal.ts';
import type { Fd, GuestAddr } from '../../base/flavor.ts';
import { EFBIG, EINVAL, EISDIR, ETXTBSY } from '../errno.ts';
import { readCString } from '../mm/guest.ts';
import { kernelSignal, sendToTask } from '../signal/send.ts';
import type { Task } from '../task/task.ts';
import { lookupAt } from '../vfs/names.ts';
import { notify } from '../vfs/notify.ts';
import { MAY_WRITE, needAccess, needWritable } from '../vfs/perm.ts';

export function needSize(task: Task, size: number): void {
  if (size <= task.process.limits[RLIMIT.FSIZE].soft) return;
  sendToTask(task, kernelSignal(SIG.SIGXFSZ));
  throw EFBIG;
}

export function sys_truncate(task: Task, address: GuestAddr, size: number): number {
  if (size < 0) throw EINVAL;
  const path = lookupAt(task, AT_FDCWD, readCString(task.mm, address));
  const { inode } = path;
  if (inode.isDirectory) throw EISDIR;
  if (!inode.isRegular) throw EINVAL;
  needAccess(task.creds, inode, MAY_WRITE);
  needWritable(path.mount);
  if (inode.executions > 0) throw ETXTBSY;
  needSize(task, size);
  inode.truncate(size);
  notify(path, IN_MODIFY);
  return 0;
}

export function sys_ftruncate(task: Task, fd: Fd, size: number): number {
  if (size < 0) throw EINVAL;
  const file = task.fds.getUsable(fd);
  if (!file.canWrite || !file.inode.isRegular) throw EINVAL;
  needSize(task, size);
  file.truncate(size);
  notify(file.path, IN_MODIFY);
  return 0;
}
