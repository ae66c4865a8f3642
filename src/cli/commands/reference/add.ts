import { toHex } from '../../../base/bytes.ts';
import { openReferenceValues, signerOf } from '../../../attestation/index.ts';
import { KeyError, PrivateKey, PublicKey } from '../../../crypto/index.ts';
import { Failure } from '../../../libos/failure.ts';
import { readKeyFile } from '../../../libos/sealed.ts';
import { answerOf, readInput, REMOTE_OPTIONS, withBroker } from '../../broker/remote.ts';
import { type Command, flag, JSON_OPTION, printJson, value } from '../../command.ts';

/** A key file, public or private, or the hash of a key. */
function publisherOf(given: string): string {
  if (/^[0-9a-f]{96}$/.test(given)) return given;
  const pem = readKeyFile(given, "publisher's key");
  try {
    return toHex(signerOf(/PRIVATE KEY/.test(pem) ? PrivateKey.fromPem(pem).publicKey : PublicKey.fromPem(pem)));
  } catch (error) {
    throw error instanceof KeyError ? new Failure('key', `${given}: ${error.message}`) : error;
  }
}

export const command: Command = {
  usage: 'reference add FILE --publisher KEY [OPTIONS]',
  doc: 'Takes reference values that the publisher of a build has signed (build/reference-values.json): policies can then ask for builds by\nname or by publisher. KEY is a PEM file, or the hash of a key as `cloister print signer` shows it.',
  options: [{ flag: '--publisher KEY', doc: 'Whose signature you expect.' }, ...REMOTE_OPTIONS, JSON_OPTION],
  examples: ['cloister reference add app/build/reference-values.json --publisher publisher.pub --state ./kbs'],
  operands: [1, 1],
  async run(invocation) {
    const document = new TextDecoder().decode(readInput(invocation.operands[0]));
    const publisher = value(invocation, 'publisher');
    const { values, publisher: signedBy } = openReferenceValues(new TextEncoder().encode(document));
    if (publisher === undefined) throw new Failure('usage', '--publisher KEY is missing', `The file says that ${toHex(signerOf(signedBy))} signed it; whether you believe that key is for you to say.`);
    const result = await withBroker(invocation, (remote) => answerOf(remote, 'POST', '/cloister/v0/references', JSON.stringify({ document, publisher: publisherOf(publisher) })));
    if (flag(invocation, 'json')) printJson(result);
    else process.stdout.write(`${result.id}: ${values.name}, measurement ${values.measurement}\n`);
    return 0;
  },
};
