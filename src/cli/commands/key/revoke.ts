import { Failure } from '../../../libos/failure.ts';
import { answerOf, REMOTE_OPTIONS, withBroker } from '../../broker/remote.ts';
import { type Command, flag, JSON_OPTION, printJson } from '../../command.ts';
import { keyPath } from './rotate.ts';

export const command: Command = {
  usage: 'key revoke KEY --forever [OPTIONS]',
  doc: 'Makes the broker forget a key and the keys below it: everything under them is lost, for everybody.\nEnclaves that were given a secret before keep it.',
  options: [{ flag: '--forever', doc: 'Says that you mean it.' }, ...REMOTE_OPTIONS, JSON_OPTION],
  examples: ['cloister key revoke dataset:hospital --forever --state ./kbs'],
  operands: [1, 1],
  async run(invocation) {
    const path = keyPath(invocation.operands[0]);
    if (!flag(invocation, 'forever')) throw new Failure('usage', 'what is under a revoked key can never be read again', 'Add --forever if that is what you want.');
    const result = await withBroker(invocation, (remote) => answerOf(remote, 'POST', `/cloister/v0/keys/${path}/revoke`));
    if (flag(invocation, 'json')) printJson(result);
    else process.stdout.write(`${result.id}: revoked, with what is below it (${result.revoked} versions of keys)\n`);
    return 0;
  },
};
