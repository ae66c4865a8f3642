/** What a person gets told when something is refused; the command line adds the exit code. Imports nothing: `exec` loads it. */

export type FailureKind = 'usage' | 'configuration' | 'instance' | 'build' | 'verification' | 'key' | 'entry-point' | 'busy' | 'not-running' | 'broker' | 'host' | 'internal';

export class Failure extends Error {
  override readonly name = 'Failure';
  readonly kind: FailureKind;
  /** Stable; that of `catalogue.ts`, or the kind where there is nothing finer to tell. */
  readonly code: string;
  /** What to do next. */
  readonly hint: string | undefined;

  constructor(kind: FailureKind, message: string, hint?: string, code: string = kind) {
    super(message);
    this.kind = kind;
    this.code = code;
    this.hint = hint;
  }
}
