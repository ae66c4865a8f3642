import { answerOf, REMOTE_OPTIONS, resourceOperand, withBroker } from '../../broker/remote.ts';
import { type Command, flag, JSON_OPTION, printJson, value } from '../../command.ts';

export const command: Command = {
  usage: 'resource delete REPOSITORY/TYPE/TAG [OPTIONS]',
  doc: 'Makes the broker forget a resource: all of its versions, or one. Where the newest version is deleted, the one before it is released.',
  options: [{ flag: '--version N', doc: 'Only this one.' }, ...REMOTE_OPTIONS, JSON_OPTION],
  examples: ['cloister resource delete hospital/key/records --state ./kbs'],
  operands: [1, 1],
  async run(invocation) {
    const path = resourceOperand(invocation.operands[0]);
    const version = value(invocation, 'version');
    const result = await withBroker(invocation, (remote) => answerOf(remote, 'DELETE', `/cloister/v0/resources/${path}${version === undefined ? '' : `?version=${encodeURIComponent(version)}`}`));
    if (flag(invocation, 'json')) printJson({ path, ...result });
    else process.stdout.write(`${path}: ${result.deleted} version${result.deleted === 1 ? '' : 's'} deleted\n`);
    return 0;
  },
};
