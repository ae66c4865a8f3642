/** The client's end of a control socket. Loaded by `cloister exec`, so it imports as little as it can. */

import { connect, type Socket } from 'node:net';
import type { Sink, Source } from '../enclave-thread.ts';
import { RemoteError, type WireError } from '../messages.ts';
import { decodeJson, decodeNumbers, encodeFrame, encodeJson, encodeNumbers, type ExecRequest, type Frame, FRAME, FrameReader, PROTOCOL, ProtocolError, TAKEN } from './frame.ts';
import { socketPath } from './path.ts';

/** An error that the enclave's process answered with, or that it cannot be reached. */
export class ControlError extends RemoteError {
  constructor({ kind, code, message, hint }: WireError) {
    super({ kind: kind ?? 'internal', code, message, ...(hint !== undefined && { hint }) });
  }
}

const notRunning = (): ControlError => new ControlError({ kind: 'not-running', code: 'not-running', message: 'the instance is not running', hint: 'Start it with: cloister start' });

export class ControlClient {
  readonly #socket: Socket;
  readonly #frames = new FrameReader();
  readonly #ended = Promise.withResolvers<never>();
  #handler: (frame: Frame) => void = () => {};

  /** Does not wait for the connection: what is sent meanwhile is sent when it stands. */
  constructor(path: string) {
    this.#ended.promise.catch(() => {});
    this.#socket = connect(socketPath(path));
    this.#socket.on('data', (bytes: Buffer) => this.#received(bytes));
    this.#socket.on('error', (error: NodeJS.ErrnoException) => {
      const { code } = error;
      this.#ended.reject(code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'ENOTDIR' ? notRunning() : new ControlError({ kind: 'host', code: 'host', message: error.message }));
    });
    this.#socket.on('close', () => this.#ended.reject(new ControlError({ kind: 'not-running', code: 'not-running', message: 'the enclave has stopped' })));
    this.#socket.write(encodeJson(FRAME.hello, { protocol: PROTOCOL }));
  }

  close(): void {
    this.#socket.destroy();
  }

  /** Resolves when the enclave has closed the connection. */
  async closed(): Promise<void> {
    await this.#ended.promise.catch(() => {});
  }

  call(method: string, params: unknown): Promise<unknown> {
    const { promise, resolve } = Promise.withResolvers<unknown>();
    this.#handler = ({ type, payload }) => {
      if (type === FRAME.result) resolve(decodeJson(payload).result);
    };
    this.#socket.write(encodeJson(FRAME.call, { method, params }));
    return Promise.race([promise, this.#ended.promise]);
  }

  /** Runs a program with these streams; resolves with its wait status. */
  exec(request: ExecRequest, input: Source, output: Sink, error: Sink): Promise<number> {
    const { promise, resolve } = Promise.withResolvers<number>();
    const take = (sink: Sink, stream: number, payload: Uint8Array): void => sink.write(payload.slice(), (open, errno = 0) => this.#socket.write(encodeNumbers(FRAME.taken, stream, open ? TAKEN : -errno)));
    this.#handler = ({ type, payload }) => {
      if (type === FRAME.output) take(output, 0, payload);
      else if (type === FRAME.error) take(error, 1, payload);
      else if (type === FRAME.exited) resolve(decodeNumbers(payload, 1)[0]);
      else if (type === FRAME.want) {
        const [limit] = decodeNumbers(payload, 1);
        input.pull(limit, (bytes) => this.#socket.write(bytes === undefined ? encodeFrame(FRAME.inputEnd, new Uint8Array(0)) : encodeFrame(FRAME.input, bytes)));
      }
    };
    this.#socket.write(encodeJson(FRAME.exec, request));
    return Promise.race([promise, this.#ended.promise]);
  }

  signal(signal: number): void {
    this.#socket.write(encodeNumbers(FRAME.signal, signal));
  }

  resize({ rows, columns }: { readonly rows: number; readonly columns: number }): void {
    this.#socket.write(encodeNumbers(FRAME.resize, rows, columns));
  }

  #received(bytes: Uint8Array): void {
    try {
      for (const frame of this.#frames.push(bytes)) {
        if (frame.type === FRAME.refused) this.#ended.reject(new ControlError(decodeJson(frame.payload) as unknown as WireError));
        else this.#handler(frame);
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#ended.reject(new ControlError({ kind: 'internal', code: 'protocol', message: `control socket: ${error.message}` }));
      this.#socket.destroy();
    }
  }
}
