import type { ProcessRow } from '../../libos/calls.ts';
import { type Command, flag, JSON_OPTION, printJson } from '../command.ts';
import { callEnclave } from '../control.ts';
import { table } from '../table.ts';

export const command: Command = {
  usage: 'ps [--json]',
  doc: 'Lists all processes in the running enclave.',
  options: [JSON_OPTION],
  examples: ['cloister ps'],
  operands: [0, 0],
  async run(invocation) {
    const rows = (await callEnclave(invocation.directory, 'ps')) as ProcessRow[];
    if (flag(invocation, 'json')) printJson(rows);
    else
      process.stdout.write(
        table(
          ['PID', 'PPID', 'PGID', 'SID', 'STATE', 'THREADS', 'RSS KiB', 'CPU ms', 'PROGRAM'],
          rows.map((row) => [row.pid, row.parent, row.group, row.session, row.state, row.threads, Math.round(row.residentBytes / 1024), row.userMs, row.name]),
        ),
      );
    return 0;
  },
};
