/**
 * What Node does not offer about this process and its sockets, over `node:ffi`; undefined where FFI is off
 * (`--no-experimental-ffi`) or the host is another.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { loadFfi } from './memory/libc.ts';

const PRIO_PROCESS = 0,
  BACKGROUND_NICE = 5;
const SOL_SOCKET = 1,
  SO_PEERCRED = 17;
/** struct ucred: pid, uid, gid. */
const UCRED_BYTES = 12;
const TCSANOW = 0,
  OPOST = 1;
/** struct termios of the C library, and the place of c_oflag in it, in words of 32 bits. */
const TERMIOS_WORDS = 15,
  C_OFLAG = 1;

/**
 * Ends the process as _exit(2) does: at once, where `process.exit` waits for other threads, and those for whatever V8 is
 * compiling. The caller has seen to everything that should still happen.
 */
export function immediateExit(): ((code: number) => void) | undefined {
  return loadFfi()?.dlopen(null, { _exit: { return: 'void', arguments: ['int32'] } }).functions._exit;
}

/**
 * Lets the threads on which V8 compiles and collects garbage step back (setpriority(2)) where there are fewer cores than threads
 * that could use one: optimizing a large function takes a core for tenths of a second, and the program goes on without it.
 */
export function yieldToEnclave(): void {
  const setpriority = loadFfi()?.dlopen(null, { setpriority: { return: 'int32', arguments: ['int32', 'uint32', 'int32'] } }).functions.setpriority;
  if (setpriority === undefined) return;
  for (const thread of readdirSync('/proc/self/task')) {
    if (threadName(thread)?.includes('V8Worker') === true) setpriority(PRIO_PROCESS, Number(thread), BACKGROUND_NICE);
  }
}

/** Undefined for a thread that has ended meanwhile. */
function threadName(thread: string): string | undefined {
  try {
    return readFileSync(`/proc/self/task/${thread}/comm`, 'latin1');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') return undefined;
    throw error;
  }
}

/** Gives memory back that the C library holds free: after V8 has compiled large functions that is tens of megabytes. */
export function returnMemory(): (() => void) | undefined {
  const trim = loadFfi()?.dlopen(null, { malloc_trim: { return: 'int32', arguments: ['uint64'] } }).functions.malloc_trim;
  return trim && (() => void trim(0n));
}

/** A terminal shows output as it is (termios(3), OPOST): Node's raw mode, whose end undoes this as well, is for input only. */
export function rawOutput(fd: number): void {
  const ffi = loadFfi();
  if (ffi === undefined) return;
  const { tcgetattr, tcsetattr } = ffi.dlopen(null, {
    tcgetattr: { return: 'int32', arguments: ['int32', 'uint64'] },
    tcsetattr: { return: 'int32', arguments: ['int32', 'int32', 'uint64'] },
  }).functions;
  const termios = new Uint32Array(TERMIOS_WORDS);
  const address = ffi.getRawPointer(termios.buffer);
  if (tcgetattr(fd, address) !== 0) return;
  termios[C_OFLAG] &= ~OPOST;
  tcsetattr(fd, TCSANOW, address);
}

/** Tells which user is at the other end of a Unix socket. */
export function peerUser(): ((fd: number) => number | undefined) | undefined {
  const ffi = loadFfi();
  if (ffi === undefined) return undefined;
  const { getsockopt } = ffi.dlopen(null, { getsockopt: { return: 'int32', arguments: ['int32', 'int32', 'int32', 'uint64', 'uint64'] } }).functions;
  const credentials = new Uint32Array(UCRED_BYTES / 4);
  const length = new Uint32Array(1);
  const addresses = [ffi.getRawPointer(credentials.buffer), ffi.getRawPointer(length.buffer)] as const;
  return (fd) => {
    length[0] = UCRED_BYTES;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, ...addresses) === 0 && length[0] === UCRED_BYTES ? credentials[1] : undefined;
  };
}
