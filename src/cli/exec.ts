/** Entry of `cloister exec` on its own: everything that it does not need is left out, because it should answer at once. */

import { command } from './commands/exec.ts';
import type { FailureKind } from '../libos/failure.ts';
import { parseArguments } from './parse.ts';
import { reportFailure } from './report.ts';

// `cloister exec …` or `cloister -C DIR exec …`: the launcher has looked.
const words = process.argv.slice(2);
words.splice(words.indexOf('exec'), 1);
if (words.includes('--help') || words.includes('-h')) {
  // Named at run time, so that a bundler leaves it out of this file.
  const main = import.meta.url.endsWith('.ts') ? './main.ts' : './main.js';
  await import(new URL(main, import.meta.url).href);
} else {
  let code: number;
  try {
    code = await command.run(parseArguments(command, words));
  } catch (error) {
    const { kind, message, hint, stack } = error as Error & { kind?: FailureKind; hint?: string };
    code = reportFailure({ kind: kind ?? 'internal', message, hint, ...(stack !== undefined && { stack }) }, words.includes('--debug'));
  }
  process.exit(code);
}
