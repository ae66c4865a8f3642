/**
 * The protocol of an enclave's control socket: frames of `u8 type ‖ u32 length (little-endian) ‖ payload`.
 *
 * A connection begins with `hello` and `welcome`, which carry the protocol's version; then it is either one
 * program (`exec`, whose streams and signals follow) or a series of `call`s. Bytes move only when the receiver
 * has asked for them: input after `want`, more output after `taken`. Everything that comes in is hostile until parsed.
 */

import { byteString } from '../../../base/bytes.ts';

export const PROTOCOL = 1;

// biome-ignore format: a table
export const FRAME = {
  // client to enclave
  hello: 1, exec: 2, input: 3, inputEnd: 4, taken: 5, signal: 6, resize: 7, call: 8, execStrings: 9,
  // enclave to client
  welcome: 16, want: 17, output: 18, error: 19, exited: 20, refused: 21, result: 22,
} as const;

/** The second number of `taken`; another is what write(2) has failed with, negative, and 0 for a reader that has gone. */
export const TAKEN = 1;
const MAX_ERRNO = 4095;
/** 0 for what is none. */
export const errnoIn = (outcome: number): number => (-(outcome | 0) > 0 && -(outcome | 0) <= MAX_ERRNO ? -(outcome | 0) : 0);

export const MAX_PAYLOAD = 4 << 20;
const HEADER_BYTES = 5;
const KNOWN: ReadonlySet<number> = new Set(Object.values(FRAME));

export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
}

export interface Frame {
  readonly type: number;
  readonly payload: Uint8Array;
}

export function encodeFrame(type: number, payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(HEADER_BYTES + payload.length);
  frame[0] = type;
  new DataView(frame.buffer).setUint32(1, payload.length, true);
  frame.set(payload, HEADER_BYTES);
  return frame;
}

const utf8 = new TextEncoder();
const strict = new TextDecoder('utf-8', { fatal: true });

export const encodeJson = (type: number, value: unknown): Uint8Array => encodeFrame(type, utf8.encode(JSON.stringify(value)));

/** An object; anything else is an error. */
export function decodeJson(payload: Uint8Array): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(strict.decode(payload));
  } catch {
    throw new ProtocolError('a frame does not hold JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new ProtocolError('a frame does not hold an object');
  return value as Record<string, unknown>;
}

export function encodeNumbers(type: number, ...numbers: readonly number[]): Uint8Array {
  const payload = new Uint8Array(numbers.length * 4);
  const view = new DataView(payload.buffer);
  numbers.forEach((number, index) => view.setUint32(index * 4, number, true));
  return encodeFrame(type, payload);
}

export function decodeNumbers(payload: Uint8Array, count: number): number[] {
  if (payload.length !== count * 4) throw new ProtocolError('a frame has the wrong length');
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
  return Array.from({ length: count }, (_, index) => view.getUint32(index * 4, true));
}

/** Cuts a stream of bytes into frames. */
export class FrameReader {
  #pending: Uint8Array = new Uint8Array(0);

  /** The frames that are complete with these bytes. Throws ProtocolError; then the connection is of no more use. */
  *push(bytes: Uint8Array): Generator<Frame> {
    let buffer = bytes;
    if (this.#pending.length > 0) {
      buffer = new Uint8Array(this.#pending.length + bytes.length);
      buffer.set(this.#pending);
      buffer.set(bytes, this.#pending.length);
    }
    let at = 0;
    while (buffer.length - at >= HEADER_BYTES) {
      const type = buffer[at];
      const length = new DataView(buffer.buffer, buffer.byteOffset + at + 1, 4).getUint32(0, true);
      if (!KNOWN.has(type)) throw new ProtocolError(`there is no frame of type ${type}`);
      if (length > MAX_PAYLOAD) throw new ProtocolError(`a frame of ${length} bytes is too long`);
      if (buffer.length - at < HEADER_BYTES + length) break;
      const start = at + HEADER_BYTES;
      at = start + length;
      yield { type, payload: buffer.subarray(start, at) };
    }
    this.#pending = buffer.slice(at);
  }
}

export interface ExecRequest {
  readonly argv: readonly string[];
  readonly env: readonly string[];
  readonly hostEnv: readonly string[];
  readonly cwd: string;
  readonly terminal?: { readonly rows: number; readonly columns: number };
}

const isByteStrings = (value: unknown): value is string[] => Array.isArray(value) && value.every((item) => typeof item === 'string' && !/[^\x01-\xff]/.test(item));
const isSize = (value: unknown): value is number => Number.isInteger(value) && (value as number) > 0 && (value as number) < 65536;

export function decodeExec(payload: Uint8Array): ExecRequest {
  const { argv, env, hostEnv, cwd, terminal, ...rest } = decodeJson(payload);
  if (Object.keys(rest).length > 0 || !isByteStrings(argv) || argv.length === 0 || !isByteStrings(env) || !isByteStrings(hostEnv) || !isByteStrings([cwd])) throw new ProtocolError('a request to start a program is malformed');
  if (terminal === undefined) return { argv, env, hostEnv, cwd: cwd as string };
  const { rows, columns } = (terminal ?? {}) as { rows?: unknown; columns?: unknown };
  if (!isSize(rows) || !isSize(columns)) throw new ProtocolError('a request to start a program is malformed');
  return { argv, env, hostEnv, cwd: cwd as string, terminal: { rows, columns } };
}

/** The same as `u32 arguments ‖ u32 variables ‖ strings`, each ended by a zero: what execve(2) gave a client. */
export function decodeExecStrings(payload: Uint8Array): ExecRequest {
  if (payload.length < 9 || payload.at(-1) !== 0) throw new ProtocolError('a request to start a program is malformed');
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
  const [arguments_, variables] = [view.getUint32(0, true), view.getUint32(4, true)];
  const strings = byteString(payload.subarray(8, -1)).split('\0');
  if (arguments_ === 0 || strings.length !== arguments_ + variables) throw new ProtocolError('a request to start a program is malformed');
  return { argv: strings.slice(0, arguments_), env: [], hostEnv: strings.slice(arguments_).filter((variable) => variable.includes('=')), cwd: '' };
}
