import { Failure } from '../../../libos/failure.ts';
import { answerOf, REMOTE_OPTIONS, withBroker } from '../../broker/remote.ts';
import { type Command, flag, JSON_OPTION, printJson } from '../../command.ts';

export const command: Command = {
  usage: 'policy show NAME [OPTIONS]',
  doc: 'Shows a policy that is in force.',
  options: [...REMOTE_OPTIONS, JSON_OPTION],
  examples: ['cloister policy show records --state ./kbs'],
  operands: [1, 1],
  async run(invocation) {
    const policies: { name: string; text: string; version: number }[] = await withBroker(invocation, (remote) => answerOf(remote, 'GET', '/cloister/v0/policies'));
    const policy = policies.find(({ name }) => name === invocation.operands[0]);
    if (policy === undefined)
      throw new Failure('broker', `you have no policy ${invocation.operands[0]} in force`, `There ${policies.length === 1 ? 'is' : 'are'} ${policies.map(({ name }) => name).join(', ') || 'none'}.`, 'broker-not-found');
    if (flag(invocation, 'json')) printJson(policy);
    else process.stdout.write(policy.text.endsWith('\n') ? policy.text : `${policy.text}\n`);
    return 0;
  },
};
