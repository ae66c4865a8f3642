/**
 * The outer end of an enclave: its thread, and the programs started in it with their streams.
 *
 * The owner of the event loop moves bytes between the outside (`Source`, `Sink`) and the rings; the enclave's
 * thread never waits for it except for the bytes themselves. Back-pressure holds both ways: input is pulled
 * only as far as a program asks for it, and output is taken from a ring only when the sink is ready.
 */

import { MessageChannel, Worker, type MessagePort } from 'node:worker_threads';
import { Doorbell } from './doorbell.ts';
import { type LogLevel, RemoteError, type TerminalSize, type ToInner, type ToOuter } from './messages.ts';
import { Ring } from './ring.ts';

/** Where a program's input comes from. */
export interface Source {
  /** Calls `deliver` once, with 1 to `limit` bytes, or `undefined` at the end. */
  pull(limit: number, deliver: (bytes: Uint8Array | undefined) => void): void;
  close(): void;
}

/** Where a program's output goes. */
export interface Sink {
  /**
   * Calls `done` when all bytes are taken; with false when nobody will take any more: with an error number where that is a failure
   * (a full disk), without where the reader has gone.
   */
  write(bytes: Uint8Array, done: (open: boolean, errno?: number) => void): void;
  close(): void;
}

export interface Program {
  readonly argv: readonly string[];
  readonly env: readonly string[];
  readonly hostEnv: readonly string[];
  readonly cwd: string;
  readonly terminal?: TerminalSize;
  readonly input: Source;
  readonly output: Sink;
  readonly error: Sink;
}

/** A program that runs in the enclave. */
export interface Session {
  readonly id: number;
  /** The wait status as wait(2) gives it, after all output has been handed over; rejects with `EnclaveError` when nothing was started. */
  readonly exited: Promise<number>;
  signal(signal: number): void;
  resize(size: TerminalSize): void;
}

export interface ThreadOptions {
  /** The module that the enclave's thread runs; it gets `InnerData` as its `workerData`. */
  readonly module: URL;
  readonly boot: unknown;
  readonly stackMb: number;
  readonly heapMb: number;
  readonly onLog: (level: LogLevel, message: string) => void;
  readonly onTrace: (text: string) => void;
}

export interface InnerData {
  readonly port: MessagePort;
  readonly bell: SharedArrayBuffer;
  readonly boot: unknown;
}

/** An error that was raised in the enclave's thread. */
export class EnclaveError extends RemoteError {}

/** V8 would let what is young grow to 96 MB and keep it: translating fills it with what is soon garbage. */
const YOUNG_MB = 24;

const INPUT_BYTES = 128 * 1024;
const OUTPUT_BYTES = 256 * 1024;
const CHUNK_BYTES = 64 * 1024;

class Inflow {
  readonly ring = Ring.allocate(INPUT_BYTES);
  readonly #source: Source;
  readonly #eager: boolean;
  readonly #bell: Doorbell;
  #pulling = false;
  #ended = false;

  constructor(source: Source, eager: boolean, bell: Doorbell) {
    this.#source = source;
    this.#eager = eager;
    this.#bell = bell;
  }

  pump(): void {
    if (this.#pulling || this.#ended) return;
    const room = this.ring.writable();
    if (room === -1) return this.end();
    const limit = Math.min(room, this.#eager ? CHUNK_BYTES : this.ring.takeWanted());
    if (limit === 0) return;
    this.#pulling = true;
    this.#source.pull(limit, (bytes) => {
      this.#pulling = false;
      if (this.#ended) return;
      if (bytes === undefined) {
        this.#ended = true;
        this.ring.closeWriter();
      } else {
        this.ring.write(bytes);
      }
      this.#bell.ringInner();
      this.pump();
    });
  }

  end(): void {
    if (!this.#ended) {
      this.ring.closeWriter();
      // A terminal hangs up at once; nobody waits for the end of other input any more.
      if (this.#eager) this.#bell.ringInner();
    }
    this.#ended = true;
    this.#source.close();
  }
}

class Outflow {
  readonly ring = Ring.allocate(OUTPUT_BYTES);
  readonly #sink: Sink;
  readonly #bell: Doorbell;
  readonly #onIdle: () => void;
  #busy = false;

  constructor(sink: Sink, bell: Doorbell, onIdle: () => void) {
    this.#sink = sink;
    this.#bell = bell;
    this.#onIdle = onIdle;
  }

  get idle(): boolean {
    return !this.#busy && (this.ring.length === 0 || this.ring.readerClosed);
  }

  pump(): void {
    while (!this.#busy && !this.ring.readerClosed) {
      const length = this.ring.length;
      if (length === 0) return;
      const chunk = new Uint8Array(Math.min(length, CHUNK_BYTES));
      this.ring.read(chunk);
      this.#bell.ringInner();
      this.#busy = true;
      let synchronous = true;
      this.#sink.write(chunk, (open, errno) => {
        this.#busy = false;
        if (!open) {
          this.ring.closeReader(errno);
          this.#bell.ringInner();
        }
        if (!synchronous) {
          this.pump();
          this.#onIdle();
        }
      });
      synchronous = false;
    }
  }

  end(): void {
    this.ring.closeReader();
    this.#sink.close();
  }
}

class LiveSession implements Session {
  readonly id: number;
  readonly exited: Promise<number>;
  readonly inflow: Inflow;
  readonly outflows: readonly [Outflow, Outflow];
  readonly #thread: EnclaveThread;
  readonly #resolve: (waitStatus: number) => void;
  readonly #reject: (error: Error) => void;
  #waitStatus: number | undefined;

  constructor(thread: EnclaveThread, id: number, program: Program, bell: Doorbell) {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    promise.catch(() => {});
    const onIdle = (): void => this.#finishIfDrained();
    this.id = id;
    this.exited = promise;
    this.inflow = new Inflow(program.input, program.terminal !== undefined, bell);
    this.outflows = [new Outflow(program.output, bell, onIdle), new Outflow(program.error, bell, onIdle)];
    this.#thread = thread;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  signal(signal: number): void {
    this.#thread.send({ kind: 'signal', id: this.id, signal });
  }

  resize(size: TerminalSize): void {
    this.#thread.send({ kind: 'resize', id: this.id, ...size });
  }

  pump(): void {
    this.inflow.pump();
    for (const outflow of this.outflows) outflow.pump();
    this.#finishIfDrained();
  }

  programExited(waitStatus: number): void {
    this.#waitStatus = waitStatus;
    this.pump();
  }

  abandon(error: Error): void {
    this.#thread.forget(this);
    this.#close();
    this.#reject(error);
  }

  #finishIfDrained(): void {
    if (this.#waitStatus === undefined || !this.outflows.every((outflow) => outflow.idle)) return;
    this.#thread.forget(this);
    this.#close();
    this.#resolve(this.#waitStatus);
  }

  #close(): void {
    this.inflow.end();
    for (const outflow of this.outflows) outflow.end();
  }
}

export class EnclaveThread {
  /** What `boot` reported; rejects with `EnclaveError`. */
  readonly booted: Promise<unknown>;
  /** Settles when the enclave has stopped and its layer is sealed; rejects if it could not write everything, or ended by a fault of ours. */
  readonly closed: Promise<void>;
  /** The same when the thread has ended. */
  readonly ended: Promise<void>;
  readonly #worker: Worker;
  readonly #port: MessagePort;
  readonly #bell = new Doorbell();
  readonly #sessions = new Map<number, LiveSession>();
  readonly #replies = new Map<number, (result: unknown) => void>();
  readonly #onLog: ThreadOptions['onLog'];
  readonly #onTrace: ThreadOptions['onTrace'];
  #ids = 0;

  constructor(options: ThreadOptions) {
    this.#onLog = options.onLog;
    this.#onTrace = options.onTrace;
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    const booted = Promise.withResolvers<unknown>();
    const closed = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<void>();
    this.booted = booted.promise;
    this.closed = closed.promise;
    this.ended = ended.promise;
    // Whoever is interested awaits these; nobody having asked yet is not an error of its own.
    this.booted.catch(() => {});
    this.closed.catch(() => {});
    this.ended.catch(() => {});
    port1.on('message', (message: ToOuter) => {
      if (message === 0) return this.#pump();
      if (message.kind === 'booted') booted.resolve(message.info);
      else if (message.kind === 'closed') closed.resolve();
      else if (message.kind === 'failed') {
        const error = new EnclaveError(message.error);
        booted.reject(error);
        closed.reject(error);
        ended.reject(error);
      } else this.#receive(message);
    });
    const data: InnerData = { port: port2, bell: this.#bell.buffer, boot: options.boot };
    this.#worker = new Worker(options.module, {
      workerData: data,
      transferList: [port2],
      resourceLimits: { stackSizeMb: options.stackMb, maxOldGenerationSizeMb: options.heapMb, maxYoungGenerationSizeMb: YOUNG_MB },
    });
    this.#worker.on('error', (error: Error) => {
      booted.reject(error);
      closed.reject(error);
      ended.reject(error);
      for (const session of this.#sessions.values()) session.abandon(error);
    });
    this.#worker.on('exit', () => {
      // Messages that were sent before the end are delivered first.
      setImmediate(() => {
        port1.close();
        const error = new Error('the enclave has ended');
        booted.reject(error);
        closed.resolve();
        for (const session of this.#sessions.values()) session.abandon(error);
        ended.resolve();
      });
    });
  }

  exec(program: Program): Session {
    const session = new LiveSession(this, ++this.#ids, program, this.#bell);
    this.#sessions.set(session.id, session);
    this.send({
      kind: 'exec',
      id: session.id,
      argv: program.argv,
      env: program.env,
      hostEnv: program.hostEnv,
      cwd: program.cwd,
      rings: [session.inflow.ring.buffer, session.outflows[0].ring.buffer, session.outflows[1].ring.buffer],
      ...(program.terminal && { terminal: program.terminal }),
    });
    session.pump();
    return session;
  }

  /** A request that is answered with a result. */
  call(method: string, params: unknown): Promise<unknown> {
    const { promise, resolve } = Promise.withResolvers<unknown>();
    const reply = ++this.#ids;
    this.#replies.set(reply, resolve);
    this.send({ kind: 'call', reply, method, params });
    return promise;
  }

  kill(pid: number, signal: number): Promise<unknown> {
    const { promise, resolve } = Promise.withResolvers<unknown>();
    const reply = ++this.#ids;
    this.#replies.set(reply, resolve);
    this.send({ kind: 'kill', pid, signal, reply });
    return promise;
  }

  shutdown(): void {
    this.send({ kind: 'shutdown' });
  }

  send(message: ToInner): void {
    this.#port.postMessage(message);
    this.#bell.announceRequest();
  }

  forget(session: Session): void {
    this.#sessions.delete(session.id);
  }

  #receive(message: Exclude<ToOuter, 0 | { kind: 'booted' | 'closed' | 'failed' }>): void {
    switch (message.kind) {
      case 'log':
        return this.#onLog(message.level, message.message);
      case 'trace':
        return this.#onTrace(message.text);
      case 'refused':
        this.#sessions.get(message.id)?.abandon(new EnclaveError(message.error));
        return;
      case 'exited':
        this.#sessions.get(message.id)?.programExited(message.waitStatus);
        return;
      case 'reply':
        this.#replies.get(message.id)?.(message.result);
        this.#replies.delete(message.id);
        return;
    }
  }

  #pump(): void {
    this.#bell.outerLooks();
    for (const session of this.#sessions.values()) session.pump();
  }
}
