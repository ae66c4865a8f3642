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
  const kind = operation & ~LOCK_NB;
  if (kind === LOCK_UN) {
    file.inode.locks?.unflock(file);
    return 0;
  }
  if (kind !== LOCK_SH && kind !== LOCK_EX) throw EINVAL;
  file.inode.locks ??= new FileLocks();
  const { locks } = file.inode;
  const attempt = (): SysResult => (locks.flock(file, kind === LOCK_EX ? 'exclusive' : 'shared') ? 0 : WOULD_BLOCK);
  const result = attempt();
  if (result !== WOULD_BLOCK) return result;
  if (operation & LOCK_NB) throw EAGAIN;
  return block(task, [locks.queue], attempt);
}
