/** Sockets with connections: SOCK_STREAM and SOCK_SEQPACKET of AF_UNIX, TCP on the loopback (unix(7), tcp(7), listen(2)). */

import { POLLERR, POLLHUP, POLLIN, POLLOUT, POLLRDHUP, POLLRDNORM, POLLWRNORM } from '../../abi/poll.ts';
import { AF_UNSPEC, MSG_OOB, MSG_PEEK, SHUT_RD, SHUT_RDWR, SHUT_WR, SOCK_SEQPACKET, SOMAXCONN } from '../../abi/socket.ts';
import { ECONNREFUSED, ECONNRESET, EINPROGRESS, EINVAL, EISCONN, EMSGSIZE, ENOTCONN, EOPNOTSUPP, EPIPE, EPROTOTYPE } from '../errno.ts';
import { type SysResult, WOULD_BLOCK } from '../result.ts';
import type { Task } from '../task/task.ts';
import type { WaitQueue } from '../wait.ts';
import { type Address, UNNAMED } from './address.ts';
import { BUFFER_BYTES, type Channel, type Control, PacketChannel, type Received, StreamChannel } from './channel.ts';
import { type Names, Socket, ucredOf } from './socket.ts';

export class ConnectionSocket extends Socket {
  override readonly messages: boolean;
  #incoming: Channel | undefined;
  #outgoing: Channel | undefined;
  #peer: ConnectionSocket | undefined;
  /** Connections that nobody has accepted yet; undefined = not listening. */
  #backlog: ConnectionSocket[] | undefined;
  #backlogLimit = 0;
  /** Clients that found the backlog full. */
  readonly #wanting = new Set<WaitQueue>();
  /** connect(2) said EINPROGRESS: the next one says how it went. */
  #unannounced = false;
  /** shutdown(SHUT_RD) of TCP, which the other side does not notice. */
  #deaf = false;
  /** TCP: data has been sent to a socket that is gone, and the refusal has come back. */
  #refused = false;

  constructor(names: Names, family: number, type: number, protocol: number, flags: number) {
    super(names, family, type, protocol, flags);
    this.messages = type === SOCK_SEQPACKET;
  }

  get connected(): boolean {
    return this.#incoming !== undefined;
  }

  override get listening(): boolean {
    return this.#backlog !== undefined;
  }

  override get unread(): number {
    return this.#incoming?.used ?? 0;
  }

  /** Joins two fresh sockets. */
  join(other: ConnectionSocket): void {
    const make = (from: ConnectionSocket, to: ConnectionSocket): Channel => (this.messages ? new PacketChannel(to.readQueue, from.writeQueue) : new StreamChannel(to.readQueue, from.writeQueue));
    this.#outgoing = make(this, other);
    this.#incoming = make(other, this);
    other.#outgoing = this.#incoming;
    other.#incoming = this.#outgoing;
    this.#peer = other;
    other.#peer = this;
  }

  // --- setting up ---

  override listen(task: Task, backlog: number): void {
    if (this.connected) throw EINVAL;
    if (this.local === undefined) {
      if (this.isUnix) throw EINVAL;
      this.names.autobind(this);
    }
    this.#backlogLimit = backlog < 0 || backlog > SOMAXCONN ? SOMAXCONN : backlog;
    this.#backlog ??= [];
    this.peerCreds = ucredOf(task);
    this.#roomMade();
  }

  override accept(): ConnectionSocket | undefined {
    if (this.#backlog === undefined) throw EINVAL;
    const socket = this.#backlog.shift();
    if (socket !== undefined) this.#roomMade();
    return socket;
  }

  #roomMade(): void {
    if (this.#wanting.size === 0) return;
    for (const queue of this.#wanting) queue.wake();
    this.#wanting.clear();
  }

  override connect(task: Task, address: Address): SysResult {
    if (this.#unannounced) {
      this.#unannounced = false;
      this.throwError();
      if (this.connected) return 0;
    }
    if (this.listening) throw this.isUnix ? EINVAL : EISCONN;
    if (address.family === AF_UNSPEC && !this.isUnix) {
      this.#disconnect();
      return 0;
    }
    if (this.connected) throw EISCONN;
    if (this.isUnix) return this.#connectTo(task, address);
    // The three segments of TCP take no time here; a caller that does not wait is told later all the same.
    this.#refused = false;
    let result: SysResult;
    try {
      result = this.#connectTo(task, address);
    } catch (error) {
      if (error !== ECONNREFUSED || !this.nonBlocking) throw error;
      this.fail(ECONNREFUSED);
      result = 0;
    }
    if (!this.nonBlocking || result === WOULD_BLOCK) return result;
    this.#unannounced = true;
    throw EINPROGRESS;
  }

  #connectTo(task: Task, address: Address): SysResult {
    const listener = this.names.find(task, this, address);
    if (listener.type !== this.type) throw EPROTOTYPE;
    if (!(listener instanceof ConnectionSocket) || listener.#backlog === undefined) throw ECONNREFUSED;
    if (listener.#backlog.length > listener.#backlogLimit && (this.isUnix || !this.nonBlocking)) {
      listener.#wanting.add(this.writeQueue);
      return WOULD_BLOCK;
    }
    if (!this.isUnix || this.passCred) this.names.autobind(this);
    const server = new ConnectionSocket(listener.names, listener.family, this.type, listener.protocol, 0);
    server.inherit(listener);
    this.local = this.names.sourceFor(this, address);
    this.remote = this.names.destination(listener, address);
    server.local = { ...(this.remote as object), family: listener.family } as Address;
    server.remote = { ...(this.local as object), family: listener.family } as Address;
    if (this.isUnix) {
      this.peerCreds = listener.peerCreds;
      server.peerCreds = ucredOf(task);
    }
    this.join(server);
    listener.#backlog.push(server);
    listener.readQueue.wake();
    return 0;
  }

  /** What an accepted socket has from the one that listened. */
  inherit(listener: Socket): void {
    this.passCred = listener.passCred;
    this.reuseAddress = listener.reuseAddress;
    this.v6Only = listener.v6Only;
    this.receiveTimeoutNs = listener.receiveTimeoutNs;
    this.sendTimeoutNs = listener.sendTimeoutNs;
    if (listener.options !== undefined) this.options = new Map(listener.options);
  }

  // --- data ---

  override send(task: Task, from: Uint8Array, flags: number, to: Address | undefined, control: Control | undefined): SysResult {
    if ((flags & MSG_OOB) !== 0) throw EOPNOTSUPP;
    const outgoing = this.#outgoing;
    if (this.error !== undefined) throw this.takeError();
    if (outgoing === undefined) {
      if (to !== undefined && this.isUnix && !this.messages) throw EOPNOTSUPP;
      throw this.isUnix ? ENOTCONN : EPIPE;
    }
    if (to !== undefined && this.isUnix && !this.messages) throw EISCONN;
    if (outgoing.writers === 0) throw EPIPE;
    if (outgoing.readers === 0 && !this.isUnix && !this.#refused) {
      // The answer to these bytes is a reset: only the next write learns of it.
      this.#refused = true;
      this.writeQueue.wake();
      return from.length;
    }
    if (this.messages && from.length > BUFFER_BYTES) throw EMSGSIZE;
    if (control === undefined && this.isUnix && (this.passCred || this.#peer?.passCred === true)) control = { rights: [], creds: ucredOf(task) };
    return outgoing.send(from, control);
  }

  override receive(into: Uint8Array, flags: number, got: Received | undefined): SysResult {
    const incoming = this.#incoming;
    if (incoming === undefined) {
      if (this.error !== undefined) throw this.takeError();
      throw this.isUnix && !this.messages ? EINVAL : ENOTCONN;
    }
    if ((flags & MSG_OOB) !== 0) throw this.isUnix ? EOPNOTSUPP : EINVAL;
    if (!incoming.ready) {
      if (this.error !== undefined) throw (flags & MSG_PEEK) !== 0 ? this.error : this.takeError();
      if (this.#deaf) return 0;
    }
    return incoming.receive(into, flags, got);
  }

  override shutdown(how: number): void {
    if (this.listening) {
      if (how !== SHUT_WR) this.#endListening();
      this.readQueue.wake();
      return;
    }
    if (!this.connected) {
      if (!this.isUnix) throw ENOTCONN;
      return;
    }
    if (how === SHUT_WR || how === SHUT_RDWR) this.#outgoing?.endWriting();
    if (how === SHUT_RD || how === SHUT_RDWR) {
      if (this.isUnix) this.#incoming?.endReading();
      this.#deaf = true;
    }
    this.readQueue.wake();
    this.writeQueue.wake();
    this.#peer?.readQueue.wake();
    this.#peer?.writeQueue.wake();
  }

  override poll(): number {
    if (this.#backlog !== undefined) return this.#backlog.length > 0 ? POLLIN | POLLRDNORM : 0;
    const { error } = this;
    let events = error === undefined ? 0 : POLLERR;
    const incoming = this.#incoming;
    const outgoing = this.#outgoing;
    if (incoming === undefined || outgoing === undefined) {
      if (error !== undefined) events |= POLLIN | POLLRDNORM;
      return events | POLLOUT | POLLWRNORM | POLLHUP;
    }
    const ended = incoming.writers === 0 || incoming.readers === 0 || this.#deaf;
    if (incoming.ready || ended || error !== undefined) events |= POLLIN | POLLRDNORM;
    if (ended) events |= POLLRDHUP;
    if (ended && (outgoing.writers === 0 || (this.isUnix && outgoing.readers === 0) || this.#refused)) events |= POLLHUP;
    if (outgoing.writable || outgoing.readers === 0 || outgoing.writers === 0) events |= POLLOUT | POLLWRNORM;
    return events;
  }

  // --- the end ---

  #endListening(): void {
    const backlog = this.#backlog;
    if (backlog === undefined) return;
    this.#backlog = undefined;
    for (const socket of backlog) {
      socket.#peer?.fail(ECONNRESET);
      socket.#disconnect();
    }
    this.#roomMade();
  }

  #disconnect(): void {
    const incoming = this.#incoming;
    if (incoming === undefined) return;
    // Bytes that nobody will read are answered with a reset.
    if (incoming.ready && this.#peer !== undefined) this.#peer.fail(ECONNRESET);
    this.#outgoing?.endWriting();
    incoming.endReading();
    this.#peer = undefined;
    this.#incoming = undefined;
    this.#outgoing = undefined;
    this.remote = undefined;
  }

  protected override closed(): void {
    this.#endListening();
    this.#disconnect();
    this.names.unbind(this);
  }
}

/** socketpair(2). */
export function pairOf(task: Task, names: Names, family: number, type: number, flags: number): [ConnectionSocket, ConnectionSocket] {
  const pair: [ConnectionSocket, ConnectionSocket] = [new ConnectionSocket(names, family, type, 0, flags), new ConnectionSocket(names, family, type, 0, flags)];
  pair[0].join(pair[1]);
  for (const socket of pair) {
    socket.remote = UNNAMED;
    socket.peerCreds = ucredOf(task);
  }
  return pair;
}
