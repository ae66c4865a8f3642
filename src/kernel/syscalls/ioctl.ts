/** ioctl(2): requests that every descriptor knows; the rest is the file's. */

import { FIGETBSZ, FIOASYNC, FIOCLEX, FIONBIO, FIONCLEX, FIONREAD } from '../../abi/ioctl.ts';
import { O_ASYNC, O_NONBLOCK } from '../../abi/fcntl.ts';
import type { Fd } from '../../base/flavor.ts';
import { getI32, putU32 } from '../mm/guest.ts';
import type { SysResult } from '../result.ts';
import type { Task } from '../task/task.ts';

export function sys_ioctl(task: Task, fd: Fd, command: number, argument: number): SysResult {
  const file = task.fds.getUsable(fd);
  const set = (bit: number): SysResult => {
    file.flags = getI32(task.mm, argument) !== 0 ? file.flags | bit : file.flags & ~bit;
    return 0;
  };
  switch (command) {
    case FIOCLEX:
    case FIONCLEX:
      task.fds.setCloseOnExec(fd, command === FIOCLEX);
      return 0;
    case FIONBIO:
      return set(O_NONBLOCK);
    case FIOASYNC:
      return set(O_ASYNC);
    case FIGETBSZ:
      if (!file.inode.isRegular && !file.inode.isDirectory) break;
      putU32(task.mm, argument, file.inode.blockSize);
      return 0;
    case FIONREAD:
      if (!file.inode.isRegular) break;
      putU32(task.mm, argument, Math.min(Math.max(file.inode.size - file.position, 0), 0x7fff_ffff));
      return 0;
  }
  return file.ioctl(task, command, argument);
}
