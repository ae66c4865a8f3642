/** poll(2), ppoll(2). */

import { POLLERR, POLLHUP, POLLNVAL } from '../../abi/poll.ts';
import { RLIMIT } from '../../abi/resource.ts';
import type { GuestAddr } from '../../base/flavor.ts';
import { EINTR, EINVAL } from '../errno.ts';
import { getBig, readTimespec, view } from '../mm/guest.ts';
import { type SysResult, WOULD_BLOCK } from '../result.ts';
import { block } from '../task/block.ts';
import type { Task } from '../task/task.ts';
import type { OpenFile } from '../vfs/file.ts';
import type { WaitQueue } from '../wait.ts';
import { useTemporaryMask } from './sigprocmask.ts';

const POLLFD_BYTES = 8;

interface Entry {
  /** Undefined: not open. `null`: a negative number, which asks nothing. */
  readonly file: OpenFile | undefined | null;
  readonly events: number;
}

/** Waits until `attempt` counts something, on all files at once. */
export function waitForFiles(task: Task, files: readonly OpenFile[], attempt: () => number, timeoutNs: number): SysResult {
  const result = attempt();
  if (result > 0 || timeoutNs === 0) return result;
  const queues = new Set<WaitQueue>();
  for (const file of files) queues.add(file.readQueue).add(file.writeQueue);
  for (const file of files) file.retain();
  return block(task, [...queues], () => attempt() || WOULD_BLOCK, {
    deadlineNs: task.kernel.host.monotonicNs() + timeoutNs,
    timedOut: () => attempt(),
    restart: 'unlessHandler',
    interrupted: () => -EINTR.errno,
    cleanup: () => {
      for (const file of files) file.release();
    },
  });
}

function poll(task: Task, address: GuestAddr, count: number, timeoutNs: number): SysResult {
  if (count > task.process.limits[RLIMIT.NOFILE].soft) throw EINVAL;
  const bytes = view(task.mm, address, count * POLLFD_BYTES, 'write');
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const entries: Entry[] = [];
  for (let index = 0; index < count; index++) {
    const fd = data.getInt32(index * POLLFD_BYTES, true);
    const events = data.getUint16(index * POLLFD_BYTES + 4, true);
    entries.push({ file: fd < 0 ? null : task.fds.has(fd) ? task.fds.get(fd) : undefined, events });
  }
  const files = entries.flatMap(({ file }) => file ?? []);
  const attempt = (): number => {
    const out = view(task.mm, address, count * POLLFD_BYTES, 'write');
    let ready = 0;
    for (let index = 0; index < count; index++) {
      const { file, events } = entries[index];
      const found = file === null ? 0 : file === undefined || file.isPath ? POLLNVAL : file.poll() & (events | POLLERR | POLLHUP);
      out[index * POLLFD_BYTES + 6] = found & 0xff;
      out[index * POLLFD_BYTES + 7] = found >> 8;
      if (found !== 0) ready++;
    }
    return ready;
  };
  return waitForFiles(task, files, attempt, timeoutNs);
}

export const sys_poll = (task: Task, address: GuestAddr, count: number, timeoutMs: number): SysResult => poll(task, address, count, timeoutMs < 0 ? Number.POSITIVE_INFINITY : timeoutMs * 1e6);

export function sys_ppoll(task: Task, address: GuestAddr, count: number, timeoutAt: GuestAddr, maskAt: GuestAddr, size: number): SysResult {
  const timeoutNs = timeoutAt === 0 ? Number.POSITIVE_INFINITY : readTimespec(task.mm, timeoutAt);
  if (maskAt !== 0) {
    if (size !== 8) throw EINVAL;
    useTemporaryMask(task, getBig(task.mm, maskAt));
  }
  return poll(task, address, count, timeoutNs);
}
