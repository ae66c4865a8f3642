import { answerOf, REMOTE_OPTIONS, withBroker } from '../../broker/remote.ts';
import { type Command, flag, JSON_OPTION, printJson } from '../../command.ts';
import { table } from '../../table.ts';

export const command: Command = {
  usage: 'reference list [OPTIONS]',
  doc: 'Lists your reference values.',
  options: [...REMOTE_OPTIONS, JSON_OPTION],
  examples: ['cloister reference list --state ./kbs'],
  operands: [0, 0],
  async run(invocation) {
    const rows: { id: string; name: string; measurement: string; publisher: string; securityVersion: number }[] = await withBroker(invocation, (remote) => answerOf(remote, 'GET', '/cloister/v0/references'));
    if (flag(invocation, 'json')) printJson(rows);
    else
      process.stdout.write(
        table(
          ['id', 'name', 'version', 'measurement', 'publisher'],
          rows.map(({ id, name, securityVersion, measurement, publisher }) => [id, name, securityVersion, `${measurement.slice(0, 16)}…`, `${publisher.slice(0, 16)}…`]),
        ),
      );
    return 0;
  },
};
