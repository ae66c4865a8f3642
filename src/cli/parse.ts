/** Reads a command line against a command's rows of options: `util.parseArgs` does the reading, this says what is wrong. */

import { nearest } from '../config/nearest.ts';
import { Failure } from '../libos/failure.ts';
import type { Command, Invocation, OptionRow } from './command.ts';

// biome-ignore format: a table
export const GLOBAL_OPTIONS: readonly OptionRow[] = [
  { flag: '--directory DIR', short: '-C', doc: 'Act on the instance in DIR instead of the one here.' },
  { flag: '--debug', doc: 'Show where an error was raised, and messages of the enclave for those who debug it.' },
  { flag: '--help', short: '-h', doc: 'Explain the command.' },
];

const nameOf = (row: OptionRow): string => row.flag.split(' ')[0].slice(2);
const typeOf = (row: OptionRow): 'string' | 'boolean' => (row.flag.includes(' ') ? 'string' : 'boolean');
/** The operands that a usage line names without brackets, after the command's own words, options and their values aside: `PID`, `:PATH…`, `one|another`. */
const required = (usage: string): string[] =>
  usage
    .replace(/\[[^\]]*\]|--\S+( [A-Z]+)?/g, '')
    .split(' ')
    .filter((word) => /^:?[A-Z]|\|/.test(word));

export function parseArguments(command: Pick<Command, 'options' | 'passThrough' | 'operands' | 'usage'>, words: readonly string[]): Invocation {
  const options = new Map<string, string[]>();
  // Loading parseArgs takes a millisecond, and most of what `exec` is given has no options.
  const operands = command.passThrough && words.length > 0 && !words[0].startsWith('-') ? words : read(command, words, options);
  const [min, max] = command.operands;
  if (!options.has('help') && (operands.length < min || operands.length > max)) {
    const what = operands.length < min ? `${required(command.usage)[operands.length].replace('…', '')} is missing` : `too many arguments: ${operands.slice(max).join(' ')}`;
    throw new Failure('usage', what, `Usage: cloister ${command.usage}`);
  }
  return { operands, options, directory: options.get('directory')?.at(-1) ?? '.' };
}

/** Fills `options`; returns the operands. */
function read(command: Pick<Command, 'options' | 'passThrough'>, words: readonly string[], options: Map<string, string[]>): readonly string[] {
  const rows = new Map([...GLOBAL_OPTIONS, ...command.options].map((row) => [nameOf(row), row]));
  const { tokens } = process.getBuiltinModule('node:util').parseArgs({
    args: [...words],
    strict: false,
    allowPositionals: true,
    tokens: true,
    options: Object.fromEntries([...rows].map(([name, row]) => [name, { type: typeOf(row), ...(row.short !== undefined && { short: row.short.slice(1) }) }])),
  });
  const operands: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'option-terminator') continue;
    if (token.kind === 'positional') {
      if (command.passThrough) return words.slice(token.index);
      operands.push(token.value);
      continue;
    }
    const { name, rawName, value } = token;
    const row = rows.get(name);
    if (row === undefined) {
      const near = nearest(
        rawName,
        [...rows.keys()].map((known) => `--${known}`),
      );
      throw new Failure('usage', `there is no option ${rawName}`, near === undefined ? 'See --help.' : `Did you mean ${near}?`);
    }
    if (typeOf(row) === 'string' && value === undefined) throw new Failure('usage', `${rawName} wants a value: ${row.flag}`);
    if (typeOf(row) === 'boolean' && value !== undefined) throw new Failure('usage', `${rawName} takes no value`);
    const known = options.get(name);
    if (known === undefined) options.set(name, [value ?? '']);
    else if (row.repeated) known.push(value ?? '');
    else throw new Failure('usage', `${rawName} is given twice`);
  }
  return operands;
}
