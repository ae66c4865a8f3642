import { answerOf, REMOTE_OPTIONS, withBroker } from '../../broker/remote.ts';
import { type Command, flag, JSON_OPTION, printJson } from '../../command.ts';

export const command: Command = {
  usage: 'reference remove ID [OPTIONS]',
  doc: 'Removes reference values: policies no longer know the build.',
  options: [...REMOTE_OPTIONS, JSON_OPTION],
  examples: ['cloister reference remove 0123456789abcdef --state ./kbs'],
  operands: [1, 1],
  async run(invocation) {
    const [id] = invocation.operands;
    await withBroker(invocation, (remote) => answerOf(remote, 'DELETE', `/cloister/v0/references/${encodeURIComponent(id)}`));
    if (flag(invocation, 'json')) printJson({ id, removed: true });
    else process.stdout.write(`${id}: removed\n`);
    return 0;
  },
};
