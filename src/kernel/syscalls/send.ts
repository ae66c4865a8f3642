/** send(2): sendto, sendmsg, sendmmsg. */

import {
  CMSGHDR_BYTES,
  MMSGHDR_BYTES,
  MSG_CONFIRM,
  MSG_DONTROUTE,
  MSG_DONTWAIT,
  MSG_EOR,
  MSG_MORE,
  MSG_NOSIGNAL,
  MSG_OOB,
  MSGHDR_BYTES,
  SCM_CREDENTIALS,
  SCM_MAX_FD,
  SCM_RIGHTS,
  SOCKADDR_STORAGE_BYTES,
  SOL_SOCKET,
  UCRED_BYTES,
} from '../../abi/socket.ts';
import type { Fd, GuestAddr } from '../../base/flavor.ts';
import { EAGAIN, EINVAL, EMSGSIZE, ENOBUFS, EOPNOTSUPP, EPERM, ETOOMANYREFS } from '../errno.ts';
import { getI32, getU64, MAX_RW_COUNT, putU32, readBytes, readIovecs, UIO_MAXIOV, view, viewPrefix } from '../mm/guest.ts';
import { type Address, readAddress } from '../net/address.ts';
import { type Control, dropRights, type Ucred } from '../net/channel.ts';
import type { Socket } from '../net/socket.ts';
import { type SysResult, WOULD_BLOCK } from '../result.ts';
import { block, within } from '../task/block.ts';
import { CAP, hasCap } from '../task/creds.ts';
import type { Task } from '../task/task.ts';
import type { OpenFile } from '../vfs/file.ts';
import { sendable } from '../vfs/transfer.ts';
import { socketOf } from './socket.ts';

const KNOWN = MSG_OOB | MSG_DONTROUTE | MSG_DONTWAIT | MSG_EOR | MSG_CONFIRM | MSG_NOSIGNAL | MSG_MORE;
/** The most that comes with one message (net.core.optmem_max). */
const CONTROL_MAX = 131_072;

/** Where the bytes are: guest memory from `done` on, live. */
type Source = (done: number) => Uint8Array;

/** Sends all, waiting if need be; what has gone counts when something ends it early. */
function sendAll(task: Task, socket: Socket, source: Source, total: number, flags: number, to: Address | undefined, control: Control | undefined): SysResult {
  let done = 0;
  let beside = control;
  const attempt = (): SysResult => {
    do {
      let taken: SysResult;
      try {
        taken = socket.sendSignalling(task, source(done), flags, to, beside);
      } catch (error) {
        if (done === 0) throw error;
        return done;
      }
      if (taken === WOULD_BLOCK) return WOULD_BLOCK;
      beside = undefined;
      done += taken;
    } while (done < total && !socket.messages);
    return done;
  };
  const dropped = (): void => {
    if (beside !== undefined) dropRights(beside.rights);
    beside = undefined;
  };
  let result: SysResult;
  try {
    result = attempt();
  } catch (error) {
    dropped();
    throw error;
  }
  if (result !== WOULD_BLOCK) return result;
  if (socket.nonBlocking || (flags & MSG_DONTWAIT) !== 0) {
    dropped();
    if (done > 0) return done;
    throw EAGAIN;
  }
  const soFar = (): SysResult => (done > 0 ? done : WOULD_BLOCK);
  const options = within(task, socket.sendTimeoutNs, soFar);
  return block(task, socket.writeQueues, attempt, beside === undefined ? options : { ...options, cleanup: dropped });
}

export function sys_sendto(task: Task, fd: Fd, at: GuestAddr, size: number, flags: number, addressAt: GuestAddr, addressLength: number): SysResult {
  const socket = socketOf(task, fd);
  const to = addressAt === 0 ? undefined : readAddress(task.mm, addressAt, addressLength);
  if ((flags & ~KNOWN) !== 0) throw EOPNOTSUPP;
  let count = Math.min(size, MAX_RW_COUNT);
  if (socket.messages) return sendAll(task, socket, () => view(task.mm, at, count, 'read'), count, flags, to, undefined);
  // The usual case goes without a closure.
  let bytes = viewPrefix(task.mm, at, count, 'read');
  if (bytes.length < count) {
    count = sendable(socket, bytes.length);
    bytes = bytes.subarray(0, count);
  }
  const taken = socket.sendSignalling(task, bytes, flags, to, undefined);
  if (taken === count) return count;
  const already = taken === WOULD_BLOCK ? 0 : taken;
  if (socket.nonBlocking || (flags & MSG_DONTWAIT) !== 0) {
    if (already > 0) return already;
    throw EAGAIN;
  }
  return sendRest(task, socket, at, count, already, flags, to);
}

function sendRest(task: Task, socket: Socket, at: GuestAddr, count: number, already: number, flags: number, to: Address | undefined): SysResult {
  let done = already;
  const attempt = (): SysResult => {
    while (done < count) {
      let taken: SysResult;
      try {
        taken = socket.sendSignalling(task, viewPrefix(task.mm, at + done, count - done, 'read'), flags, to, undefined);
      } catch (error) {
        if (done === 0) throw error;
        return done;
      }
      if (taken === WOULD_BLOCK) return WOULD_BLOCK;
      done += taken;
    }
    return done;
  };
  return block(
    task,
    socket.writeQueues,
    attempt,
    within(task, socket.sendTimeoutNs, () => (done > 0 ? done : WOULD_BLOCK)),
  );
}

/** cmsg(3) on the way in. The references of the files are taken. */
function readControl(task: Task, socket: Socket, at: GuestAddr, length: number): Control | undefined {
  if (at === 0 || length < CMSGHDR_BYTES) return undefined;
  if (length > CONTROL_MAX) throw ENOBUFS;
  const bytes = readBytes(task.mm, at, length);
  const data = new DataView(bytes.buffer, bytes.byteOffset, length);
  const rights: OpenFile[] = [];
  let creds: Ucred | undefined;
  for (let offset = 0; offset + CMSGHDR_BYTES <= length; ) {
    const size = Number(data.getBigUint64(offset, true));
    if (size < CMSGHDR_BYTES || offset + size > length) throw EINVAL;
    const level = data.getInt32(offset + 8, true);
    const type = data.getInt32(offset + 12, true);
    const content = offset + CMSGHDR_BYTES;
    if (level === SOL_SOCKET && socket.isUnix) {
      if (type === SCM_RIGHTS) {
        const count = (size - CMSGHDR_BYTES) >> 2;
        if (rights.length + count > SCM_MAX_FD) throw EINVAL;
        for (let index = 0; index < count; index++) rights.push(task.fds.get(data.getInt32(content + index * 4, true)));
      } else if (type === SCM_CREDENTIALS) {
        if (size !== CMSGHDR_BYTES + UCRED_BYTES) throw EINVAL;
        creds = { pid: data.getInt32(content, true), uid: data.getUint32(content + 4, true), gid: data.getUint32(content + 8, true) };
        checkCreds(task, creds);
      } else throw EINVAL;
    } else if (level === SOL_SOCKET) throw EINVAL;
    offset += Math.ceil(size / 8) * 8;
  }
  if (rights.length === 0 && creds === undefined) return undefined;
  for (const file of rights) {
    if (file.references > 1_000_000) throw ETOOMANYREFS;
    file.retain();
  }
  return { rights, creds };
}

/** A process may lie about itself only with the capabilities for it (unix(7)). */
function checkCreds(task: Task, { pid, uid, gid }: Ucred): void {
  const { creds } = task;
  if (pid !== task.pid && !hasCap(creds, CAP.SYS_ADMIN)) throw EPERM;
  if (uid !== creds.uid && uid !== creds.euid && uid !== creds.suid && !hasCap(creds, CAP.SETUID)) throw EPERM;
  if (gid !== creds.gid && gid !== creds.egid && gid !== creds.sgid && !hasCap(creds, CAP.SETGID)) throw EPERM;
}

function sendMessage(task: Task, socket: Socket, header: GuestAddr, flags: number): SysResult {
  const { mm } = task;
  const nameAt = getU64(mm, header);
  const nameLength = getI32(mm, header + 8);
  const partsAt = getU64(mm, header + 16);
  const parts = getU64(mm, header + 24);
  const controlAt = getU64(mm, header + 32);
  const controlLength = getU64(mm, header + 40);
  if (nameLength < 0) throw EINVAL;
  const to = nameAt === 0 || nameLength === 0 ? undefined : readAddress(mm, nameAt, Math.min(nameLength, SOCKADDR_STORAGE_BYTES));
  if (parts > UIO_MAXIOV) throw EMSGSIZE;
  const segments = readIovecs(mm, partsAt, parts);
  const total = segments.reduce((sum, { length }) => sum + length, 0);
  let source: Source;
  if (segments.length === 1) source = (done) => view(mm, segments[0].base + done, total - done, 'read');
  else {
    const all = new Uint8Array(total);
    let at = 0;
    for (const { base, length } of segments) {
      all.set(view(mm, base, length, 'read'), at);
      at += length;
    }
    source = (done) => (done === 0 ? all : all.subarray(done));
  }
  return sendAll(task, socket, source, total, flags, to, readControl(task, socket, controlAt, controlLength));
}

export function sys_sendmsg(task: Task, fd: Fd, header: GuestAddr, flags: number): SysResult {
  const socket = socketOf(task, fd);
  if ((flags & ~KNOWN) !== 0) throw EOPNOTSUPP;
  return sendMessage(task, socket, header, flags);
}

/** One message after the other; only the first is waited for. */
export function sys_sendmmsg(task: Task, fd: Fd, headers: GuestAddr, count: number, flags: number): SysResult {
  const socket = socketOf(task, fd);
  if ((flags & ~KNOWN) !== 0) throw EOPNOTSUPP;
  const limit = Math.min(count, UIO_MAXIOV);
  const attempt = (): SysResult => {
    for (let index = 0; index < limit; index++) {
      const header = headers + index * MMSGHDR_BYTES;
      try {
        putU32(task.mm, header + MSGHDR_BYTES, sendMessage(task, socket, header, flags | MSG_DONTWAIT));
      } catch (error) {
        if (index > 0) return index;
        if (error === EAGAIN) return WOULD_BLOCK;
        throw error;
      }
    }
    return limit;
  };
  const result = attempt();
  if (result !== WOULD_BLOCK) return result;
  if (socket.nonBlocking || (flags & MSG_DONTWAIT) !== 0) throw EAGAIN;
  return block(task, socket.writeQueues, attempt, within(task, socket.sendTimeoutNs));
}
