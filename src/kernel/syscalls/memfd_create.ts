/** memfd_create(2). */

import { MFD_ALLOW_SEALING, MFD_CLOEXEC, MFD_EXEC, MFD_NOEXEC_SEAL } from '../../abi/fcntl.ts';
import type { GuestAddr } from '../../base/flavor.ts';
import { EINVAL } from '../errno.ts';
import { makeMemfd } from '../ipc/memfd.ts';
import { readCString } from '../mm/guest.ts';
import type { Task } from '../task/task.ts';
import { vfsOf } from '../vfs/vfs.ts';
import { openLimit } from './dup.ts';

/** NAME_MAX without `memfd:`. */
const NAME_LIMIT = 249;

export function sys_memfd_create(task: Task, nameAt: GuestAddr, flags: number): number {
  if ((flags & ~(MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL | MFD_EXEC)) !== 0 || (flags & (MFD_EXEC | MFD_NOEXEC_SEAL)) === (MFD_EXEC | MFD_NOEXEC_SEAL)) throw EINVAL;
  const name = readCString(task.mm, nameAt, NAME_LIMIT + 1, EINVAL);
  return task.fds.install(makeMemfd(vfsOf(task), name, flags, task.creds), openLimit(task), (flags & MFD_CLOEXEC) !== 0);
}
