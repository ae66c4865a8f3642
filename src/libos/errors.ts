/** Errors of the layers below, by what they mean to a person. */

import { RemoteError, type WireError } from '../pal/node/messages.ts';
import { ERRORS, type ErrorRow } from './catalogue.ts';
import { Failure, type FailureKind } from './failure.ts';

export { Failure, type FailureKind };

/** Besides our own codes, those of the host (`EACCES` …). */
function rowOf(code: string): ErrorRow | undefined {
  if (Object.hasOwn(ERRORS, code)) return ERRORS[code as keyof typeof ERRORS];
  return /^E[A-Z]+$/.test(code) ? ['host', ''] : undefined;
}

/** Any error as a `Failure`; what nobody expected is `internal`. */
export function toFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  if (error instanceof RemoteError && error.kind !== undefined) {
    const failure = new Failure(error.kind as FailureKind, error.message, error.hint, error.code);
    if (error.stack !== undefined) failure.stack = error.stack;
    return failure;
  }
  const { code, message, stack } = error as { code?: unknown; message?: string; stack?: string };
  const row = typeof code === 'string' ? rowOf(code) : undefined;
  const failure = row === undefined ? new Failure('internal', String(message ?? error)) : new Failure(row[0], String(message), row[2], code as string);
  if (stack !== undefined) failure.stack = stack;
  return failure;
}

export function toWire(error: unknown): WireError {
  const { kind, code, message, hint, stack } = toFailure(error);
  return { kind, code, message, ...(hint !== undefined && { hint }), ...(stack !== undefined && { stack }) };
}
