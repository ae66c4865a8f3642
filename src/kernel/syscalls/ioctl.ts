/** ioctl(2): the commands that any descriptor takes; the rest is the file's own. */

import { O_ASYNC, O_NONBLOCK } from '../../abi/fcntl.ts';
import type { Fd } from '../../base/flavor.ts';
import { EBADF } from '../errno.ts';
import { getU32, putU32 } from '../mm/guest.ts';
import type { SysResult } from '../result.ts';
import type { Task } from '../task/task.ts';
import type { OpenFile } from '../vfs/file.ts';

const FIONCLEX = 0x5450, FIOCLEX = 0x5451, FIONBIO = 0x5421, FIOASYNC = 0x5452, FIONREAD = 0x541b, FIOQSIZE = 0x5460;

type Command = (task: Task, file: OpenFile, fd: Fd, argument: number) => SysResult;

const flag = (bit: number): Command => (task, file, _fd, argument) => {
  file.flags = getU32(task.mm, argument) === 0 ? file.flags & ~bit : file.flags | bit;
  return 0;
};
const closeOnExec = (on: boolean): Command => (task, _file, fd) => {
  task.fds.setCloseOnExec(fd, on);
  return 0;
};

// biome-ignore format: a table
const COMMANDS: Readonly<Record<number, Command>> = {
  [FIONBIO]:  flag(O_NONBLOCK),
  [FIONCLEX]: closeOnExec(false),
  [FIOCLEX]:  closeOnExec(true),
  [FIOASYNC]: flag(O_ASYNC),
};

export function sys_ioctl(task: Task, fd: Fd, command: number, argument: number): SysResult {
  const file = task.fds.get(fd);
  if (file.isPath) throw EBADF;
  const common = COMMANDS[command];
  if (common !== undefined) return common(task, file, fd, argument);
  if ((command === FIONREAD || command === FIOQSIZE) && file.inode.isRegular) {
    const { size } = file.inode;
    if (command === FIONREAD) putU32(task.mm, argument, Math.max(size - file.position, 0));
    else {
      putU32(task.mm, argument, size % 0x1_0000_0000);
      putU32(task.mm, argument + 4, Math.floor(size / 0x1_0000_0000));
    }
    return 0;
  }
  return file.ioctl(task, command, argument);
}
