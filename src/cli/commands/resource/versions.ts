import { answerOf, REMOTE_OPTIONS, resourceOperand, withBroker } from '../../broker/remote.ts';
import { type Command, flag, JSON_OPTION, printJson } from '../../command.ts';
import { table } from '../../table.ts';

interface Row {
  readonly version: number;
  readonly keyVersion: number;
  readonly created: number;
  readonly expires?: number;
  readonly deleted: boolean;
}

export const command: Command = {
  usage: 'resource versions REPOSITORY/TYPE/TAG [OPTIONS]',
  doc: 'Lists the versions of a resource.',
  options: [...REMOTE_OPTIONS, JSON_OPTION],
  examples: ['cloister resource versions hospital/key/records --state ./kbs'],
  operands: [1, 1],
  async run(invocation) {
    const rows: Row[] = await withBroker(invocation, (remote) => answerOf(remote, 'GET', `/cloister/v0/resources/${resourceOperand(invocation.operands[0])}`));
    if (flag(invocation, 'json')) printJson(rows);
    else
      process.stdout.write(
        table(
          ['version', 'since', 'until', 'key', 'state'],
          rows.map(({ version, created, expires, keyVersion, deleted }) => [version, new Date(created).toISOString(), expires === undefined ? '' : new Date(expires).toISOString(), keyVersion, deleted ? 'deleted' : '']),
        ),
      );
    return 0;
  },
};
