/**
 * Fuzz target: collateral. A bundle that was changed is accepted only where all that is signed in it came out the same;
 * files of all kinds are read or refused, nothing else is thrown.
 *
 *     node fuzz/collateral.ts [seed] [iterations]
 */

import { toHex } from '../src/base/bytes.ts';
import { AUTHENTIC, type Collateral, readCollateral, recognise, UnreadableError, verifyEvidence } from '../src/attestation/verifier/index.ts';
import { randomFrom } from '../src/encfs/5-disk/model.ts';
import { AT, forgeIntel } from '../test/attestation/forge/intel.ts';
import { fromCommandLine, mutate } from './mutate.ts';

const { evidence, bundle, roots } = forgeIntel({ tee: 'tdx' });
const parsed = recognise(evidence);
const SAMPLE = new TextEncoder().encode(JSON.stringify(bundle));
const contentOf = ({ crls, tcbInfos, qeIdentities }: Collateral): string => JSON.stringify([crls.map(({ crl }) => toHex(crl.raw)), [...tcbInfos, ...qeIdentities].map(({ text, signature }) => [text, toHex(signature)])]);
const CONTENT = contentOf(readCollateral([{ name: 'bundle', bytes: SAMPLE }]));

export async function fuzz(seed: number, iterations: number): Promise<void> {
  const random = randomFrom(seed);
  for (let iteration = 0; iteration < iterations; iteration++) {
    const bytes = mutate(SAMPLE, random);
    try {
      const collateral = readCollateral([{ name: 'bundle', bytes }]);
      const { accepted } = await verifyEvidence(parsed, { collateral, policy: { ...AUTHENTIC, roots }, at: AT });
      if (accepted && contentOf(collateral) !== CONTENT) throw new Error('accepted');
    } catch (error) {
      if (!(error instanceof UnreadableError)) throw new Error(`seed ${seed}, iteration ${iteration}: ${String(error)}`, { cause: error });
    }
  }
}

if (import.meta.main) await fromCommandLine(fuzz, 1000);
