/**
 * What the kernel sees of the world outside the enclave. Implemented by `pal/`; everything it returns is
 * untrusted and checked by the caller.
 *
 * The kernel is one synchronous loop: it never awaits. Input that arrives later is announced by `poll` and
 * `wait`; output that does not fit now is refused and announced when there is room.
 */

/** A byte stream to or from the outside (a stdio of `run` or of an `exec`, or a terminal). */
export interface HostStream {
  /** A terminal on the other side: window size in characters. */
  readonly terminal?: { rows: number; columns: number };
  /** Copies at most `into.length` bytes; 0 = nothing now; -1 = end of file. */
  read(into: Uint8Array): number;
  /** Takes at most `from.length` bytes; 0 = no room now; -1 = nobody reads any more; another negative number = the outside failed with this error. */
  write(from: Uint8Array): number;
  /** Bytes readable now, or -1 at end of file. */
  readable(): number;
  writable(): number;
  close(): void;
}

/** Requests from outside to a running enclave. */
export type HostRequest =
  | {
      readonly kind: 'exec';
      readonly id: number;
      readonly argv: readonly string[];
      readonly env: readonly string[];
      readonly cwd: string;
      readonly stdio: readonly [HostStream, HostStream, HostStream];
      readonly terminal: boolean;
      /** Asked with the program's path, links resolved, before it is started; false: it has been refused, and that was told. */
      readonly admits?: (resolved: string) => boolean;
    }
  | { readonly kind: 'signal'; readonly id: number; readonly signal: number }
  | { readonly kind: 'kill'; readonly pid: number; readonly signal: number; readonly reply: number }
  | { readonly kind: 'resize'; readonly terminal: HostStream; readonly rows: number; readonly columns: number }
  | { readonly kind: 'call'; readonly reply: number; readonly method: string; readonly params: unknown }
  | { readonly kind: 'shutdown' };

export interface Host {
  /** CLOCK_MONOTONIC in nanoseconds since an arbitrary origin. */
  monotonicNs(): number;
  /** CLOCK_REALTIME in nanoseconds since 1970 (exact to 1 µs: a double holds no more). */
  realtimeNs(): number;
  /** Cryptographically secure random bytes. */
  random(into: Uint8Array): void;
  /** The next request, if there is one. Cheap: called at every scheduling point. */
  nextRequest(): HostRequest | undefined;
  /** True once per change: streams or requests have something new since the last call. */
  poll(): boolean;
  /** Sleeps until there is something new or the time is over (`Infinity` = no limit). */
  wait(timeoutNs: number): void;
  /** The answer to a request: an exit code, or a result. */
  exited(id: number, waitStatus: number): void;
  reply(id: number, result: unknown): void;
  /** Whether there is room for what the host keeps for one more process. */
  roomForProcess(): boolean;
  /** One line for the enclave's log. */
  log(level: 'debug' | 'info' | 'warn' | 'error', message: string): void;
}
