/** epoll_ctl(2). */

import { EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD } from '../../abi/poll.ts';
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFREG } from '../../abi/stat.ts';
import type { Fd, GuestAddr } from '../../base/flavor.ts';
import { EINVAL, EPERM } from '../errno.ts';
import { EpollFile } from '../ipc/epoll.ts';
import { getBig, getU32 } from '../mm/guest.ts';
import type { Task } from '../task/task.ts';
import type { OpenFile } from '../vfs/file.ts';

/** /dev/null, /dev/zero, /dev/full: always ready, so that there is nothing to wait for. */
const ALWAYS_READY = new Set([0x103, 0x105, 0x107]);

function needPollable({ inode }: OpenFile): void {
  const { type } = inode;
  if (type === S_IFREG || type === S_IFDIR || type === S_IFBLK || (type === S_IFCHR && ALWAYS_READY.has(inode.rdev))) throw EPERM;
}

export function sys_epoll_ctl(task: Task, epfd: Fd, op: number, fd: Fd, eventAt: GuestAddr): number {
  const event = op === EPOLL_CTL_DEL ? { events: 0, data: 0n } : { events: getU32(task.mm, eventAt), data: getBig(task.mm, eventAt + 4) };
  const epoll = task.fds.getUsable(epfd);
  const file = task.fds.getUsable(fd);
  needPollable(file);
  if (!(epoll instanceof EpollFile) || epoll === file) throw EINVAL;
  switch (op) {
    case EPOLL_CTL_ADD:
      epoll.add(file, fd, event);
      return 0;
    case EPOLL_CTL_MOD:
      epoll.modify(file, fd, event);
      return 0;
    case EPOLL_CTL_DEL:
      epoll.delete(file, fd);
      return 0;
    default:
      throw EINVAL;
  }
}
