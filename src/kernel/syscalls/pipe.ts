/** pipe(2), pipe2(2). */

import { O_CLOEXEC, O_DIRECT, O_NONBLOCK } from '../../abi/fcntl.ts';
import type { GuestAddr } from '../../base/flavor.ts';
import { EINVAL } from '../errno.ts';
import { makePipe } from '../ipc/pipe.ts';
import { view } from '../mm/guest.ts';
import type { Task } from '../task/task.ts';
import type { OpenFile } from '../vfs/file.ts';
import { openLimit } from './dup.ts';

/** Installs two descriptions and tells the guest their numbers, or does nothing. */
export function installPair(task: Task, out: GuestAddr, pair: readonly [OpenFile, OpenFile], closeOnExec: boolean): number {
  const bytes = view(task.mm, out, 8, 'write');
  const limit = openLimit(task);
  task.fds.reserve(2, limit);
  const numbers = pair.map((file) => task.fds.install(file, limit, closeOnExec));
  new DataView(bytes.buffer, bytes.byteOffset, 8).setUint32(0, numbers[0], true);
  new DataView(bytes.buffer, bytes.byteOffset, 8).setUint32(4, numbers[1], true);
  return 0;
}

export function sys_pipe2(task: Task, out: GuestAddr, flags: number): number {
  if ((flags & ~(O_CLOEXEC | O_DIRECT | O_NONBLOCK)) !== 0) throw EINVAL;
  return installPair(task, out, makePipe(flags & (O_DIRECT | O_NONBLOCK)), (flags & O_CLOEXEC) !== 0);
}

export const sys_pipe = (task: Task, out: GuestAddr): number => sys_pipe2(task, out, 0);
