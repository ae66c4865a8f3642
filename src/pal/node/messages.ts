/** What crosses between the outer thread and the enclave's thread besides the bytes in the rings. Imports nothing: every start loads it. */

export interface TerminalSize {
  readonly rows: number;
  readonly columns: number;
}

/** Rings of one program: input, output, error output. A terminal uses the first two only. */
export type StdioRings = readonly [SharedArrayBuffer, SharedArrayBuffer, SharedArrayBuffer];

export interface ExecMessage {
  readonly kind: 'exec';
  readonly id: number;
  readonly argv: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  /** Environment of whoever asked; nothing of it is used that the configuration does not let through. */
  readonly hostEnv: readonly string[];
  readonly rings: StdioRings;
  readonly terminal?: TerminalSize;
}

export type ToInner =
  | ExecMessage
  | { readonly kind: 'signal'; readonly id: number; readonly signal: number }
  | { readonly kind: 'kill'; readonly pid: number; readonly signal: number; readonly reply: number }
  | { readonly kind: 'resize'; readonly id: number; readonly rows: number; readonly columns: number }
  | { readonly kind: 'call'; readonly reply: number; readonly method: string; readonly params: unknown }
  | { readonly kind: 'shutdown' };

/** An error on its way between threads: what is needed to show it as if it had been raised on the other side. */
export interface WireError {
  readonly kind?: string;
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  readonly stack?: string;
}

/** An error that was raised in another thread or process. */
export class RemoteError extends Error {
  readonly kind: string | undefined;
  readonly code: string;
  readonly hint: string | undefined;

  constructor({ kind, code, message, hint, stack }: WireError) {
    super(message);
    this.kind = kind;
    this.code = code;
    this.hint = hint;
    if (stack !== undefined) this.stack = stack;
  }
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export type ToOuter =
  /** Rings changed. */
  | 0
  | { readonly kind: 'booted'; readonly info: unknown }
  /** The enclave has stopped and its layer is sealed; only the thread's own end is left. */
  | { readonly kind: 'closed' }
  /** The enclave did not start, or did not end well. */
  | { readonly kind: 'failed'; readonly error: WireError }
  /** A program was not started. */
  | { readonly kind: 'refused'; readonly id: number; readonly error: WireError }
  /** Lines of strace. */
  | { readonly kind: 'trace'; readonly text: string }
  | { readonly kind: 'exited'; readonly id: number; readonly waitStatus: number }
  | { readonly kind: 'reply'; readonly id: number; readonly result: unknown }
  | { readonly kind: 'log'; readonly level: LogLevel; readonly message: string };
