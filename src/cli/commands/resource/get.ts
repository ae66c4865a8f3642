import { writeFileSync } from 'node:fs';
import { RecipientKey } from '../../../crypto/index.ts';
import { answerOf, REMOTE_OPTIONS, resourceOperand, withBroker } from '../../broker/remote.ts';
import { type Command, flag, printJson, value } from '../../command.ts';

export const command: Command = {
  usage: 'resource get REPOSITORY/TYPE/TAG [OPTIONS]',
  doc: 'Gives you back a resource of your own. On its way it is encrypted to a key of this command alone.',
  options: [
    { flag: '--version N', doc: 'Not the newest, but this one.' },
    { flag: '--output FILE', short: '-o', doc: 'Write it there, readable for you only.' },
    ...REMOTE_OPTIONS,
    { flag: '--json', doc: 'Print the result as JSON: the content in base64, or where it was written.' },
  ],
  examples: ['cloister resource get hospital/key/records -o records.key --state ./kbs'],
  operands: [1, 1],
  async run(invocation) {
    const path = resourceOperand(invocation.operands[0]);
    const version = value(invocation, 'version');
    const key = new RecipientKey();
    const { jwe, version: found } = await withBroker(invocation, (remote) =>
      answerOf(remote, 'POST', `/cloister/v0/resources/${path}/read${version === undefined ? '' : `?version=${encodeURIComponent(version)}`}`, JSON.stringify({ recipient: key.publicJwk })),
    );
    const content = key.decrypt(jwe);
    const output = value(invocation, 'output');
    if (output !== undefined) writeFileSync(output, content, { mode: 0o600 });
    if (flag(invocation, 'json')) printJson({ path, version: found, bytes: content.length, ...(output === undefined ? { content: content.toBase64() } : { output }) });
    else if (output === undefined) process.stdout.write(content);
    return 0;
  },
};
