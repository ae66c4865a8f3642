import { writeFileSync } from 'node:fs';
import { REMOTE_OPTIONS, withBroker } from '../../broker/remote.ts';
import { verifyExport } from '../../../broker/index.ts';
import { Failure } from '../../../libos/failure.ts';
import { type Command, flag, printJson, value } from '../../command.ts';

export const command: Command = {
  usage: 'audit export [OPTIONS]',
  doc: 'Writes the whole audit log, so that anybody can verify it without the broker (audit verify). For admins.',
  options: [
    { flag: '--output FILE', short: '-o', doc: 'Write it there instead of to standard output.' },
    ...REMOTE_OPTIONS,
    { flag: '--json', doc: 'With --output: print as JSON what was written. The log itself is JSON lines either way.' },
  ],
  examples: ['cloister audit export -o audit.jsonl --state ./kbs'],
  operands: [0, 0],
  async run(invocation) {
    const output = value(invocation, 'output');
    if (flag(invocation, 'json') && output === undefined) throw new Failure('usage', 'the log on standard output is JSON lines already', 'With --json, say where it goes: --output FILE.');
    const text = await withBroker(invocation, (remote) => remote.call('GET', '/cloister/v0/audit-export'));
    if (output === undefined) process.stdout.write(text);
    else writeFileSync(output, text);
    if (flag(invocation, 'json')) {
      const { entries, head, publicKey } = verifyExport(text.toString('utf8'));
      printJson({ output, entries: entries.length, head, publicKey });
    }
    return 0;
  },
};
