/** flock(2). */

import { LOCK_EX, LOCK_NB, LOCK_SH, LOCK_UN } from '../../abi/fcntl.ts';
import type { Fd } from '../../base/flavor.ts';
import { EAGAIN, EINVAL } from '../errno.ts';
import { type SysResult, WOULD_BLOCK } from '../result.ts';
import { block } from '../task/block.ts';
import type { Task } from '../task/task.ts';
import { FileLocks } from '../vfs/locks.ts';

export function sys_flock(task: Task, fd: Fd, operation: number): SysResult {
  const file = task.fds.getUsable(fd);
  const what = operation & ~LOCK_NB;
  if (what === LOCK_UN) {
    file.inode.locks?.unflock(file);
    return 0;
  }
  if (what !== LOCK_SH && what !== LOCK_EX) throw EINVAL;
  const locks = (file.inode.locks ??= new FileLocks());
  const attempt = (): SysResult => (locks.flock(file, what === LOCK_EX ? 'exclusive' : 'shared') ? 0 : WOULD_BLOCK);
  if (attempt() === 0) return 0;
  if ((operation & LOCK_NB) !== 0) throw EAGAIN;
  return block(task, [locks.queue], attempt);
}
