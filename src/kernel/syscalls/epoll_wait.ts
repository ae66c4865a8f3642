/** epoll_wait(2), epoll_pwait(2), epoll_pwait2(2). */

import { EPOLL_EVENT_BYTES } from '../../abi/poll.ts';
import type { Fd, GuestAddr } from '../../base/flavor.ts';
import { EINTR, EINVAL } from '../errno.ts';
import { EpollFile } from '../ipc/epoll.ts';
import { getBig, readTimespec, view } from '../mm/guest.ts';
import { type SysResult, WOULD_BLOCK } from '../result.ts';
import { block } from '../task/block.ts';
import type { Task } from '../task/task.ts';
import { useTemporaryMask } from './sigprocmask.ts';

const FOREVER = Number.POSITIVE_INFINITY;
const MAX_EVENTS = Math.floor(0x7fff_ffff / EPOLL_EVENT_BYTES);
const interrupted = (): SysResult => -EINTR.errno;

function wait(task: Task, epfd: Fd, address: GuestAddr, limit: number, timeoutNs: number): SysResult {
  if (limit <= 0 || limit > MAX_EVENTS) throw EINVAL;
  const epoll = task.fds.getUsable(epfd);
  if (!(epoll instanceof EpollFile)) throw EINVAL;
  const collect = (): number =>
    epoll.collect(limit, (index, events, data) => {
      const { buffer, byteOffset } = view(task.mm, address + index * EPOLL_EVENT_BYTES, EPOLL_EVENT_BYTES, 'write');
      const out = new DataView(buffer, byteOffset, EPOLL_EVENT_BYTES);
      out.setUint32(0, events, true);
      out.setBigUint64(4, data, true);
    });
  const count = collect();
  if (count > 0 || timeoutNs === 0) return count;
  epoll.retain();
  return block(task, epoll.readQueues, () => collect() || WOULD_BLOCK, {
    deadlineNs: task.kernel.host.monotonicNs() + timeoutNs,
    restart: 'never',
    interrupted,
    cleanup: () => epoll.release(),
  });
}

const milliseconds = (timeout: number): number => (timeout < 0 ? FOREVER : timeout * 1e6);

function mask(task: Task, maskAt: GuestAddr, size: number): void {
  if (maskAt === 0) return;
  if (size !== 8) throw EINVAL;
  useTemporaryMask(task, getBig(task.mm, maskAt));
}

export const sys_epoll_wait = (task: Task, epfd: Fd, address: GuestAddr, limit: number, timeoutMs: number): SysResult => wait(task, epfd, address, limit, milliseconds(timeoutMs));

export function sys_epoll_pwait(task: Task, epfd: Fd, address: GuestAddr, limit: number, timeoutMs: number, maskAt: GuestAddr, size: number): SysResult {
  mask(task, maskAt, size);
  return wait(task, epfd, address, limit, milliseconds(timeoutMs));
}

export function sys_epoll_pwait2(task: Task, epfd: Fd, address: GuestAddr, limit: number, timeoutAt: GuestAddr, maskAt: GuestAddr, size: number): SysResult {
  const timeoutNs = timeoutAt === 0 ? FOREVER : readTimespec(task.mm, timeoutAt);
  mask(task, maskAt, size);
  return wait(task, epfd, address, limit, timeoutNs);
}
