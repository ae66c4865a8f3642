/** recv(2): recvfrom, recvmsg, recvmmsg. */

import { CMSGHDR_BYTES, MMSGHDR_BYTES, MSG_CMSG_CLOEXEC, MSG_CTRUNC, MSG_DONTWAIT, MSG_ERRQUEUE, MSG_PEEK, MSG_WAITALL, MSG_WAITFORONE, MSGHDR_BYTES, SCM_CREDENTIALS, SCM_RIGHTS, SOL_SOCKET } from '../../abi/socket.ts';
import type { Fd, GuestAddr } from '../../base/flavor.ts';
import { EAGAIN, EINVAL, EMFILE, EMSGSIZE } from '../errno.ts';
import { faulting, getI32, getU64, MAX_RW_COUNT, putU32, putU64, readIovecs, readTimespec, type Segment, UIO_MAXIOV, view, viewPrefix, writeBytes } from '../mm/guest.ts';
import { putAddress, writeAddress } from '../net/address.ts';
import { Received } from '../net/channel.ts';
import { NOBODY, type Socket } from '../net/socket.ts';
import { PROT_WRITE } from '../platform.ts';
import { type SysResult, WOULD_BLOCK } from '../result.ts';
import { block, within } from '../task/block.ts';
import type { Task } from '../task/task.ts';
import { accessibleOf, receivable, tornRead } from '../vfs/transfer.ts';
import { openLimit } from './dup.ts';
import { socketOf } from './socket.ts';

/** Messages of more pieces than one are put together here first; a stream gives no more than this at a time. */
const GATHERED_MAX = 1 << 20;

function receiveInto(task: Task, socket: Socket, base: GuestAddr, length: number, flags: number, got: Received | undefined): SysResult {
  let into: Uint8Array;
  try {
    into = viewPrefix(task.mm, base, length, 'write');
  } catch (error) {
    return faulting(error, { base, length }, () => socket.faultingReceive(flags));
  }
  return into.length < length ? tornRead(socket, into, length, (bytes) => socket.receive(bytes, flags, got)) : socket.receive(into, flags, got);
}

/** Calls `receive` once, or as long as MSG_WAITALL wants. */
function receiveAll(task: Task, socket: Socket, receive: (done: number) => SysResult, total: number, flags: number, got: Received | undefined, finish: (count: number) => SysResult): SysResult {
  const waitAll = (flags & (MSG_WAITALL | MSG_PEEK)) === MSG_WAITALL && !socket.messages;
  let done = 0;
  const attempt = (): SysResult => {
    do {
      let count: SysResult;
      try {
        count = receive(done);
      } catch (error) {
        if (done === 0) throw error;
        break;
      }
      if (count === WOULD_BLOCK) {
        if (waitAll && done > 0 && (flags & MSG_DONTWAIT) !== 0) break;
        return WOULD_BLOCK;
      }
      if (count === 0) break;
      done += count;
    } while (waitAll && done < total && (got === undefined || got.rights.length === 0));
    return finish(done);
  };
  const result = attempt();
  if (result !== WOULD_BLOCK) return result;
  if (socket.nonBlocking || (flags & MSG_DONTWAIT) !== 0) {
    if (done > 0) return finish(done);
    throw EAGAIN;
  }
  return block(task, socket.readQueues, attempt, within(task, socket.receiveTimeoutNs, waitAll ? () => (done > 0 ? finish(done) : WOULD_BLOCK) : undefined));
}

export function sys_recvfrom(task: Task, fd: Fd, at: GuestAddr, size: number, flags: number, addressAt: GuestAddr, lengthAt: GuestAddr): SysResult {
  const socket = socketOf(task, fd);
  if ((flags & MSG_ERRQUEUE) !== 0) throw EAGAIN;
  const count = Math.min(size, MAX_RW_COUNT);
  if ((flags & MSG_WAITALL) === 0 && addressAt === 0) {
    // The usual case goes without a closure.
    const result = receiveInto(task, socket, at, count, flags, undefined);
    if (result !== WOULD_BLOCK) return result;
    if (socket.nonBlocking || (flags & MSG_DONTWAIT) !== 0) throw EAGAIN;
    return block(task, socket.readQueues, () => receiveInto(task, socket, at, count, flags, undefined), within(task, socket.receiveTimeoutNs));
  }
  const got = new Received();
  return receiveAll(
    task,
    socket,
    (done) => receiveInto(task, socket, at + done, count - done, flags, got),
    count,
    flags,
    got,
    (received) => {
      for (const file of got.rights) file.release();
      if (addressAt !== 0) writeAddress(task.mm, addressAt, lengthAt, got.from);
      return received;
    },
  );
}

/** cmsg(3) on the way out; gives the bytes used. What has no room is closed and MSG_CTRUNC set. */
function writeControl(task: Task, socket: Socket, got: Received, at: GuestAddr, room: number, flags: number): number {
  let used = 0;
  const put = (type: number, content: Uint8Array, least: number): void => {
    const left = room - used;
    if (at === 0 || left < CMSGHDR_BYTES + least) {
      got.flags |= MSG_CTRUNC;
      return;
    }
    const size = Math.min(CMSGHDR_BYTES + content.length, left);
    const bytes = new Uint8Array(size);
    const data = new DataView(bytes.buffer);
    data.setBigUint64(0, BigInt(size), true);
    data.setInt32(8, SOL_SOCKET, true);
    data.setInt32(12, type, true);
    bytes.set(content.subarray(0, size - CMSGHDR_BYTES), CMSGHDR_BYTES);
    writeBytes(task.mm, at + used, bytes);
    if (size < CMSGHDR_BYTES + content.length) got.flags |= MSG_CTRUNC;
    used += Math.min(Math.ceil(size / 8) * 8, left);
  };
  if (socket.passCred) {
    const { pid, uid, gid } = got.creds ?? NOBODY;
    put(SCM_CREDENTIALS, new Uint8Array(Uint32Array.of(pid, uid, gid).buffer), 0);
  }
  const { rights } = got;
  if (rights.length > 0) {
    const fit = at === 0 ? 0 : Math.max(0, Math.min(rights.length, (room - used - CMSGHDR_BYTES) >> 2));
    const numbers: number[] = [];
    try {
      for (const file of rights.slice(0, fit)) numbers.push(task.fds.install(file, openLimit(task), (flags & MSG_CMSG_CLOEXEC) !== 0));
    } catch (error) {
      if (error !== EMFILE) throw error;
    }
    if (numbers.length < rights.length) got.flags |= MSG_CTRUNC;
    if (numbers.length > 0) put(SCM_RIGHTS, new Uint8Array(Int32Array.from(numbers).buffer), 4);
    for (const file of rights) file.release();
  }
  return used;
}

function scatter(task: Task, segments: readonly Segment[], bytes: Uint8Array): void {
  let at = 0;
  for (const { base, length } of segments) {
    if (at >= bytes.length) return;
    const part = bytes.subarray(at, Math.min(at + length, bytes.length));
    view(task.mm, base, part.length, 'write').set(part);
    at += length;
  }
}

function receiveMessage(task: Task, socket: Socket, header: GuestAddr, flags: number, whenDone: (count: number) => SysResult): SysResult {
  const { mm } = task;
  if ((flags & MSG_ERRQUEUE) !== 0) throw EAGAIN;
  const nameAt = getU64(mm, header);
  const nameRoom = getI32(mm, header + 8);
  const parts = getU64(mm, header + 24);
  const controlAt = getU64(mm, header + 32);
  const controlRoom = getU64(mm, header + 40);
  if (nameAt !== 0 && nameRoom < 0) throw EINVAL;
  if (parts > UIO_MAXIOV) throw EMSGSIZE;
  const segments = readIovecs(mm, getU64(mm, header + 16), parts);
  const asked = segments.reduce((sum, { length }) => sum + length, 0);
  const single = segments.length === 1;
  const total = single ? asked : Math.min(asked, GATHERED_MAX);
  const gathered = single ? undefined : new Uint8Array(total);
  const got = new Received();
  const receive = (done: number): SysResult => {
    if (gathered === undefined) return receiveInto(task, socket, segments[0].base + done, total - done, flags, got);
    const left = total - done;
    const accessible = socket.messages ? left : Math.min(accessibleOf(task, segments, PROT_WRITE), total) - done;
    if (accessible === 0 && left > 0) return socket.faultingReceive(flags);
    return socket.receive(gathered.subarray(done, done + (accessible < left ? receivable(socket, accessible, left) : left)), flags, got);
  };
  return receiveAll(task, socket, receive, total, flags, got, (count) => {
    try {
      if (gathered !== undefined) scatter(task, segments, gathered.subarray(0, Math.min(count, total)));
      if (nameAt !== 0) putU32(mm, header + 8, got.from === undefined ? 0 : putAddress(mm, nameAt, nameRoom, got.from));
    } catch (error) {
      for (const file of got.rights) file.release();
      throw error;
    }
    const used = writeControl(task, socket, got, controlAt, controlRoom, flags);
    putU64(mm, header + 40, used);
    putU32(mm, header + 48, got.flags | (flags & MSG_CMSG_CLOEXEC));
    return whenDone(count);
  });
}

export function sys_recvmsg(task: Task, fd: Fd, header: GuestAddr, flags: number): SysResult {
  return receiveMessage(task, socketOf(task, fd), header, flags, (count) => count);
}

/** The time limit is looked at after each message, as Linux does (recvmmsg(2) BUGS). */
export function sys_recvmmsg(task: Task, fd: Fd, headers: GuestAddr, count: number, flags: number, timeoutAt: GuestAddr): SysResult {
  const socket = socketOf(task, fd);
  const deadlineNs = timeoutAt === 0 ? Number.POSITIVE_INFINITY : task.kernel.host.monotonicNs() + readTimespec(task.mm, timeoutAt);
  const limit = Math.min(count, UIO_MAXIOV);
  const waits = !socket.nonBlocking && (flags & MSG_DONTWAIT) === 0;
  let done = 0;
  const attempt = (): SysResult => {
    while (done < limit) {
      const header = headers + done * MMSGHDR_BYTES;
      try {
        receiveMessage(task, socket, header, (flags & ~MSG_WAITFORONE) | MSG_DONTWAIT, (bytes) => {
          putU32(task.mm, header + MSGHDR_BYTES, bytes);
          return bytes;
        });
      } catch (error) {
        if (error === EAGAIN && waits && !(done > 0 && (flags & MSG_WAITFORONE) !== 0)) return WOULD_BLOCK;
        if (done > 0) return done;
        throw error;
      }
      done++;
      if (task.kernel.host.monotonicNs() >= deadlineNs) break;
    }
    return done;
  };
  const result = attempt();
  return result === WOULD_BLOCK
    ? block(
        task,
        socket.readQueues,
        attempt,
        within(task, socket.receiveTimeoutNs, () => (done > 0 ? done : WOULD_BLOCK)),
      )
    : result;
}
