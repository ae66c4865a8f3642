/**
 * `Host` for a kernel that runs in a worker thread of Node: rings for streams, a message port for requests.
 *
 * This is the inner end; `enclave-thread.ts` is the outer one. Owned by the enclave's thread.
 */

import { randomFillSync } from 'node:crypto';
import { getHeapStatistics } from 'node:v8';
import { receiveMessageOnPort, type MessagePort } from 'node:worker_threads';
import type { Host, HostRequest, HostStream } from '../../kernel/host.ts';
import { Doorbell } from './doorbell.ts';
import type { ExecMessage, LogLevel, StdioRings, TerminalSize, ToInner, ToOuter, WireError } from './messages.ts';
import { returnMemory } from './process.ts';
import { Ring } from './ring.ts';

/** How far the wall clock may be from where the monotonic one puts it before it is read anew. */
const CLOCK_STEP_MS = 5;

/** Random bytes made at once: a call for 16 costs as much as one for hundreds. */
const RANDOM_BYTES = 4096;

/** After this long without anything from outside, memory is given back. */
const IDLE_NS = 1e9;

/** The part of V8's heap that processes may fill: what they do when they end takes more of it. */
const FULL = 0.6;

/** Bytes asked for when somebody only waits for input to be there. */
const PEEK_BYTES = 1;

class RingStream implements HostStream {
  terminal?: { rows: number; columns: number };
  readonly #input: Ring | undefined;
  readonly #output: Ring | undefined;
  readonly #ring: () => void;

  /** What poll(2) has the outside read: a byte, and once the program has read, as much as it read then. */
  #peekBytes = PEEK_BYTES;

  constructor(input: Ring | undefined, output: Ring | undefined, ring: () => void) {
    this.#input = input;
    this.#output = output;
    this.#ring = ring;
  }

  read(into: Uint8Array): number {
    if (this.#input === undefined) return -1;
    if (into.length === 0) return 0;
    this.#peekBytes = into.length;
    const wasFull = this.#input.length === this.#input.capacity;
    const count = this.#input.read(into);
    if (count === 0 ? this.#input.want(into.length) : wasFull) this.#ring();
    return count;
  }

  write(from: Uint8Array): number {
    if (this.#output === undefined) return -1;
    const count = this.#output.write(from);
    if (count > 0) this.#ring();
    return count;
  }

  readable(): number {
    if (this.#input === undefined) return -1;
    const count = this.#input.readable();
    if (count === 0 && this.#input.want(this.#peekBytes)) this.#ring();
    return count;
  }

  writable(): number {
    return this.#output === undefined ? -1 : this.#output.writable();
  }

  close(): void {
    this.#input?.closeReader();
    this.#output?.closeWriter();
    this.#ring();
  }
}

/** What a program is started with after the enclave has looked at the request; or why it is not. `refuses` is asked again when it is known where the program's path leads. */
export type Admission = { readonly argv: readonly string[]; readonly env: readonly string[]; readonly cwd: string; readonly refuses?: (resolved: string) => WireError | undefined } | { readonly refused: WireError };

export class WorkerHost implements Host {
  /** Judges every request to start a program, before the kernel sees it. */
  admit: (message: ExecMessage) => Admission = () => ({ refused: { code: 'not-ready', message: 'the enclave is not ready' } });
  readonly #port: MessagePort;
  readonly #bell: Doorbell;
  /** By the number of the request to start their program. */
  readonly #terminals = new Map<number, RingStream>();
  readonly #random = new Uint8Array(RANDOM_BYTES);
  #randomLeft = 0;
  #seen = 0;
  #requestsTaken = 0;
  #originMs = performance.timeOrigin;
  #checkedMs = 0;
  /** Something has happened since memory was given back. */
  #busy = true;
  #returnMemory: (() => void) | undefined;
  #processes = 0;
  #room = true;

  constructor(port: MessagePort, bell: SharedArrayBuffer) {
    this.#port = port;
    this.#bell = new Doorbell(bell);
  }

  monotonicNs(): number {
    return Math.round(performance.now() * 1e6);
  }

  realtimeNs(): number {
    const sinceOrigin = performance.now();
    if (sinceOrigin - this.#checkedMs > 1000) {
      this.#checkedMs = sinceOrigin;
      const wall = Date.now();
      if (Math.abs(wall - (this.#originMs + sinceOrigin)) > CLOCK_STEP_MS) this.#originMs = wall - sinceOrigin;
    }
    return Math.round((this.#originMs + sinceOrigin) * 1e3) * 1e3;
  }

  random(into: Uint8Array): void {
    if (into.length > RANDOM_BYTES / 8) {
      randomFillSync(into);
      return;
    }
    if (this.#randomLeft < into.length) {
      randomFillSync(this.#random);
      this.#randomLeft = RANDOM_BYTES;
    }
    this.#randomLeft -= into.length;
    const taken = this.#random.subarray(this.#randomLeft, this.#randomLeft + into.length);
    into.set(taken);
    // Nothing that was given out is kept.
    taken.fill(0);
  }

  nextRequest(): HostRequest | undefined {
    if (this.#bell.requests === this.#requestsTaken) return undefined;
    const received = receiveMessageOnPort(this.#port) as { message: ToInner } | undefined;
    if (received === undefined) return undefined;
    this.#requestsTaken = (this.#requestsTaken + 1) | 0;
    const message = received.message;
    if (message.kind === 'exec') {
      const { id, rings, terminal } = message;
      const admission = this.admit(message);
      if ('refused' in admission) {
        this.post({ kind: 'refused', id, error: admission.refused });
        return this.nextRequest();
      }
      const { argv, env, cwd, refuses } = admission;
      const admits = (resolved: string): boolean => {
        const error = refuses?.(resolved);
        if (error !== undefined) this.post({ kind: 'refused', id, error });
        return error === undefined;
      };
      return { kind: 'exec', id, argv, env, cwd, admits, stdio: this.#stdio(id, rings, terminal), terminal: terminal !== undefined };
    }
    if (message.kind === 'resize') {
      const { id, rows, columns } = message;
      const terminal = this.#terminals.get(id);
      // The program has ended meanwhile.
      if (terminal === undefined) return this.nextRequest();
      terminal.terminal = { rows, columns };
      return { kind: 'resize', terminal, rows, columns };
    }
    return message;
  }

  /** V8 ends the thread when its heap is full, and asking is not free: every 16th process is looked at. */
  roomForProcess(): boolean {
    if (this.#processes++ % 16 === 0 || !this.#room) {
      const { used_heap_size, heap_size_limit } = getHeapStatistics();
      this.#room = used_heap_size < heap_size_limit * FULL;
    }
    return this.#room;
  }

  poll(): boolean {
    const changes = this.#bell.changes;
    if (changes === this.#seen) return false;
    this.#seen = changes;
    this.#busy = true;
    return true;
  }

  wait(timeoutNs: number): void {
    if (timeoutNs <= 0) return;
    if (this.#busy && timeoutNs > IDLE_NS) {
      this.#bell.sleep(this.#seen, IDLE_NS / 1e6);
      if (this.#bell.changes !== this.#seen) return;
      this.#busy = false;
      this.#returnMemory ??= returnMemory() ?? (() => {});
      this.#returnMemory();
      return this.wait(timeoutNs - IDLE_NS);
    }
    this.#bell.sleep(this.#seen, timeoutNs / 1e6);
  }

  exited(id: number, waitStatus: number): void {
    this.#terminals.delete(id);
    this.post({ kind: 'exited', id, waitStatus });
  }

  reply(id: number, result: unknown): void {
    this.post({ kind: 'reply', id, result });
  }

  log(level: LogLevel, message: string): void {
    this.post({ kind: 'log', level, message });
  }

  #stdio(id: number, rings: StdioRings, terminal: TerminalSize | undefined): [HostStream, HostStream, HostStream] {
    const ring = (): void => {
      if (this.#bell.ringOuter()) this.#port.postMessage(0);
    };
    const [input, output, error] = rings.map((buffer) => new Ring(buffer));
    if (terminal !== undefined) {
      const stream = new RingStream(input, output, ring);
      stream.terminal = { ...terminal };
      this.#terminals.set(id, stream);
      return [stream, stream, stream];
    }
    return [new RingStream(input, undefined, ring), new RingStream(undefined, output, ring), new RingStream(undefined, error, ring)];
  }

  post(message: ToOuter): void {
    this.#port.postMessage(message);
  }
}
