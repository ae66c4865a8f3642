/**
 * Fuzz target: certificates that carry evidence. A changed certificate is refused or unreadable; so is one that was signed
 * anew by its own key over changed CBOR, unless quote and claims in it came out the same.
 *
 *     node fuzz/carrier.ts [seed] [iterations]
 */

import { decode } from 'cborg';
import { AUTHENTIC, recognise, UnreadableError, verifyEvidence } from '../src/attestation/verifier/index.ts';
import { equalBytes } from '../src/base/bytes.ts';
import { randomFrom } from '../src/encfs/5-disk/model.ts';
import { bundleOf, carried, claimsFor, DICE, dice, GRAMINE, key, sha256 } from '../test/attestation/fixtures/around.ts';
import { AT } from '../test/attestation/forge/intel.ts';
import { certificate } from '../test/attestation/forge/x509.ts';
import { fromCommandLine, mutate } from './mutate.ts';

const claims = claimsFor(key.spki, { nonce: Uint8Array.of(1, 2, 3) });
const SAMPLES = [carried(DICE, dice(claims), sha256(claims)), carried(GRAMINE, (quote) => quote, sha256(key.spki))].map(({ pem, evidence, bundle, roots }) => ({
  der: new Uint8Array(Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64')),
  evidence,
  collateral: bundleOf(bundle),
  policy: { ...AUTHENTIC, roots },
}));
const CBOR = new Uint8Array(dice(claims)(SAMPLES[0].evidence));

/** Quote and claims, where the bytes hold them in some encoding. */
function contentOf(cbor: Uint8Array): unknown {
  try {
    return decode(cbor, { tags: { 60000: (inner: () => unknown) => inner() } });
  } catch {
    return undefined;
  }
}

function isSame(cbor: Uint8Array): boolean {
  const content = contentOf(cbor);
  return Array.isArray(content) && content[0] instanceof Uint8Array && content[1] instanceof Uint8Array && equalBytes(content[0].subarray(0, SAMPLES[0].evidence.length), SAMPLES[0].evidence) && equalBytes(content[1], claims);
}

export async function fuzz(seed: number, iterations: number): Promise<void> {
  const random = randomFrom(seed);
  for (let iteration = 0; iteration < iterations; iteration++) {
    const kind = random(3);
    const sample = SAMPLES[kind % 2];
    const cbor = mutate(CBOR, random);
    const der = kind === 2 ? certificate({ subject: 'enclave', key, extensions: [[DICE, cbor]] }) : mutate(sample.der, random);
    try {
      const { accepted } = await verifyEvidence(recognise(der), { collateral: sample.collateral, policy: sample.policy, at: AT });
      if (accepted && !(kind === 2 && isSame(cbor))) throw new Error('accepted');
    } catch (error) {
      if (!(error instanceof UnreadableError)) throw new Error(`seed ${seed}, iteration ${iteration}: ${String(error)}`, { cause: error });
    }
  }
}

if (import.meta.main) await fromCommandLine(fuzz, 2000);
