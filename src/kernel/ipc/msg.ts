/** System V message queues (msgop(2)). */

import { MSG_EXCEPT, MSGMNB, MSQID_DS_BYTES } from '../../abi/ipc.ts';
import type { Kernel } from '../kernel.ts';
import type { Task } from '../task/task.ts';
import { WaitQueue } from '../wait.ts';
import { seconds, SysvObject, SysvTable } from './sysv.ts';

export interface Message {
  readonly type: number;
  readonly text: Uint8Array;
}

export class MessageQueue extends SysvObject {
  readonly messages: Message[] = [];
  bytes = 0;
  limitBytes = MSGMNB;
  sent = 0;
  received = 0;
  lastSender = 0;
  lastReceiver = 0;
  readonly readQueue = new WaitQueue();
  readonly writeQueue = new WaitQueue();

  /** False when there is no room. */
  send(task: Task, message: Message): boolean {
    if (this.bytes + message.text.length > this.limitBytes || this.messages.length >= this.limitBytes) return false;
    this.messages.push(message);
    this.bytes += message.text.length;
    this.sent = seconds(task);
    this.lastSender = task.pid;
    this.readQueue.wake();
    return true;
  }

  /** Where the message that msgrcv(2) means is, -1 = nowhere. */
  find(type: number, flags: number): number {
    const { messages } = this;
    if (type === 0) return messages.length > 0 ? 0 : -1;
    if (type > 0) return messages.findIndex((each) => (each.type === type) !== ((flags & MSG_EXCEPT) !== 0));
    let best = -1;
    for (const [index, each] of messages.entries()) if (each.type <= -type && (best < 0 || each.type < messages[best].type)) best = index;
    return best;
  }

  take(task: Task, index: number): void {
    const [{ text }] = this.messages.splice(index, 1);
    this.bytes -= text.length;
    this.received = seconds(task);
    this.lastReceiver = task.pid;
    this.writeQueue.wake();
  }

  end(): void {
    this.readQueue.wake();
    this.writeQueue.wake();
  }

  /** struct msqid64_ds. */
  encode(): Uint8Array {
    const out = new DataView(new ArrayBuffer(MSQID_DS_BYTES));
    this.writePerm(out);
    [this.sent, this.received, this.changed, this.bytes, this.messages.length, this.limitBytes].forEach((value, index) => out.setBigUint64(48 + index * 8, BigInt(value), true));
    out.setInt32(96, this.lastSender, true);
    out.setInt32(100, this.lastReceiver, true);
    return new Uint8Array(out.buffer);
  }
}

const tables = new WeakMap<Kernel, SysvTable<MessageQueue>>();

export function messageQueuesOf({ kernel }: Task): SysvTable<MessageQueue> {
  let table = tables.get(kernel);
  if (table === undefined) tables.set(kernel, (table = new SysvTable()));
  return table;
}
