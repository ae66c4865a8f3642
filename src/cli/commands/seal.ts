import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { toByteString, toText } from '../../base/bytes.ts';
import { randomBytes, wipe } from '../../crypto/index.ts';
import { formatVolumeKey } from '../../encfs/1-crypto/keys.ts';
import { Failure } from '../../libos/failure.ts';
import { sealVolume } from '../../libos/seal.ts';
import { answerOf, REMOTE_OPTIONS, resourceOperand, withBroker } from '../broker/remote.ts';
import { type Command, flag, JSON_OPTION, printJson, value } from '../command.ts';

export const command: Command = {
  usage: 'seal DIR FILE --to RESOURCE [OPTIONS]',
  doc: 'Encrypts a directory into a sealed volume, with a new key, and gives the key to a broker: programs that your policies allow can read it\n(volumes in cloister.yaml), and nobody else. The key says which volume it is for.',
  options: [{ flag: '--to RESOURCE', doc: 'Where the key goes: kbs:///REPOSITORY/TYPE/TAG.' }, { flag: '--key-file FILE', doc: 'Write the key there instead.' }, ...REMOTE_OPTIONS, JSON_OPTION],
  examples: ['cloister seal records/ records.sealed --to kbs:///hospital/key/records --state ./kbs'],
  operands: [2, 2],
  async run(invocation) {
    const [directory, file] = invocation.operands;
    const [to, keyFile] = [value(invocation, 'to'), value(invocation, 'key-file')];
    if ((to === undefined) === (keyFile === undefined)) throw new Failure('usage', 'the key goes to a broker (--to) or into a file (--key-file), one of them');
    const resource = to === undefined ? undefined : resourceOperand(to);
    const key = randomBytes(32);
    const { root, files, bytes, warnings } = sealVolume(toByteString(resolve(directory)), toByteString(resolve(file)), key);
    for (const warning of warnings) process.stderr.write(`warning: ${toText(warning)}\n`);
    const text = formatVolumeKey(key, root);
    wipe(key);
    if (keyFile !== undefined) writeFileSync(keyFile, text, { mode: 0o600, flag: 'wx' });
    else await withBroker(invocation, (remote) => answerOf(remote, 'PUT', `/cloister/v0/resources/${resource}`, text));
    if (flag(invocation, 'json')) printJson({ file, files, bytes, key: resource ?? keyFile });
    else process.stdout.write(`${file}: ${files} files, ${(bytes / 1e6).toFixed(1)} MB, encrypted; key in ${resource ?? keyFile}\n`);
    return 0;
  },
};
