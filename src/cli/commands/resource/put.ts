import { answerOf, readInput, REMOTE_OPTIONS, resourceOperand, withBroker } from '../../broker/remote.ts';
import { type Command, flag, JSON_OPTION, printJson, value, values } from '../../command.ts';

export const command: Command = {
  usage: 'resource put REPOSITORY/TYPE/TAG FILE [OPTIONS]',
  doc: 'Gives the broker a secret, as a new version of the resource. FILE is - for standard input. The first owner who puts something into a\nrepository owns it.',
  options: [{ flag: '--label NAME', doc: 'For policies: resource.labels.', repeated: true }, { flag: '--expires TIME', doc: 'It is not released from then on: a time to come.' }, ...REMOTE_OPTIONS, JSON_OPTION],
  examples: [
    'cloister resource put hospital/key/records records.key --state ./kbs',
    'cloister resource put hospital/token/api - --expires 2027-01-31T00:00:00Z --state ./kbs < token',
    'cloister resource put hospital/key/records records.key --broker https://kbs.example:8443 --owner-key alice.pem --broker-policy broker.yaml',
  ],
  operands: [2, 2],
  async run(invocation) {
    const path = resourceOperand(invocation.operands[0]);
    const content = readInput(invocation.operands[1]);
    const query = new URLSearchParams(values(invocation, 'label').map((label) => ['label', label]));
    const expires = value(invocation, 'expires');
    if (expires !== undefined) query.set('expires', expires);
    const result = await withBroker(invocation, (remote) => answerOf(remote, 'PUT', `/cloister/v0/resources/${path}${query.size > 0 ? `?${query}` : ''}`, content));
    content.fill(0);
    if (flag(invocation, 'json')) printJson({ path, ...result });
    else process.stdout.write(`${path}: version ${result.version}, ${content.length} bytes; released to whom your policies allow\n`);
    return 0;
  },
};
