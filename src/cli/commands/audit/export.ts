import { writeFileSync } from 'node:fs';
import { REMOTE_OPTIONS, withBroker } from '../../broker/remote.ts';
import { type Command, value } from '../../command.ts';

export const command: Command = {
  usage: 'audit export [OPTIONS]',
  doc: 'Writes the whole audit log, so that anybody can verify it without the broker (audit verify). For admins.',
  options: [{ flag: '--output FILE', short: '-o', doc: 'Write it there instead of to standard output.' }, ...REMOTE_OPTIONS],
  examples: ['cloister audit export -o audit.jsonl --state ./kbs'],
  operands: [0, 0],
  async run(invocation) {
    const text = await withBroker(invocation, (remote) => remote.call('GET', '/cloister/v0/audit-export'));
    const output = value(invocation, 'output');
    if (output === undefined) process.stdout.write(text);
    else writeFileSync(output, text);
    return 0;
  },
};
