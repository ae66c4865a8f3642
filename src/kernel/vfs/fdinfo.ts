/** /proc/<pid>/fdinfo/N (proc_pid_fdinfo(5)). */

import { O_CLOEXEC } from '../../abi/fcntl.ts';
import type { Fd } from '../../base/flavor.ts';
import type { Task } from '../task/task.ts';

export function fdInfo(task: Task, fd: Fd): string {
  const file = task.fds.get(fd);
  const flags = file.flags | (task.fds.isCloseOnExec(fd) ? O_CLOEXEC : 0);
  return `pos:\t${file.position}\nflags:\t0${flags.toString(8)}\nmnt_id:\t${file.path?.mount.id ?? 0}\nino:\t${file.inode.ino}\n${file.info()}`;
}
