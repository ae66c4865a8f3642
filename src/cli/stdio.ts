/** This process's streams, given to a program in an enclave. */

import { toByteString } from '../base/bytes.ts';
import { Failure } from '../libos/failure.ts';
import type { Program, Session } from '../pal/node/enclave-thread.ts';
import { type HostSink, sinkOf, sourceOf } from '../pal/node/stdio.ts';

export function openStdio(terminal: boolean): Pick<Program, 'input' | 'terminal'> & { readonly output: HostSink; readonly error: HostSink } {
  if (!terminal) return { input: sourceOf(0), output: sinkOf(1), error: sinkOf(2) };
  if (!process.stdin.isTTY || !process.stdout.isTTY) throw new Failure('usage', '-t wants standard input and output to be a terminal', 'Leave -t out.');
  return { input: sourceOf(0, 'raw'), output: sinkOf(1), error: sinkOf(2), terminal: terminalSize() };
}

const terminalSize = (): { rows: number; columns: number } => ({ rows: process.stdout.rows || 24, columns: process.stdout.columns || 80 });

/** Follows changes of the window's size. */
export function attachTerminal(session: Pick<Session, 'resize'>): void {
  process.on('SIGWINCH', () => session.resize(terminalSize()));
}

/** As byte strings; what of it is let through is decided in the enclave. */
export function hostEnvironment(): string[] {
  return Object.entries(process.env).map(([name, text]) => toByteString(`${name}=${text}`));
}

/** The operand of --env. */
export function variableOf(text: string): string {
  if (!/^[^=]+=/.test(text)) throw new Failure('usage', `--env wants NAME=VALUE, not ${text}`);
  return toByteString(text);
}
