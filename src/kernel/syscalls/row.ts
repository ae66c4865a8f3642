/** How a row of the system-call table is made. */

import type { Errno } from '../errno.ts';
import { ENOSYS } from '../errno.ts';
import type { SysResult } from '../result.ts';
import type { Task } from '../task/task.ts';
import type { Arg, Values } from './args.ts';

/**
 * `full`: as the manual page says. `partial`: what differs is in the note. `refused`: fails with the errno of the row, by
 * decision. `missing`: ENOSYS, not written yet.
 */
export type Support = 'full' | 'partial' | 'refused' | 'missing';

export type Handler = (task: Task, ...args: number[]) => SysResult;

export interface Row {
  readonly name: string;
  readonly args: readonly Arg<number>[];
  /** `read` of each argument: what the dispatcher needs. */
  readonly reads: readonly number[];
  readonly handler: Handler;
  readonly support: Support;
  readonly note: string;
}

type HandlerOf<A extends readonly Arg<number>[]> = (task: Task, ...args: Values<A>) => SysResult;

function row(name: string, args: readonly Arg<number>[], handler: Handler, support: Support, note: string): Row {
  return Object.freeze({ name, args, reads: args.map((arg) => arg.read), handler, support, note });
}

/** A handler that takes fewer arguments than the row names is a slip that types alone do not catch. */
function checked<A extends readonly Arg<number>[]>(name: string, args: A, handler: HandlerOf<A>): Handler {
  if (handler.length > args.length + 1) throw new TypeError(`${name}: the handler takes ${handler.length - 1} arguments, the row names ${args.length}`);
  return handler as Handler;
}

export const full = <const A extends readonly Arg<number>[]>(name: string, args: A, handler: HandlerOf<A>): Row => row(name, args, checked(name, args, handler), 'full', '');

export const partial = <const A extends readonly Arg<number>[]>(name: string, args: A, handler: HandlerOf<A>, note: string): Row => row(name, args, checked(name, args, handler), 'partial', note);

export const refused = (name: string, args: readonly Arg<number>[], errno: Errno, note: string): Row => {
  const result = -errno.errno;
  return row(name, args, () => result, 'refused', note);
};

export const missing = (name: string, args: readonly Arg<number>[]): Row => {
  const result = -ENOSYS.errno;
  return row(name, args, () => result, 'missing', '');
};
