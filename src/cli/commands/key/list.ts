import { answerOf, REMOTE_OPTIONS, withBroker } from '../../broker/remote.ts';
import { type Command, flag, JSON_OPTION, printJson } from '../../command.ts';
import { table } from '../../table.ts';

interface Row {
  readonly id: string;
  readonly version: number;
  readonly parent: string;
  readonly parentVersion: number;
  readonly state: string;
  readonly created: number;
  readonly expires?: number;
}

export const command: Command = {
  usage: 'key list [OPTIONS]',
  doc: 'Lists your key and those of your datasets (repositories). Files have keys of their own, derived from the key of their dataset.',
  options: [...REMOTE_OPTIONS, JSON_OPTION],
  examples: ['cloister key list --state ./kbs'],
  operands: [0, 0],
  async run(invocation) {
    const rows: Row[] = await withBroker(invocation, (remote) => answerOf(remote, 'GET', '/cloister/v0/keys'));
    if (flag(invocation, 'json')) printJson(rows);
    else
      process.stdout.write(
        table(
          ['key', 'version', 'state', 'under', 'since', 'until'],
          rows.map(({ id, version, state, parent, parentVersion, created, expires }) => [id, version, state, `${parent} ${parentVersion}`, new Date(created).toISOString(), expires === undefined ? '' : new Date(expires).toISOString()]),
        ),
      );
    return 0;
  },
};
