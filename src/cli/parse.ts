/** Reads a command line against a command's rows of options. */

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

export function parseArguments(command: Pick<Command, 'options' | 'passThrough' | 'operands' | 'usage'>, words: readonly string[]): Invocation {
  const rows = [...GLOBAL_OPTIONS, ...command.options];
  const options = new Map<string, string[]>();
  const operands: string[] = [];
  let at = 0;
  for (; at < words.length; at++) {
    const word = words[at];
    if (word === '--') {
      operands.push(...words.slice(at + 1));
      break;
    }
    if (!word.startsWith('-') || word === '-') {
      if (command.passThrough) {
        operands.push(...words.slice(at));
        break;
      }
      operands.push(word);
      continue;
    }
    const equals = word.startsWith('--') ? word.indexOf('=') : -1;
    const given = equals === -1 ? word : word.slice(0, equals);
    const row = rows.find((candidate) => candidate.short === given || `--${nameOf(candidate)}` === given);
    if (row === undefined) {
      const near = nearest(given, rows.map((candidate) => `--${nameOf(candidate)}`));
      throw new Failure('usage', `there is no option ${given}`, near === undefined ? 'See --help.' : `Did you mean ${near}?`);
    }
    const takesValue = row.flag.includes(' ');
    let text = '';
    if (takesValue) {
      if (equals !== -1) text = word.slice(equals + 1);
      else if (at + 1 < words.length) text = words[++at];
      else throw new Failure('usage', `${given} wants a value: ${row.flag}`);
    } else if (equals !== -1) {
      throw new Failure('usage', `${given} takes no value`);
    }
    const name = nameOf(row);
    const known = options.get(name);
    if (known === undefined) options.set(name, [text]);
    else if (row.repeated) known.push(text);
    else throw new Failure('usage', `${given} is given twice`);
  }
  const [min, max] = command.operands;
  if (!options.has('help') && (operands.length < min || operands.length > max)) {
    throw new Failure('usage', operands.length < min ? 'something is missing' : `too many arguments: ${operands.slice(max).join(' ')}`, `Usage: cloister ${command.usage}`);
  }
  return { operands, options, directory: options.get('directory')?.at(-1) ?? '.' };
}
