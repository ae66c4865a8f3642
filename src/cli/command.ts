/** What a command is. One file per command; `registry.ts` lists them. */

import { Failure } from '../libos/failure.ts';

export interface OptionRow {
  /** `--name`, or `--name VALUE` for one that takes a value. */
  readonly flag: string;
  readonly short?: string;
  readonly doc: string;
  /** May be given several times. */
  readonly repeated?: boolean;
}

export interface Invocation {
  readonly operands: readonly string[];
  /** By name without dashes; a flag without value is `''`. */
  readonly options: ReadonlyMap<string, readonly string[]>;
  /** The instance directory (`-C`, or here). */
  readonly directory: string;
}

export interface Command {
  readonly usage: string;
  readonly doc: string;
  readonly options: readonly OptionRow[];
  readonly examples: readonly string[];
  /** Everything after the first operand belongs to the program that is run. */
  readonly passThrough?: boolean;
  readonly operands: readonly [min: number, max: number];
  /** Resolves with the exit code. */
  run(invocation: Invocation): Promise<number>;
}

export const flag = (invocation: Invocation, name: string): boolean => invocation.options.has(name);
export const value = (invocation: Invocation, name: string): string | undefined => invocation.options.get(name)?.at(-1);
export const values = (invocation: Invocation, name: string): readonly string[] => invocation.options.get(name) ?? [];

export const JSON_OPTION: OptionRow = { flag: '--json', doc: 'Print the result as JSON.' };

export function printJson(result: unknown): void {
  process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
}

/** An option that is one of a few words; the first is the default. */
export function choice<const T extends string>(given: string | undefined, of: readonly T[], option: string): T {
  if (given === undefined) return of[0];
  if (!(of as readonly string[]).includes(given)) throw new Failure('usage', `--${option} is one of ${of.join(', ')}, not ${given}`);
  return given as T;
}
