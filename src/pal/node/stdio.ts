/**
 * This process's own standard streams as a program's source and sinks.
 *
 * Pipes are opened anew through /proc/self/fd, so that making them non-blocking does not change them for the
 * other processes that share them; only as much is read as the program asks for. Files and devices that never
 * block are read and written directly; terminals go through libuv, which opens them anew as well. `node:net` and
 * `node:tty` are loaded where they are needed: that takes 4 ms of a start.
 */

import { constants, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import type { SocketConstructorOpts } from 'node:net';
import type { Sink, Source } from './enclave-thread.ts';
import { rawOutput } from './process.ts';

const net = (): typeof import('node:net') => process.getBuiltinModule('node:net');
const tty = (): typeof import('node:tty') => process.getBuiltinModule('node:tty');

/** One that knows whether something was lost that a program was told had been written. */
export interface HostSink extends Sink {
  readonly lost: boolean;
}

/** Major number of /dev/null and its like. */
const MEMORY_DEVICES = 1;

const EIO = 5,
  EBADF = 9;

type Kind = 'direct' | 'pipe' | 'terminal' | 'closed';

function kindOf(fd: number): Kind {
  try {
    const stat = fstatSync(fd);
    if (stat.isCharacterDevice() && stat.rdev >> 8 !== MEMORY_DEVICES && tty().isatty(fd)) return 'terminal';
    return stat.isFIFO() || stat.isSocket() ? 'pipe' : 'direct';
  } catch {
    return 'closed';
  }
}

/** A descriptor of our own for the same pipe; sockets cannot be opened anew and are used as they are. */
function reopened(fd: number, flags: number): number {
  try {
    return openSync(`/proc/self/fd/${fd}`, flags | constants.O_NONBLOCK);
  } catch {
    return fd;
  }
}

const EMPTY_SOURCE: Source = { pull: (_limit, deliver) => deliver(undefined), close() {} };

function directSource(fd: number): Source {
  return {
    pull(limit, deliver) {
      const buffer = new Uint8Array(limit);
      let count = 0;
      try {
        count = readSync(fd, buffer);
      } catch {
        // A directory, or a device that cannot be read: the program sees the end.
      }
      setImmediate(deliver, count === 0 ? undefined : buffer.subarray(0, count));
    },
    close() {},
  };
}

function pipeSource(fd: number): Source {
  const own = reopened(fd, constants.O_RDONLY);
  let limit = 0;
  let deliver: ((bytes: Uint8Array | undefined) => void) | undefined;
  let started = false;
  let ended = false;
  const finish = (bytes: Uint8Array | undefined): void => {
    const to = deliver;
    deliver = undefined;
    to?.(bytes);
  };
  const options = {
    fd: own,
    readable: true,
    writable: false,
    allowHalfOpen: true,
    // Node's `onread` is honoured for a given fd as well; its types allow it for connections only.
    onread: {
      buffer: () => Buffer.allocUnsafe(Math.max(1, limit)),
      callback: (count: number, buffer: Uint8Array): boolean => {
        finish(Uint8Array.prototype.slice.call(buffer, 0, count));
        return deliver !== undefined;
      },
    },
  };
  const socket = new (net().Socket)({ ...options, manualStart: true } as SocketConstructorOpts);
  const atEnd = (): void => {
    ended = true;
    finish(undefined);
  };
  socket.on('end', atEnd).on('close', atEnd).on('error', atEnd);
  socket.pause();
  return {
    pull(count, to) {
      if (ended) return void setImmediate(to, undefined);
      limit = count;
      deliver = to;
      if (started) socket.resume();
      else socket.read(0);
      started = true;
    },
    close() {
      socket.destroy();
    },
  };
}

function terminalSource(fd: number, raw: boolean): Source {
  const stream = new (tty().ReadStream)(fd);
  if (raw) {
    stream.setRawMode(true);
    rawOutput(fd);
  }
  let ended = false;
  let waiting: { limit: number; deliver: (bytes: Uint8Array | undefined) => void } | undefined;
  const offer = (): void => {
    if (waiting === undefined) return;
    const bytes: Buffer | null = stream.read(Math.min(waiting.limit, stream.readableLength || 1)) ?? stream.read();
    if (bytes === null && !ended) return;
    const { deliver } = waiting;
    waiting = undefined;
    deliver(bytes ?? undefined);
  };
  stream.on('readable', offer);
  const atEnd = (): void => {
    ended = true;
    offer();
  };
  stream.on('end', atEnd).on('error', atEnd);
  return {
    pull(limit, deliver) {
      waiting = { limit, deliver };
      setImmediate(offer);
    },
    close() {
      if (raw && !stream.destroyed) stream.setRawMode(false);
      stream.destroy();
    },
  };
}

/** The error number of a failure that lost something; undefined where only the reader has gone. Told, where there is a place left for it. */
function lossOf(fd: number, error: NodeJS.ErrnoException): number | undefined {
  if (error.code === 'EPIPE' || error.code === 'ECONNRESET') return undefined;
  if (fd !== 2) process.stderr.write(`cloister: the program's output: ${error.message}\n`);
  return Math.abs(error.errno ?? EIO);
}

function directSink(fd: number): HostSink {
  let lost = false;
  return {
    get lost() {
      return lost;
    },
    write(bytes, done) {
      try {
        for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
        done(true);
      } catch (error) {
        const errno = lossOf(fd, error as NodeJS.ErrnoException);
        lost ||= errno !== undefined;
        done(false, errno);
      }
    },
    close() {},
  };
}

function pipeSink(fd: number): HostSink {
  const own = reopened(fd, constants.O_WRONLY);
  const socket = new (net().Socket)({ fd: own, readable: false, writable: true });
  let waiting: ((open: boolean, errno?: number) => void) | undefined;
  let open = true;
  let errno: number | undefined;
  const settle = (): void => {
    const done = waiting;
    waiting = undefined;
    done?.(open, errno);
  };
  const broken = (error?: NodeJS.ErrnoException): void => {
    if (open && error) errno = lossOf(fd, error);
    open = false;
    settle();
  };
  socket.on('error', broken).on('close', () => broken());
  return {
    get lost() {
      return errno !== undefined;
    },
    write(bytes, done) {
      if (!open) return done(false, errno);
      waiting = done;
      socket.write(bytes, (error) => (error ? broken(error) : settle()));
    },
    close() {
      // A socket that could not be opened anew is still ours to report errors on.
      if (own !== fd) socket.end();
    },
  };
}

function terminalSink(fd: number): HostSink {
  const stream = new (tty().WriteStream)(fd);
  let open = true;
  stream.on('error', () => {
    open = false;
  });
  return {
    lost: false,
    write(bytes, done) {
      stream.write(bytes, () => done(open));
    },
    close() {},
  };
}

/** `raw` hands every key on as it is typed, and shows output as it is (for a terminal of the program's own, which does both itself). */
export function sourceOf(fd: number, raw: 'raw' | 'cooked' = 'cooked'): Source {
  const kind = kindOf(fd);
  if (kind === 'pipe') return pipeSource(fd);
  if (kind === 'terminal') return terminalSource(fd, raw === 'raw');
  return kind === 'direct' ? directSource(fd) : EMPTY_SOURCE;
}

/** A descriptor that is not open. */
function closedSink(): HostSink {
  let lost = false;
  return {
    get lost() {
      return lost;
    },
    write(_bytes, done) {
      lost = true;
      done(false, EBADF);
    },
    close() {},
  };
}

export function sinkOf(fd: number): HostSink {
  const kind = kindOf(fd);
  if (kind === 'pipe') return pipeSink(fd);
  if (kind === 'terminal') return terminalSink(fd);
  return kind === 'direct' ? directSink(fd) : closedSink();
}
