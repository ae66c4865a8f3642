import { toHex } from '../../base/bytes.ts';
import { Failure } from '../../libos/errors.ts';
import { Instance, stateDirectory } from '../../libos/instance.ts';
import { simulatedKey } from '../../libos/tee.ts';
import { verifyBuild } from '../../libos/verify.ts';
import { type Command, flag, JSON_OPTION, printJson } from '../command.ts';

const WHAT: Readonly<Record<string, 'measurement' | 'signer'>> = { measurement: 'measurement', mrenclave: 'measurement', signer: 'signer', mrsigner: 'signer' };

export const command: Command = {
  usage: 'print measurement|signer|sim-key',
  doc: 'Shows the measurement of the build, or the hash of its signer, in hexadecimal. `mrenclave` and `mrsigner` mean the same.\n`sim-key` is the public key (PEM) of the simulated TEE of this user, for policies of those who accept its evidence.\nThe manifest and the configuration are verified first.',
  options: [JSON_OPTION],
  examples: ['cloister print measurement', 'cloister print signer --json', 'cloister print sim-key > sim.pem'],
  operands: [1, 1],
  async run(invocation) {
    if (invocation.operands[0] === 'sim-key') {
      process.stdout.write(simulatedKey(stateDirectory()).pem());
      return 0;
    }
    const what = WHAT[invocation.operands[0]];
    if (what === undefined) throw new Failure('usage', `cannot print ${invocation.operands[0]}`, 'Usage: cloister print measurement|signer|sim-key');
    const { manifest } = verifyBuild(Instance.at(invocation.directory));
    if (flag(invocation, 'json')) printJson({ measurement: toHex(manifest.identity.measurement), signer: toHex(manifest.identity.signer), claims: manifest.claims });
    else process.stdout.write(`${toHex(manifest.identity[what])}\n`);
    return 0;
  },
};
