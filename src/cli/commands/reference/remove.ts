import { answerOf, REMOTE_OPTIONS, withBroker } from '../../broker/remote.ts';
import type { Command } from '../../command.ts';

export const command: Command = {
  usage: 'reference remove ID [OPTIONS]',
  doc: 'Removes reference values: policies no longer know the build.',
  options: REMOTE_OPTIONS,
  examples: ['cloister reference remove 0123456789abcdef --state ./kbs'],
  operands: [1, 1],
  async run(invocation) {
    await withBroker(invocation, (remote) => answerOf(remote, 'DELETE', `/cloister/v0/references/${encodeURIComponent(invocation.operands[0])}`));
    process.stdout.write(`${invocation.operands[0]}: removed\n`);
    return 0;
  },
};
