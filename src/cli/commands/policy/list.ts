import { answerOf, REMOTE_OPTIONS, withBroker } from '../../broker/remote.ts';
import { type Command, flag, JSON_OPTION, printJson } from '../../command.ts';
import { table } from '../../table.ts';

export const command: Command = {
  usage: 'policy list [OPTIONS]',
  doc: 'Lists your policies that are in force.',
  options: [...REMOTE_OPTIONS, JSON_OPTION],
  examples: ['cloister policy list --state ./kbs'],
  operands: [0, 0],
  async run(invocation) {
    const policies: { name: string; text: string; version: number }[] = await withBroker(invocation, (remote) => answerOf(remote, 'GET', '/cloister/v0/policies'));
    if (flag(invocation, 'json')) printJson(policies);
    else
      process.stdout.write(
        table(
          ['policy', 'version', 'text'],
          policies.map(({ name, version, text }) => [name, version, text.replace(/\s+/g, ' ').slice(0, 100)]),
        ),
      );
    return 0;
  },
};
