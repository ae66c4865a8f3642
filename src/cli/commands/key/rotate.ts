import { Failure } from '../../../libos/failure.ts';
import { answerOf, REMOTE_OPTIONS, withBroker } from '../../broker/remote.ts';
import { type Command, flag, JSON_OPTION, printJson, value } from '../../command.ts';

/** `owner:NAME` or `dataset:NAME` to the path of the API. */
export function keyPath(text: string): string {
  const match = /^(owner|dataset):([A-Za-z0-9_][\w.-]*)$/.exec(text);
  if (match === null) throw new Failure('usage', `${text} is no key`, 'As `cloister key list` shows them: owner:NAME or dataset:REPOSITORY.');
  return `${match[1]}/${match[2]}`;
}

export const command: Command = {
  usage: 'key rotate KEY [OPTIONS]',
  doc: 'Makes a new version of a key, for what is put from now on. What is there stays readable; put it again to have it under the new version.\nKeys below a rotated owner key are wrapped by the new version at once.',
  options: [{ flag: '--expires TIME', doc: 'Nothing under the new version is released from then on, and nothing can be put under it: a time to come.' }, ...REMOTE_OPTIONS, JSON_OPTION],
  examples: ['cloister key rotate dataset:hospital --state ./kbs'],
  operands: [1, 1],
  async run(invocation) {
    const expires = value(invocation, 'expires');
    const result = await withBroker(invocation, (remote) => answerOf(remote, 'POST', `/cloister/v0/keys/${keyPath(invocation.operands[0])}/rotate${expires === undefined ? '' : `?expires=${encodeURIComponent(expires)}`}`));
    if (flag(invocation, 'json')) printJson(result);
    else process.stdout.write(`${result.id}: version ${result.version} is active\n`);
    return 0;
  },
};
