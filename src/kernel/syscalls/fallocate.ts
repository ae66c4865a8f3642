/** fallocate(2). */

import { FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE, FALLOC_FL_ZERO_RANGE } from '../../abi/fcntl.ts';
import { IN_MODIFY } from '../../abi/inotify.ts';
import { S_IFIFO } from '../../abi/stat.ts';
import type { Fd } from '../../base/flavor.ts';
import { EBADF, EFBIG, EINVAL, EISDIR, ENODEV, EOPNOTSUPP, ESPIPE } from '../errno.ts';
import type { Task } from '../task/task.ts';
import { MAX_OFFSET } from '../vfs/file.ts';
import { notify } from '../vfs/notify.ts';
import { needSize } from './truncate.ts';

export function sys_fallocate(task: Task, fd: Fd, mode: number, offset: number, length: number): number {
  const file = task.fds.getUsable(fd);
  if (offset < 0 || length <= 0) throw EINVAL;
  const keepsSize = (mode & FALLOC_FL_KEEP_SIZE) !== 0;
  const punches = (mode & FALLOC_FL_PUNCH_HOLE) !== 0;
  const zeroes = (mode & FALLOC_FL_ZERO_RANGE) !== 0;
  if ((mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)) !== 0 || (punches && (zeroes || !keepsSize))) throw EOPNOTSUPP;
  if (!file.canWrite) throw EBADF;
  const { inode } = file;
  if (inode.type === S_IFIFO) throw ESPIPE;
  if (inode.isDirectory) throw EISDIR;
  if (!inode.isRegular) throw ENODEV;
  const end = offset + length;
  if (end > MAX_OFFSET) throw EFBIG;
  if (!keepsSize && end > inode.size) {
    needSize(task, end);
    file.truncate(end);
  }
  if ((punches || zeroes) && offset < inode.size) inode.punch(offset, Math.min(length, inode.size - offset));
  notify(file.path, IN_MODIFY);
  return 0;
}
