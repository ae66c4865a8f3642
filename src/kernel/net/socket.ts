/**
 * Sockets (socket(2), socket(7)): what every kind has. The kinds are `ConnectionSocket` (SOCK_STREAM, SOCK_SEQPACKET)
 * and `DatagramSocket`; the families differ in their `Names`.
 */

import { O_RDWR } from '../../abi/fcntl.ts';
import { FIONREAD, TIOCOUTQ } from '../../abi/ioctl.ts';
import { SIGPIPE } from '../../abi/signal.ts';
import { AF_UNIX, MSG_NOSIGNAL, MSG_PEEK } from '../../abi/socket.ts';
import { S_IFSOCK } from '../../abi/stat.ts';
import { EINVAL, ENOTTY, EOPNOTSUPP, EPIPE, type Errno } from '../errno.ts';
import { AnonymousInode, SOCKFS } from '../ipc/anon.ts';
import { putU32 } from '../mm/guest.ts';
import type { SysResult } from '../result.ts';
import { kernelSignal, sendToTask } from '../signal/send.ts';
import type { Task } from '../task/task.ts';
import { faultUnlessEmpty, OpenFile } from '../vfs/file.ts';
import { WaitQueue } from '../wait.ts';
import type { Address } from './address.ts';
import type { Control, Received, Ucred } from './channel.ts';

/** The names of an address family and who has them. */
export interface Names {
  /** EADDRINUSE, EADDRNOTAVAIL, EACCES, … Sets `socket.local`. */
  bind(task: Task, socket: Socket, address: Address): void;
  /** Gives an unbound socket a name that is free; a no-op for a bound one. */
  autobind(socket: Socket): void;
  /** Who has the name, as seen by `from`; ECONNREFUSED, ENOENT, EACCES, ENETUNREACH, … */
  find(task: Task, from: Socket, address: Address): Socket;
  /** connect(2) with AF_UNSPEC: `socket.local` becomes what it was before the socket was connected. */
  disconnect(socket: Socket): void;
  unbind(socket: Socket): void;
  /** The name that a client has towards `address`. */
  sourceFor(from: Socket, address: Address): Address;
  /** The name that `address` stands for once `found` has been found under it. */
  destination(found: Socket, address: Address): Address;
}

export const NOBODY: Ucred = Object.freeze({ pid: 0, uid: 0xffff_ffff, gid: 0xffff_ffff });
export const ucredOf = (task: Task): Ucred => ({ pid: task.pid, uid: task.creds.euid, gid: task.creds.egid });

export abstract class Socket extends OpenFile {
  readonly family: number;
  readonly type: number;
  readonly protocol: number;
  readonly names: Names;
  /** The name it is bound to. */
  local: Address | undefined;
  remote: Address | undefined;
  /** SO_ERROR. */
  error: Errno | undefined;
  /** SO_PEERCRED. */
  peerCreds: Ucred = NOBODY;
  passCred = false;
  reuseAddress = false;
  reusePort = false;
  v6Only = false;
  /** Options that are only kept: level × 65536 + name. */
  options: Map<number, number> | undefined;

  constructor(names: Names, family: number, type: number, protocol: number, flags: number) {
    super(new AnonymousInode(SOCKFS, S_IFSOCK | 0o777, 'socket:[*]'), undefined, O_RDWR | flags, new WaitQueue(), new WaitQueue());
    this.names = names;
    this.family = family;
    this.type = type;
    this.protocol = protocol;
  }

  get isUnix(): boolean {
    return this.family === AF_UNIX;
  }

  bind(task: Task, address: Address): void {
    this.names.bind(task, this, address);
  }

  listen(_task: Task, _backlog: number): void {
    throw EOPNOTSUPP;
  }

  /** Undefined: nobody is waiting. */
  accept(): Socket | undefined {
    throw EOPNOTSUPP;
  }

  get listening(): boolean {
    return false;
  }

  /** WOULD_BLOCK: wait for `writeQueue` and try again. */
  abstract connect(task: Task, address: Address): SysResult;

  /** EPIPE is thrown without a signal. `to`: undefined = the peer. */
  abstract send(task: Task, from: Uint8Array, flags: number, to: Address | undefined, control: Control | undefined): SysResult;

  abstract receive(into: Uint8Array, flags: number, got: Received | undefined): SysResult;

  abstract shutdown(how: number): void;

  /** What FIONREAD tells. */
  abstract get unread(): number;

  override get readyBytes(): number {
    return this.messages ? 0 : this.unread;
  }

  takeError(): Errno | undefined {
    const { error } = this;
    this.error = undefined;
    return error;
  }

  throwError(): void {
    if (this.error !== undefined) throw this.takeError();
  }

  fail(error: Errno): void {
    this.error = error;
    this.readQueue.wake();
    this.writeQueue.wake();
  }

  /** As `send`, with SIGPIPE. */
  sendSignalling(task: Task, from: Uint8Array, flags: number, to: Address | undefined, control: Control | undefined): SysResult {
    try {
      return this.send(task, from, flags, to, control);
    } catch (error) {
      if (error === EPIPE && (flags & MSG_NOSIGNAL) === 0) sendToTask(task, kernelSignal(SIGPIPE));
      throw error;
    }
  }

  override read(_task: Task, into: Uint8Array): SysResult {
    return this.receive(into, 0, undefined);
  }

  /** A stream keeps what it cannot put anywhere; a message is lost. */
  faultingReceive(flags: number): SysResult {
    return faultUnlessEmpty(this.receive(new Uint8Array(1), this.messages ? flags : flags | MSG_PEEK, undefined));
  }

  override faultingRead(): SysResult {
    return this.faultingReceive(0);
  }

  override write(task: Task, from: Uint8Array): SysResult {
    return this.sendSignalling(task, from, 0, undefined, undefined);
  }

  override ioctl(task: Task, command: number, argument: number): SysResult {
    switch (command) {
      case FIONREAD:
        if (this.listening) throw EINVAL;
        putU32(task.mm, argument, this.unread);
        return 0;
      case TIOCOUTQ:
        putU32(task.mm, argument, 0);
        return 0;
      default:
        throw ENOTTY;
    }
  }
}
