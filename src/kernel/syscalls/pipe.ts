/** pipe(2). */

import { O_CLOEXEC, O_DIRECT, O_NONBLOCK } from '../../abi/fcntl.ts';
import { RLIMIT } from '../../abi/resource.ts';
import type { GuestAddr } from '../../base/flavor.ts';
import { EINVAL } from '../errno.ts';
import { makePipe } from '../ipc/pipe.ts';
import { putU32, view } from '../mm/guest.ts';
import type { Task } from '../task/task.ts';

export const sys_pipe = (task: Task, address: GuestAddr): number => sys_pipe2(task, address, 0);

export function sys_pipe2(task: Task, address: GuestAddr, flags: number): number {
  if (flags & ~(O_CLOEXEC | O_NONBLOCK | O_DIRECT)) throw EINVAL;
  view(task.mm, address, 8, 'write');
  const limit = task.process.limits[RLIMIT.NOFILE].soft;
  task.fds.reserve(2, limit);
  const closeOnExec = (flags & O_CLOEXEC) !== 0;
  const [reader, writer] = makePipe(flags & ~O_CLOEXEC);
  const readFd = task.fds.install(reader, limit, closeOnExec);
  const writeFd = task.fds.install(writer, limit, closeOnExec);
  putU32(task.mm, address, readFd);
  putU32(task.mm, address + 4, writeFd);
  return 0;
}
