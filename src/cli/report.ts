/** How a failure is told. */

import type { FailureKind } from '../libos/failure.ts';
import { EXIT_CODES } from './exit-codes.ts';

/** Writes what failed and what to do next; returns the exit code. */
export function reportFailure(failure: { readonly kind: FailureKind; readonly code?: string; readonly message: string; readonly hint: string | undefined; readonly stack?: string }, debug: boolean): number {
  const lines = [`cloister: ${failure.message}`];
  if (failure.hint !== undefined) lines.push(`  ${failure.hint}`);
  if (failure.kind === 'internal') lines.push('  This is a fault of Cloister. Run the command again with --debug and report what it says.');
  const exitCode = EXIT_CODES[failure.kind][0];
  if (debug) lines.push(`  error ${failure.code ?? failure.kind}, exit code ${exitCode}`, ...(failure.stack === undefined ? [] : [failure.stack]));
  process.stderr.write(`${lines.join('\n')}\n`);
  return exitCode;
}
