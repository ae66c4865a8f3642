/** `cloister`: finds the command, runs it, and says in plain words what went wrong. */

import { nearest } from '../config/nearest.ts';
import { Failure, toFailure } from '../libos/errors.ts';
import { VERSION } from '../libos/version.ts';
import { help } from './help.ts';
import { parseArguments } from './parse.ts';
import { COMMANDS } from './registry.ts';
import { reportFailure } from './report.ts';

function overview(): string {
  const width = Math.max(...COMMANDS.map(({ name }) => name.length));
  const commands = COMMANDS.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`);
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
  if (options.has('version')) process.stdout.write(`${VERSION}\n`);
  else if (name === 'help' && operands.length > 1) return main([operands[1], '--help']);
  else if (name === undefined && options.has('directory')) throw new Failure('usage', 'COMMAND is missing', 'cloister --help lists them.');
  else if (name === undefined || name === 'help') process.stdout.write(overview());
  else return command(name, words.toSpliced(words.length - operands.length, 1));
  return 0;
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
  if (invocation.options.has('help')) {
    process.stdout.write(help(command));
    return 0;
  }
  return command.run(invocation);
}

const words = process.argv.slice(2);
main(words).then(
  (code) => process.exit(code),
  (error) => process.exit(reportFailure(toFailure(error), words.includes('--debug'))),
);
