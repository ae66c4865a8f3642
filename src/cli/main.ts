/** `cloister`: finds the command, runs it, and says in plain words what went wrong. */

import { nearest } from '../config/nearest.ts';
import { Failure, toFailure } from '../libos/errors.ts';
import { VERSION } from '../libos/version.ts';
import type { Command } from './command.ts';
import { GLOBAL_OPTIONS, parseArguments } from './parse.ts';
import { ALIASES, COMMANDS } from './registry.ts';
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

function help(command: Command): string {
  const rows = [...command.options, ...GLOBAL_OPTIONS].map(({ flag, short, doc }) => [short === undefined ? `    ${flag}` : `${short}, ${flag}`, doc]);
  const width = Math.max(...rows.map(([left]) => left.length));
  return `Usage: cloister ${command.usage}

${command.doc}

Options:
${rows.map(([left, doc]) => `  ${left.padEnd(width)}  ${doc}`).join('\n')}

Examples:
${command.examples.map((example) => `  ${example}`).join('\n')}
`;
}

/** Options in front of the command's name go behind it. */
function split(words: readonly string[]): { name: string | undefined; rest: readonly string[] } {
  const before: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at];
    if (!word.startsWith('-')) return { name: word, rest: [...before, ...words.slice(at + 1)] };
    before.push(word);
    if (word === '-C' || word === '--directory') before.push(words[++at] ?? '');
  }
  return { name: undefined, rest: before };
}

async function main(words: readonly string[]): Promise<number> {
  const { name, rest } = split(words);
  if (name === undefined || name === 'help') {
    if (rest.includes('--version')) process.stdout.write(`${VERSION}\n`);
    else if (name === 'help' && rest.length > 0) return main([rest[0], '--help']);
    else process.stdout.write(overview());
    return 0;
  }
  const row = COMMANDS.find((candidate) => candidate.name === (ALIASES[name] ?? name));
  if (row === undefined) {
    const near = nearest(name, COMMANDS.map((candidate) => candidate.name));
    throw new Failure('usage', `there is no command ${name}`, near === undefined ? 'cloister --help lists them.' : `Did you mean ${near}?`);
  }
  const { command } = await row.load();
  const invocation = parseArguments(command, ALIASES[name] === undefined ? rest : [...rest]);
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
