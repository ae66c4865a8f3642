/**
 * One direction of a connection: bytes (a pipe's ring) or packets, and what travels beside them (cmsg(3)): open files
 * and credentials. The queues are those of the two sockets.
 */

import { MSG_PEEK, MSG_TRUNC } from '../../abi/socket.ts';
import { EPIPE } from '../errno.ts';
import { Pipe, PIPE_BUF } from '../ipc/pipe.ts';
import { type SysResult, WOULD_BLOCK } from '../result.ts';
import type { OpenFile } from '../vfs/file.ts';
import type { WaitQueue } from '../wait.ts';
import type { Address } from './address.ts';

/** net.core.wmem_default. */
export const BUFFER_BYTES = 212_992;
/** net.unix.max_dgram_qlen, as distributions set it. */
const MAX_PACKETS = 512;

export interface Ucred {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/** What goes beside the bytes of one message. The channel owns the references to `rights` once it has taken them. */
export interface Control {
  readonly rights: readonly OpenFile[];
  readonly creds: Ucred | undefined;
}

/** What a receiver learns beside the bytes. */
export class Received {
  from: Address | undefined;
  /** The references are the receiver's. */
  rights: readonly OpenFile[] = [];
  creds: Ucred | undefined;
  /** MSG_* of recvmsg(2). */
  flags = 0;
}

export function dropRights(rights: readonly OpenFile[]): void {
  for (const file of rights) file.release();
}

/** Hands over what came with a message; without a taker the files are closed. */
function deliver(control: Control, peek: boolean, got: Received | undefined): void {
  if (got === undefined) {
    if (!peek) dropRights(control.rights);
    return;
  }
  if (peek) for (const file of control.rights) file.retain();
  if (control.rights.length > 0) got.rights = control.rights;
  got.creds = control.creds;
}

export interface Channel {
  /** Something can be received. */
  readonly ready: boolean;
  readonly readers: number;
  readonly writers: number;
  readonly writable: boolean;
  /** Bytes that wait. */
  readonly used: number;
  /** All or a part, WOULD_BLOCK; EPIPE when nobody reads. */
  send(from: Uint8Array, control: Control | undefined): SysResult;
  /** WOULD_BLOCK, or 0 when nobody writes any more. */
  receive(into: Uint8Array, flags: number, got: Received | undefined): SysResult;
  endReading(): void;
  endWriting(): void;
}

interface Mark {
  /** Counted from the beginning of the stream. */
  readonly at: number;
  end: number;
  /** The files go with the first of the bytes that is read, the credentials with all. */
  control: Control;
}

const sameCreds = (one: Ucred | undefined, other: Ucred | undefined): boolean => one?.pid === other?.pid && one?.uid === other?.uid && one?.gid === other?.gid;

export class StreamChannel extends Pipe implements Channel {
  #written = 0;
  #taken = 0;
  #marks: Mark[] | undefined;

  constructor(readQueue: WaitQueue, writeQueue: WaitQueue) {
    super(readQueue, writeQueue);
    this.capacity = BUFFER_BYTES;
    this.readers = 1;
    this.writers = 1;
  }

  get writable(): boolean {
    return this.free >= PIPE_BUF;
  }

  get ready(): boolean {
    return this.used > 0;
  }

  send(from: Uint8Array, control: Control | undefined): SysResult {
    const count = this.write(from);
    if (count > 0) {
      if (control !== undefined) this.#mark(control, count);
      this.#written += count;
    } else if (count === 0 && control !== undefined) dropRights(control.rights);
    return count;
  }

  /** Bytes of one sender that come with nothing but his credentials run on. */
  #mark(control: Control, count: number): void {
    this.#marks ??= [];
    const last = this.#marks.at(-1);
    const end = this.#written + count;
    if (last !== undefined && last.end === this.#written && control.rights.length === 0 && last.control.rights.length === 0 && sameCreds(last.control.creds, control.creds)) last.end = end;
    else this.#marks.push({ at: this.#written, end, control });
  }

  receive(into: Uint8Array, flags: number, got: Received | undefined): SysResult {
    let wanted = into;
    const mark = this.#marks?.[0];
    // A read goes up to the end of the first bytes that something came with.
    if (mark !== undefined && into.length > mark.end - this.#taken) wanted = into.subarray(0, mark.end - this.#taken);
    if ((flags & MSG_PEEK) !== 0) {
      if (this.used === 0) return this.read(wanted);
      const seen = this.peek(wanted);
      if (mark !== undefined && this.#taken + seen > mark.at) deliver(mark.control, true, got);
      return seen;
    }
    const count = this.read(wanted);
    if (count <= 0) return count;
    this.#taken += count;
    if (mark !== undefined && this.#taken > mark.at) {
      deliver(mark.control, false, got);
      if (this.#taken >= mark.end) this.#marks?.shift();
      else if (mark.control.rights.length > 0) mark.control = { rights: [], creds: mark.control.creds };
    }
    return count;
  }

  endReading(): void {
    if (this.readers === 0) return;
    this.closed(true, false);
    for (const { control } of this.#marks ?? []) dropRights(control.rights);
    this.#marks = undefined;
  }

  endWriting(): void {
    if (this.writers > 0) this.closed(false, true);
  }
}

interface Packet {
  readonly bytes: Uint8Array;
  readonly from: Address | undefined;
  readonly control: Control | undefined;
}

/** Messages with their bounds: both directions of SOCK_SEQPACKET, the inbox of SOCK_DGRAM. */
export class PacketChannel implements Channel {
  readonly #packets: Packet[] = [];
  readonly #readQueue: WaitQueue;
  /** Senders that found no room. */
  readonly #wanting = new Set<WaitQueue>();
  readonly #writeQueue: WaitQueue | undefined;
  #used = 0;
  readers = 1;
  writers = 1;

  constructor(readQueue: WaitQueue, writeQueue?: WaitQueue) {
    this.#readQueue = readQueue;
    this.#writeQueue = writeQueue;
  }

  get ready(): boolean {
    return this.#packets.length > 0;
  }

  get writable(): boolean {
    return this.#used < BUFFER_BYTES && this.#packets.length < MAX_PACKETS;
  }

  get used(): number {
    return this.#used;
  }

  /** The length of the next packet. */
  get next(): number {
    return this.#packets.length === 0 ? 0 : this.#packets[0].bytes.length;
  }

  /** Tells a sender's queue when there is room again. */
  wanted(queue: WaitQueue): void {
    this.#wanting.add(queue);
  }

  send(from: Uint8Array, control: Control | undefined, source?: Address): SysResult {
    if (this.readers === 0) throw EPIPE;
    if (!this.writable) return WOULD_BLOCK;
    this.#packets.push({ bytes: from.slice(), from: source, control });
    this.#used += from.length;
    this.#readQueue.wake();
    return from.length;
  }

  receive(into: Uint8Array, flags: number, got: Received | undefined): SysResult {
    const packet = this.#packets[0];
    if (packet === undefined) return this.writers === 0 ? 0 : WOULD_BLOCK;
    const { bytes, control } = packet;
    const count = Math.min(into.length, bytes.length);
    into.set(count === bytes.length ? bytes : bytes.subarray(0, count));
    const peek = (flags & MSG_PEEK) !== 0;
    if (got !== undefined) {
      got.from = packet.from;
      if (count < bytes.length) got.flags |= MSG_TRUNC;
    }
    if (control !== undefined) deliver(control, peek, got);
    if (!peek) {
      this.#packets.shift();
      this.#used -= bytes.length;
      this.#roomMade();
    }
    return (flags & MSG_TRUNC) !== 0 ? bytes.length : count;
  }

  #roomMade(): void {
    this.#writeQueue?.wake();
    if (this.#wanting.size === 0) return;
    for (const queue of this.#wanting) queue.wake();
    this.#wanting.clear();
  }

  endReading(): void {
    if (this.readers === 0) return;
    this.readers = 0;
    for (const { control } of this.#packets) if (control !== undefined) dropRights(control.rights);
    this.#packets.length = 0;
    this.#used = 0;
    this.#roomMade();
  }

  endWriting(): void {
    if (this.writers === 0) return;
    this.writers = 0;
    this.#readQueue.wake();
  }
}
