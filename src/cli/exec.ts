/** Entry of `cloister exec` on its own: everything that it does not need is left out, because it should answer at once. */

import { command } from './commands/exec.ts';
import type { FailureKind } from '../libos/failure.ts';
import { parseArguments } from './parse.ts';
import { reportFailure } from './report.ts';

// `cloister exec …` or `cloister -C DIR exec …`: the launcher has looked.
const given = process.argv.slice(2);
const before = given[0] === '-C' ? given[1] : undefined;
const words = given.slice(before === undefined ? 1 : 3);
let code: number | undefined;
try {
  const invocation = parseArguments(command, words);
  if (invocation.options.has('help')) {
    // It ends this process. Named at run time, so that a bundler leaves it out of this file.
    const main = import.meta.url.endsWith('.ts') ? './main.ts' : './main.js';
    await import(new URL(main, import.meta.url).href);
  } else {
    code = await command.run(before === undefined || invocation.options.has('directory') ? invocation : { ...invocation, directory: before });
  }
} catch (error) {
  const { kind, message, hint, stack } = error as Error & { kind?: FailureKind; hint?: string };
  code = reportFailure({ kind: kind ?? 'internal', message, hint, ...(stack !== undefined && { stack }) }, words.includes('--debug'));
}
if (code !== undefined) process.exit(code);
