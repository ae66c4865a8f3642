/** Standard output of commands that print something themselves. `run` and `exec` have sinks of their own (`stdio.ts`). */

import { Failure } from '../libos/failure.ts';
import { reportFailure } from './report.ts';

const BY_SIGPIPE = 128 + 13;

/** From here on, output that nobody reads ends the process as SIGPIPE would, and output that cannot be written is told. */
export function watchOutput(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? BY_SIGPIPE : reportFailure(new Failure('host', `the output cannot be written: ${error.message}`), false)));
}

/** Resolves when all of it is written, and what went wrong has been told. */
export function outputWritten(): Promise<void> {
  return new Promise((resolve) => process.stdout.write('', () => setImmediate(resolve)));
}

/** All that a command has to say. */
export async function print(text: string): Promise<number> {
  watchOutput();
  process.stdout.write(text);
  await outputWritten();
  return 0;
}
