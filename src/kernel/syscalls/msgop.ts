/** msgget(2), msgsnd(2), msgrcv(2), msgctl(2). */

import { IPC_NOWAIT, IPC_RMID, IPC_SET, IPC_STAT, MSG_COPY, MSG_NOERROR, MSG_STAT, MSG_STAT_ANY, MSGMAX, MSGMNB, MSQID_DS_BYTES } from '../../abi/ipc.ts';
import type { GuestAddr } from '../../base/flavor.ts';
import { E2BIG, EAGAIN, EIDRM, EINTR, EINVAL, ENOMSG, ENOSYS, EPERM } from '../errno.ts';
import { messageQueuesOf, MessageQueue } from '../ipc/msg.ts';
import { READ, WRITE } from '../ipc/sysv.ts';
import { getI64, putU64, readBytes, view, writeBytes } from '../mm/guest.ts';
import { type SysResult, WOULD_BLOCK } from '../result.ts';
import { block } from '../task/block.ts';
import { CAP, hasCap } from '../task/creds.ts';
import type { Task } from '../task/task.ts';

const interrupted = (): SysResult => -EINTR.errno;

export function sys_msgget(task: Task, key: number, flags: number): number {
  return messageQueuesOf(task).get(
    task,
    key,
    flags,
    () => {},
    (id) => new MessageQueue(task, id, key, flags),
  );
}

export function sys_msgsnd(task: Task, id: number, address: GuestAddr, size: number, flags: number): SysResult {
  const type = getI64(task.mm, address);
  if (size > MSGMAX || id < 0 || type < 1) throw EINVAL;
  const message = { type, text: readBytes(task.mm, address + 8, size) };
  const queue = messageQueuesOf(task).find(id);
  const attempt = (): SysResult => {
    if (queue.removed) throw EIDRM;
    queue.needAccess(task, WRITE);
    return queue.send(task, message) ? 0 : WOULD_BLOCK;
  };
  const result = attempt();
  if (result !== WOULD_BLOCK) return result;
  if ((flags & IPC_NOWAIT) !== 0) throw EAGAIN;
  return block(task, [queue.writeQueue], attempt, { restart: 'never', interrupted });
}

export function sys_msgrcv(task: Task, id: number, address: GuestAddr, size: number, type: number, flags: number): SysResult {
  if (id < 0 || size > Number.MAX_SAFE_INTEGER) throw EINVAL;
  if ((flags & MSG_COPY) !== 0) throw ENOSYS;
  const queue = messageQueuesOf(task).find(id);
  const attempt = (): SysResult => {
    if (queue.removed) throw EIDRM;
    queue.needAccess(task, READ);
    const index = queue.find(type, flags);
    if (index < 0) return WOULD_BLOCK;
    const message = queue.messages[index];
    if (message.text.length > size && (flags & MSG_NOERROR) === 0) throw E2BIG;
    const text = message.text.subarray(0, size);
    view(task.mm, address, 8 + text.length, 'write');
    putU64(task.mm, address, message.type);
    writeBytes(task.mm, address + 8, text);
    queue.take(task, index);
    return text.length;
  };
  const result = attempt();
  if (result !== WOULD_BLOCK) return result;
  if ((flags & IPC_NOWAIT) !== 0) throw ENOMSG;
  return block(task, [queue.readQueue], attempt, { restart: 'never', interrupted });
}

export function sys_msgctl(task: Task, id: number, command: number, address: GuestAddr): number {
  const queues = messageQueuesOf(task);
  switch (command) {
    case IPC_STAT:
    case MSG_STAT:
    case MSG_STAT_ANY: {
      const queue = command === IPC_STAT ? queues.find(id) : queues.at(id);
      if (command !== MSG_STAT_ANY) queue.needAccess(task, READ);
      writeBytes(task.mm, address, queue.encode());
      return command === IPC_STAT ? 0 : queue.id;
    }
    case IPC_SET: {
      const bytes = readBytes(task.mm, address, MSQID_DS_BYTES);
      const data = new DataView(bytes.buffer);
      const limit = Number(data.getBigUint64(88, true));
      const queue = queues.find(id);
      queue.needOwner(task);
      if (limit > MSGMNB && !hasCap(task.creds, CAP.SYS_RESOURCE)) throw EPERM;
      queue.limitBytes = limit;
      queue.readPerm(task, data);
      queue.writeQueue.wake();
      return 0;
    }
    case IPC_RMID: {
      const queue = queues.find(id);
      queue.needOwner(task);
      queues.remove(queue);
      return 0;
    }
    default:
      throw EINVAL;
  }
}
