import { Failure } from '../../libos/failure.ts';
import { type Command, value } from '../command.ts';
import { callEnclave } from '../control.ts';

export const command: Command = {
  usage: 'evidence --nonce HEX',
  doc: 'Writes evidence of the running enclave over a nonce of whoever wants it, as a JSON envelope that `cloister verify` reads.',
  options: [{ flag: '--nonce HEX', doc: '8 to 64 bytes, which the verifier has chosen.' }],
  examples: ['cloister evidence --nonce 00112233445566778899aabbccddeeff > evidence.json'],
  operands: [0, 0],
  async run(invocation) {
    const nonce = value(invocation, 'nonce');
    if (nonce === undefined) throw new Failure('usage', '--nonce HEX is missing', 'Without a nonce of the verifier, evidence says nothing about now.');
    process.stdout.write(`${JSON.stringify(await callEnclave(invocation.directory, 'evidence', { nonce }), null, 2)}\n`);
    return 0;
  },
};
