import { toHex } from '../../base/bytes.ts';
import { Failure } from '../../libos/errors.ts';
import { Instance } from '../../libos/instance.ts';
import { verifyBuild } from '../../libos/verify.ts';
import { type Command, flag, JSON_OPTION, printJson } from '../command.ts';

const WHAT: Readonly<Record<string, 'measurement' | 'signer'>> = { measurement: 'measurement', mrenclave: 'measurement', signer: 'signer', mrsigner: 'signer' };

export const command: Command = {
  usage: 'print measurement|signer',
  doc: 'Shows the measurement of the build, or the hash of its signer, in hexadecimal. `mrenclave` and `mrsigner` mean the same.\nThe manifest and the configuration are verified first.',
  options: [JSON_OPTION],
  examples: ['cloister print measurement', 'cloister print signer --json'],
  operands: [1, 1],
  async run(invocation) {
    const what = WHAT[invocation.operands[0]];
    if (what === undefined) throw new Failure('usage', `cannot print ${invocation.operands[0]}`, 'Usage: cloister print measurement|signer');
    const { manifest } = verifyBuild(Instance.at(invocation.directory));
    if (flag(invocation, 'json')) printJson({ measurement: toHex(manifest.identity.measurement), signer: toHex(manifest.identity.signer), claims: manifest.claims });
    else process.stdout.write(`${toHex(manifest.identity[what])}\n`);
    return 0;
  },
};
