/** `cloister`: finds the command, runs it, and says in plain words what went wrong. */

import { nearest } from '../config/nearest.ts';
import { Failure, toFailure } from '../libos/errors.ts';
import { VERSION } from '../libos/version.ts';
import { help } from './help.ts';
import { outputWritten, print, watchOutput } from './output.ts';
import { parseArguments } from './parse.ts';
import { COMMANDS } from './registry.ts';
import { reportFailure } from './report.ts';

function listed(rows: typeof COMMANDS): string[] {
  const width = Math.max(...rows.map(({ name }) => name.length));
  return rows.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`);
}

/** What commands of two words begin with: `resource put`, `resource get` … */
function group(name: string): typeof COMMANDS {
  return COMMANDS.filter((row) => row.name.startsWith(`${name} `));
}

function overview(): string {
  const commands = listed(COMMANDS);
  return `cloister ${VERSION}: runs unmodified Linux programs in a sealed, measured enclave

Usage: cloister [-C DIR] COMMAND [OPTIONS] [ARGUMENTS]

${commands.join('\n')}

A first session:
  cloister new hello
  cp /bin/date hello/image/bin
  cd hello && cloister build && cloister run /bin/date

cloister COMMAND --help explains one command.
`;
}

/** What may stand in front of the command's name. */
const CLOISTER = { usage: 'COMMAND [OPTIONS] [ARGUMENTS]', options: [{ flag: '--version', doc: 'Print the version.' }], operands: [0, Number.POSITIVE_INFINITY], passThrough: true } as const;

async function main(words: readonly string[]): Promise<number> {
  const { options, operands } = parseArguments(CLOISTER, words);
  const name = operands.at(0);
  const rows = name === undefined ? [] : group(name);
  if (options.has('version')) return print(`${VERSION}\n`);
  if (name === 'help' && operands.length > 1) return main([...operands.slice(1), '--help']);
  if (name !== undefined && rows.length > 0) return grouped(name, rows, words, operands);
  if (name === undefined && options.has('directory')) throw new Failure('usage', 'COMMAND is missing', 'cloister --help lists them.');
  if (name === undefined || name === 'help') return print(overview());
  return command(name, words.toSpliced(words.length - operands.length, 1));
}

/** `resource put …`: the second word is the first operand. */
async function grouped(name: string, rows: typeof COMMANDS, words: readonly string[], operands: readonly string[]): Promise<number> {
  const at = words.length - operands.length;
  const second = operands.at(1);
  if (second === undefined || second === '--help' || second === '-h') {
    const text = `Usage: cloister ${name} COMMAND [OPTIONS] [ARGUMENTS]\n\n${listed(rows).join('\n')}\n\ncloister ${name} COMMAND --help explains one command.\n`;
    if (second === undefined) throw new Failure('usage', `${name} is followed by ${rows.map((row) => row.name.split(' ')[1]).join(', ')}`, `cloister ${name} --help explains them.`);
    return print(text);
  }
  return command(`${name} ${second}`, words.toSpliced(at, 2));
}

/** Options in front of the command's name are among `words`. */
async function command(name: string, words: readonly string[]): Promise<number> {
  const row = COMMANDS.find((candidate) => candidate.name === name);
  if (row === undefined) {
    const near = nearest(
      name,
      COMMANDS.map((candidate) => candidate.name),
    );
    throw new Failure('usage', `there is no command ${name}`, near === undefined ? 'cloister --help lists them.' : `Did you mean ${near}?`);
  }
  const { command } = await row.load();
  const invocation = parseArguments(command, words);
  if (invocation.options.has('help')) return print(help(command));
  if (command.passThrough) return command.run(invocation);
  watchOutput();
  const code = await command.run(invocation);
  await outputWritten();
  return code;
}

const words = process.argv.slice(2);
main(words).then(
  (code) => process.exit(code),
  (error) => process.exit(reportFailure(toFailure(error), words.includes('--debug'))),
);
