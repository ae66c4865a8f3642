/**
 * Fuzz target: certificates and revocation lists. What parses after a change does not verify; nothing but a DerError is
 * thrown.
 *
 *     node fuzz/certificate.ts [seed] [iterations]
 */

import { readPckExtension } from '../src/attestation/verifier/dcap/pck.ts';
import { readVekExtensions } from '../src/attestation/verifier/snp/vek.ts';
import { hasKeyUsage, isAuthority, keyKind, parseCertificate, verifySigned } from '../src/attestation/verifier/x509/certificate.ts';
import { parseCrl } from '../src/attestation/verifier/x509/crl.ts';
import { DerError } from '../src/attestation/verifier/x509/der.ts';
import { randomFrom } from '../src/encfs/5-disk/model.ts';
import { forgeAmd, KEYS as AMD } from '../test/attestation/forge/amd.ts';
import { KEYS, sgxExtension } from '../test/attestation/forge/intel.ts';
import { certificate, crl } from '../test/attestation/forge/x509.ts';
import { fromCommandLine, mutate } from './mutate.ts';

interface Sample {
  readonly der: Uint8Array;
  readonly spki: Uint8Array;
  readonly read: (der: Uint8Array) => Parameters<typeof verifySigned>[0];
}

const readCertificate = (der: Uint8Array): Parameters<typeof verifySigned>[0] => {
  const parsed = parseCertificate(der);
  for (const look of [() => isAuthority(parsed), () => hasKeyUsage(parsed, 5), () => keyKind(parsed.spki), () => readPckExtension(parsed), () => readVekExtensions(parsed)])
    try {
      look();
    } catch (error) {
      if (!(error instanceof DerError)) throw error;
    }
  return parsed;
};

const SAMPLES: readonly Sample[] = [
  { der: certificate({ subject: 'Intel SGX PCK Certificate', key: KEYS.pck, issuer: 'CA', issuerKey: KEYS.ca, extensions: [['1.2.840.113741.1.13.1', sgxExtension({})]] }), spki: KEYS.ca.spki, read: readCertificate },
  { der: forgeAmd({}).files[0].bytes, spki: AMD.ask.spki, read: readCertificate },
  { der: crl({ issuer: 'CA', key: KEYS.ca, revoked: Array.from({ length: 20 }, (_, index) => index * 1000 + 1) }), spki: KEYS.ca.spki, read: parseCrl },
];

export async function fuzz(seed: number, iterations: number): Promise<void> {
  const random = randomFrom(seed);
  for (let iteration = 0; iteration < iterations; iteration++) {
    const { der, spki, read } = SAMPLES[random(SAMPLES.length)];
    try {
      if (await verifySigned(read(mutate(der, random)), spki)) throw new Error('verifies');
    } catch (error) {
      if (!(error instanceof DerError)) throw new Error(`seed ${seed}, iteration ${iteration}: ${String(error)}`, { cause: error });
    }
  }
}

if (import.meta.main) await fromCommandLine(fuzz, 5000);
