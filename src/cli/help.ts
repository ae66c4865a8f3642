/** What `--help` says about a command. */

import type { Command } from './command.ts';
import { GLOBAL_OPTIONS } from './parse.ts';

export function help(command: Command): string {
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
