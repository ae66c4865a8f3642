/**
 * The control socket of a running enclave. It is its owner's alone, and root's: the host says which user has connected
 * (SO_PEERCRED, unix(7)), and the socket lies in a directory of mode 0700 and has mode 0600 itself. Where Node cannot ask
 * (no FFI), the permissions alone decide.
 */

import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import type { EnclaveThread, Session, Sink, Source } from '../enclave-thread.ts';
import type { WireError } from '../messages.ts';
import { decodeExec, decodeExecStrings, decodeJson, decodeNumbers, encodeFrame, encodeJson, encodeNumbers, errnoIn, type ExecRequest, type Frame, FRAME, FrameReader, PROTOCOL, ProtocolError, TAKEN } from './frame.ts';
import { socketPath } from './path.ts';

const SIGHUP = 1;
/** How long a connection that is not served may stay. */
const REFUSAL_MS = 1000;

export interface ControlOptions {
  readonly path: string;
  readonly enclave: EnclaveThread;
  /** Answers a call; throws for what there is not. */
  readonly answer: (method: string, params: unknown) => Promise<unknown>;
  readonly toWire: (error: unknown) => WireError;
  /** Tells which user has connected on a descriptor; undefined where nobody can be asked. */
  readonly peer: ((fd: number) => number | undefined) | undefined;
  readonly onRefused: (message: string) => void;
}

/** Why a connection is not served; undefined when it is. */
function refusal(socket: Socket, { peer }: ControlOptions): string | undefined {
  if (peer === undefined) return undefined;
  // Node gives a connection's descriptor in no other way.
  const fd = (socket as Socket & { readonly _handle?: { readonly fd?: number } })._handle?.fd;
  const user = fd === undefined ? undefined : peer(fd);
  return user === 0 || (user !== undefined && user === process.getuid?.()) ? undefined : `a connection of user ${user ?? 'unknown'} was refused`;
}

/** Takes over a socket that nobody listens on: the caller holds the instance's lock. */
export function listen(options: ControlOptions): Promise<Server> {
  const path = socketPath(options.path);
  rmSync(path, { force: true });
  const server = createServer((socket) => {
    const refused = refusal(socket, options);
    if (refused === undefined) return new Connection(socket, options);
    options.onRefused(refused);
    // It is told why, and not listened to.
    socket
      .on('error', () => {})
      .resume()
      .setTimeout(REFUSAL_MS, () => socket.destroy());
    return socket.end(encodeJson(FRAME.refused, { kind: 'host', code: 'peer', message: 'the enclave serves the user who started it, and root' }));
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      chmodSync(path, 0o600);
      resolve(server);
    });
  });
}

class Connection {
  readonly #socket: Socket;
  readonly #options: ControlOptions;
  readonly #frames = new FrameReader();
  #greeted = false;
  #session: Session | undefined;
  #wanted: { limit: number; deliver: (bytes: Uint8Array | undefined) => void } | undefined;
  readonly #untaken: (((open: boolean, errno?: number) => void) | undefined)[] = [];
  #gone = false;

  constructor(socket: Socket, options: ControlOptions) {
    this.#socket = socket;
    this.#options = options;
    socket.on('data', (bytes: Buffer) => this.#received(bytes));
    socket.on('close', () => this.#closed());
    socket.on('error', () => {});
  }

  #received(bytes: Uint8Array): void {
    try {
      for (const frame of this.#frames.push(bytes)) this.#serve(frame);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#send(encodeJson(FRAME.refused, { kind: 'usage', code: 'protocol', message: `control socket: ${error.message}` }));
      this.#socket.destroySoon();
    }
  }

  #serve({ type, payload }: Frame): void {
    if (!this.#greeted) return this.#greet(type, payload);
    switch (type) {
      case FRAME.exec:
        return this.#exec(decodeExec(payload));
      case FRAME.execStrings:
        return this.#exec(decodeExecStrings(payload));
      case FRAME.call:
        return this.#call(payload);
      case FRAME.input:
        return this.#input(payload.slice());
      case FRAME.inputEnd:
        return this.#input(undefined);
      case FRAME.taken: {
        const [stream, outcome] = decodeNumbers(payload, 2);
        const done = this.#untaken[stream];
        if (done === undefined) throw new ProtocolError('nothing was there to be taken');
        this.#untaken[stream] = undefined;
        return done(outcome === TAKEN, outcome === TAKEN ? 0 : errnoIn(outcome));
      }
      case FRAME.signal: {
        const [signal] = decodeNumbers(payload, 1);
        if (signal < 1 || signal > 64) throw new ProtocolError(`there is no signal ${signal}`);
        return this.#session?.signal(signal);
      }
      case FRAME.resize: {
        const [rows, columns] = decodeNumbers(payload, 2);
        return this.#session?.resize({ rows: rows & 0xffff, columns: columns & 0xffff });
      }
      default:
        throw new ProtocolError(`a frame of type ${type} does not come from a client`);
    }
  }

  #greet(type: number, payload: Uint8Array): void {
    if (type !== FRAME.hello) throw new ProtocolError('the first frame is not hello');
    const { protocol } = decodeJson(payload);
    if (protocol !== PROTOCOL) throw new ProtocolError(`the enclave speaks version ${PROTOCOL} of the protocol, not ${String(protocol)}; use the version of cloister that started it`);
    this.#greeted = true;
    this.#send(encodeJson(FRAME.welcome, { protocol: PROTOCOL }));
  }

  #exec(request: ExecRequest): void {
    if (this.#session !== undefined) throw new ProtocolError('one connection starts one program');
    const session = this.#options.enclave.exec({ ...request, input: this.#source(), output: this.#sink(FRAME.output, 0), error: this.#sink(FRAME.error, 1) });
    this.#session = session;
    session.exited
      .then(
        (waitStatus) => this.#send(encodeNumbers(FRAME.exited, waitStatus)),
        (error) => this.#send(encodeJson(FRAME.refused, this.#options.toWire(error))),
      )
      .finally(() => {
        this.#session = undefined;
        this.#socket.end();
      });
  }

  #call(payload: Uint8Array): void {
    const { method, params } = decodeJson(payload);
    if (typeof method !== 'string') throw new ProtocolError('a call names no method');
    this.#options.answer(method, params).then(
      (result) => this.#send(encodeJson(FRAME.result, { result })),
      (error) => this.#send(encodeJson(FRAME.refused, this.#options.toWire(error))),
    );
  }

  #source(): Source {
    return {
      pull: (limit, deliver) => {
        if (this.#gone) return void setImmediate(deliver, undefined);
        this.#wanted = { limit, deliver };
        this.#send(encodeNumbers(FRAME.want, limit));
      },
      close() {},
    };
  }

  #sink(type: number, stream: number): Sink {
    return {
      write: (bytes, done) => {
        if (this.#gone) return done(false);
        this.#untaken[stream] = done;
        this.#send(encodeFrame(type, bytes));
      },
      close() {},
    };
  }

  #input(bytes: Uint8Array | undefined): void {
    const wanted = this.#wanted;
    if (wanted === undefined || (bytes !== undefined && (bytes.length === 0 || bytes.length > wanted.limit))) throw new ProtocolError('input that nobody asked for');
    this.#wanted = undefined;
    wanted.deliver(bytes);
  }

  /** The client has gone: what it started is hung up on, as when a terminal goes. */
  #closed(): void {
    this.#gone = true;
    this.#session?.signal(SIGHUP);
    this.#wanted?.deliver(undefined);
    for (const done of this.#untaken) done?.(false);
  }

  #send(frame: Uint8Array): void {
    if (!this.#gone) this.#socket.write(frame);
  }
}
