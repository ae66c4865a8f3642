/**
 * Fuzz target: certificates that carry evidence. Neither one that was changed, nor one whose extension was changed and that is
 * signed anew by its own key, is accepted; nothing but an AttestationRefused is thrown.
 *
 *     node fuzz/dice.ts [seed] [iterations]
 */

import { Attester } from '../src/attestation/attester.ts';
import { DICE_EVIDENCE } from '../src/attestation/formats.ts';
import { SimTee } from '../src/attestation/sim.ts';
import { AttestationRefused, appraiseCertificate } from '../src/attestation/tls/appraise.ts';
import { AUTHENTIC, type Policy } from '../src/attestation/verifier/index.ts';
import { pemBlocks } from '../src/attestation/verifier/x509/pem.ts';
import { PrivateKey } from '../src/crypto/index.ts';
import { selfSignedCertificate } from '../src/crypto/self-signed.ts';
import { randomFrom } from '../src/encfs/5-disk/model.ts';
import { memoryDirectory } from '../test/support/memory-directory.ts';
import { fromCommandLine, mutate } from './mutate.ts';

const tee = new SimTee(memoryDirectory(), { measurement: new Uint8Array(48).fill(1), signer: new Uint8Array(48).fill(2), productId: 3, securityVersion: 4, debuggable: false });
const enclave = new Attester(tee, 'integrity');
const policy: Policy = { ...AUTHENTIC, tee: ['sim'], simKeys: [tee.attestationKey.pem()], 'enclave.measurement': ['01'.repeat(48)] };
const key = PrivateKey.generate('ES256');
const extension = enclave.forKey(key.publicKey.spki());

function certificateWith(value: Uint8Array): Uint8Array {
  const pem = selfSignedCertificate(key, { commonName: 'enclave', names: ['localhost'], notBefore: Date.now() - 1e6, notAfter: Date.now() + 1e9, extensions: [[DICE_EVIDENCE, value]] });
  return pemBlocks(pem)?.[0].der as Uint8Array;
}

export async function fuzz(seed: number, iterations: number): Promise<void> {
  const random = randomFrom(seed);
  const good = certificateWith(extension);
  if (!(await appraiseCertificate(good, { policy })).accepted) throw new Error('the certificate itself is not accepted');
  for (let iteration = 0; iteration < iterations; iteration++) {
    const der = random(2) === 0 ? mutate(good, random) : certificateWith(mutate(extension, random));
    try {
      await appraiseCertificate(der, { policy });
      throw new Error('accepted');
    } catch (error) {
      if (!(error instanceof AttestationRefused)) throw new Error(`seed ${seed}, iteration ${iteration}: ${String(error)}: ${Buffer.from(der).toString('hex')}`, { cause: error });
    }
  }
}

if (import.meta.main) await fromCommandLine(fuzz, 3_000);
