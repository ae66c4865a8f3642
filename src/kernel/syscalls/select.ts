/** select(2), pselect(2). */

import { POLLERR, POLLHUP, POLLIN, POLLOUT, POLLPRI, POLLRDBAND, POLLRDNORM, POLLWRBAND, POLLWRNORM } from '../../abi/poll.ts';
import type { GuestAddr } from '../../base/flavor.ts';
import { EBADF, EINVAL } from '../errno.ts';
import { getBig, getU64, readBytes, readTimespec, readTimeval, view } from '../mm/guest.ts';
import type { SysResult } from '../result.ts';
import type { Task } from '../task/task.ts';
import type { OpenFile } from '../vfs/file.ts';
import { waitForFiles } from './poll.ts';
import { useTemporaryMask } from './sigprocmask.ts';

/** What of poll(2) each of the three sets asks for. */
const SETS = [POLLRDNORM | POLLRDBAND | POLLIN | POLLHUP | POLLERR, POLLWRBAND | POLLWRNORM | POLLOUT | POLLERR, POLLPRI] as const;

function select(task: Task, count: number, addresses: readonly GuestAddr[], timeoutNs: number): SysResult {
  if (count < 0) throw EINVAL;
  const limit = Math.min(count, Math.max(task.fds.size, 1));
  const bytes = Math.ceil(count / 64) * 8;
  const wanted: { file: OpenFile; set: number; fd: number }[] = [];
  for (const [set, address] of addresses.entries()) {
    if (address === 0) continue;
    const bits = readBytes(task.mm, address, bytes);
    for (let fd = 0; fd < count; fd++) {
      if ((bits[fd >> 3] & (1 << (fd & 7))) === 0) continue;
      if (fd >= limit || !task.fds.has(fd)) throw EBADF;
      wanted.push({ file: task.fds.get(fd), set, fd });
    }
  }
  const attempt = (): number => {
    const outs = addresses.map((address) => (address === 0 ? undefined : new Uint8Array(bytes)));
    let ready = 0;
    for (const { file, set, fd } of wanted) {
      if ((file.poll() & SETS[set]) === 0) continue;
      (outs[set] as Uint8Array)[fd >> 3] |= 1 << (fd & 7);
      ready++;
    }
    if (ready > 0 || finishing) for (const [set, out] of outs.entries()) if (out !== undefined) view(task.mm, addresses[set], bytes, 'write').set(out);
    return ready;
  };
  // Sets are written when the call ends, not at every try: a handler must find them as they were.
  let finishing = timeoutNs === 0;
  const due = task.kernel.host.monotonicNs() + timeoutNs;
  return waitForFiles(
    task,
    [...new Set(wanted.map(({ file }) => file))],
    () => {
      finishing ||= task.kernel.host.monotonicNs() >= due;
      return attempt();
    },
    timeoutNs,
  );
}

export function sys_select(task: Task, count: number, readAt: GuestAddr, writeAt: GuestAddr, exceptAt: GuestAddr, timeoutAt: GuestAddr): SysResult {
  return select(task, count, [readAt, writeAt, exceptAt], timeoutAt === 0 ? Number.POSITIVE_INFINITY : readTimeval(task.mm, timeoutAt));
}

export function sys_pselect6(task: Task, count: number, readAt: GuestAddr, writeAt: GuestAddr, exceptAt: GuestAddr, timeoutAt: GuestAddr, maskAt: GuestAddr): SysResult {
  const timeoutNs = timeoutAt === 0 ? Number.POSITIVE_INFINITY : readTimespec(task.mm, timeoutAt);
  if (maskAt !== 0) {
    const set = getU64(task.mm, maskAt);
    if (set !== 0) {
      if (getU64(task.mm, maskAt + 8) !== 8) throw EINVAL;
      useTemporaryMask(task, getBig(task.mm, set));
    }
  }
  return select(task, count, [readAt, writeAt, exceptAt], timeoutNs);
}
