import { answerOf, REMOTE_OPTIONS, withBroker } from '../../broker/remote.ts';
import { type Command, flag, JSON_OPTION, printJson } from '../../command.ts';
import { table } from '../../table.ts';

interface Row {
  readonly path: string;
  readonly version: number;
  readonly labels: readonly string[];
  readonly created: number;
  readonly expires?: number;
}

export const command: Command = {
  usage: 'resource list [OPTIONS]',
  doc: 'Lists your resources, each with its newest version.',
  options: [...REMOTE_OPTIONS, JSON_OPTION],
  examples: ['cloister resource list --state ./kbs'],
  operands: [0, 0],
  async run(invocation) {
    const rows: Row[] = await withBroker(invocation, (remote) => answerOf(remote, 'GET', '/cloister/v0/resources'));
    if (flag(invocation, 'json')) printJson(rows);
    else
      process.stdout.write(
        table(
          ['resource', 'version', 'since', 'until', 'labels'],
          rows.map(({ path, version, created, expires, labels }) => [path, version, new Date(created).toISOString(), expires === undefined ? '' : new Date(expires).toISOString(), labels.join(' ')]),
        ),
      );
    return 0;
  },
};
