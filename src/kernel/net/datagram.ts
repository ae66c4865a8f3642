/** Sockets without connections: SOCK_DGRAM of AF_UNIX, UDP on the loopback (unix(7), udp(7)). */

import { POLLERR, POLLHUP, POLLIN, POLLOUT, POLLRDHUP, POLLRDNORM, POLLWRNORM } from '../../abi/poll.ts';
import { AF_UNSPEC, MSG_OOB, MSG_PEEK, SHUT_RD, SHUT_WR } from '../../abi/socket.ts';
import { ECONNREFUSED, EDESTADDRREQ, EMSGSIZE, ENOTCONN, EOPNOTSUPP, EPERM, EPIPE, EPROTOTYPE } from '../errno.ts';
import { type SysResult, WOULD_BLOCK } from '../result.ts';
import type { Task } from '../task/task.ts';
import { type Address, UNNAMED } from './address.ts';
import { BUFFER_BYTES, type Control, PacketChannel, type Received } from './channel.ts';
import { Socket, ucredOf } from './socket.ts';

/** The largest UDP datagram over IPv4. */
const UDP_MAX = 65507;

export class DatagramSocket extends Socket {
  override readonly messages = true;
  readonly #inbox = new PacketChannel(this.readQueue);
  /** Where `send` without a name goes; for UDP names are asked each time. */
  #peer: DatagramSocket | undefined;
  #cannotWrite = false;
  #cannotRead = false;
  #gone = false;

  override get unread(): number {
    return this.#inbox.next;
  }

  /** socketpair(2). */
  pairWith(task: Task, other: DatagramSocket): void {
    this.#peer = other;
    this.remote = UNNAMED;
    this.peerCreds = ucredOf(task);
  }

  override connect(task: Task, address: Address): SysResult {
    if (address.family === AF_UNSPEC) {
      this.#peer = undefined;
      this.remote = undefined;
      this.names.disconnect(this);
      return 0;
    }
    if (this.isUnix) {
      const found = this.#find(task, address);
      if (!found.#hears(this)) throw EPERM;
      if (this.passCred) this.names.autobind(this);
      this.#peer = found;
      this.remote = found.local;
      return 0;
    }
    this.names.autobind(this);
    this.remote = { ...(this.names.destination(this, address) as object), family: this.family } as Address;
    this.local = this.names.sourceFor(this, this.remote);
    return 0;
  }

  #find(task: Task, address: Address): DatagramSocket {
    const found = this.names.find(task, this, address);
    if (!(found instanceof DatagramSocket)) throw EPROTOTYPE;
    return found;
  }

  /** A connected socket hears its peer only. */
  #hears(from: DatagramSocket): boolean {
    return this.#peer === undefined || this.#peer === from;
  }

  override send(task: Task, from: Uint8Array, flags: number, to: Address | undefined, control: Control | undefined): SysResult {
    if ((flags & MSG_OOB) !== 0) throw EOPNOTSUPP;
    this.throwError();
    if (this.#cannotWrite) throw EPIPE;
    return this.isUnix ? this.#sendUnix(task, from, to, control) : this.#sendInet(task, from, to);
  }

  #sendUnix(task: Task, from: Uint8Array, to: Address | undefined, control: Control | undefined): SysResult {
    let target = this.#peer;
    if (to !== undefined) target = this.#find(task, to);
    else if (target !== undefined && target.#gone) {
      this.#peer = undefined;
      this.remote = undefined;
      throw ECONNREFUSED;
    }
    if (target === undefined) throw ENOTCONN;
    if (!target.#hears(this)) throw EPERM;
    if (target.#cannotRead) throw EPIPE;
    if (from.length > BUFFER_BYTES) throw EMSGSIZE;
    if (this.passCred) this.names.autobind(this);
    if (control === undefined && (this.passCred || target.passCred)) control = { rights: [], creds: ucredOf(task) };
    const result = target.#inbox.send(from, control, this.local);
    if (result === WOULD_BLOCK) target.#inbox.wanted(this.writeQueue);
    return result;
  }

  #sendInet(task: Task, from: Uint8Array, to: Address | undefined): SysResult {
    const name = to ?? this.remote;
    if (name === undefined) throw EDESTADDRREQ;
    if (from.length > UDP_MAX) throw EMSGSIZE;
    this.names.autobind(this);
    let target: DatagramSocket;
    try {
      target = this.#find(task, name);
    } catch (error) {
      if (error !== ECONNREFUSED) throw error;
      // The refusal comes back as a message of its own, and only to connected sockets.
      if (to === undefined) this.fail(ECONNREFUSED);
      return from.length;
    }
    const source = { ...(this.names.sourceFor(this, name) as object), family: target.family } as Address;
    // What has no room is lost.
    if (!target.#cannotRead) target.#inbox.send(from, undefined, source);
    return from.length;
  }

  override receive(into: Uint8Array, flags: number, got: Received | undefined): SysResult {
    if ((flags & MSG_OOB) !== 0) throw EOPNOTSUPP;
    if (!this.#inbox.ready) {
      if (this.error !== undefined) throw (flags & MSG_PEEK) !== 0 ? this.error : this.takeError();
      if (this.#cannotRead) return 0;
    }
    return this.#inbox.receive(into, flags, got);
  }

  override shutdown(how: number): void {
    if (!this.isUnix && this.remote === undefined) throw ENOTCONN;
    if (how !== SHUT_RD) this.#cannotWrite = true;
    if (how !== SHUT_WR) this.#cannotRead = true;
    this.readQueue.wake();
    this.writeQueue.wake();
  }

  override poll(): number {
    let events = this.error === undefined ? 0 : POLLERR;
    if (this.#inbox.ready || this.#cannotRead || this.error !== undefined) events |= POLLIN | POLLRDNORM;
    if (this.#cannotRead) events |= POLLRDHUP;
    if (this.#cannotRead && this.#cannotWrite) events |= POLLHUP;
    const peer = this.#peer;
    if (peer === undefined || peer.#gone || peer.#inbox.writable) events |= POLLOUT | POLLWRNORM;
    else peer.#inbox.wanted(this.writeQueue);
    return events;
  }

  protected override closed(): void {
    this.#gone = true;
    this.#inbox.endReading();
    this.names.unbind(this);
  }
}
