/**
 * The entries of `cloister exec` and `cloister run` on their own: everything that they do not need is left out, because
 * they should answer at once. The launcher has looked for `NAME …` or `-C DIR NAME …`.
 */

import type { FailureKind } from '../libos/failure.ts';
import type { Command } from './command.ts';
import { help } from './help.ts';
import { print } from './output.ts';
import { parseArguments } from './parse.ts';
import { reportFailure } from './report.ts';

interface Told {
  readonly kind: FailureKind;
  readonly code?: string;
  readonly message: string;
  readonly hint: string | undefined;
  readonly stack?: string;
}

/** As an error comes from the other side of the control socket; without a kind it is a fault of ours. */
export function told(error: unknown): Told {
  const { kind, code, message, hint, stack } = error as Error & { kind?: FailureKind; code?: string; hint?: string };
  return { kind: kind ?? 'internal', ...(code !== undefined && { code }), message, hint, ...(stack !== undefined && { stack }) };
}

async function outcome(command: Command, words: readonly string[], before: string | undefined): Promise<number> {
  const invocation = parseArguments(command, words);
  if (invocation.options.has('help')) return print(help(command));
  return command.run(before === undefined || invocation.options.has('directory') ? invocation : { ...invocation, directory: before });
}

export function runSingle(command: Command, toFailure: (error: unknown) => Told): void {
  const given = process.argv.slice(2);
  const before = given[0] === '-C' ? given[1] : undefined;
  const words = given.slice(before === undefined ? 1 : 3);
  outcome(command, words, before).then(
    (code) => process.exit(code),
    (error) => process.exit(reportFailure(toFailure(error), words.includes('--debug'))),
  );
}
