/**
 * Fuzz target: quotes and reports. Whatever is changed in one that is right (but the padding behind it) is refused or
 * unreadable; nothing else is thrown.
 *
 *     node fuzz/quote.ts [seed] [iterations]
 */

import { AUTHENTIC, type Collateral, type Policy, readCollateral, recognise, UnreadableError, verifyEvidence } from '../src/attestation/verifier/index.ts';
import { randomFrom } from '../src/encfs/5-disk/model.ts';
import { forgeAmd } from '../test/attestation/forge/amd.ts';
import { AT, forgeIntel } from '../test/attestation/forge/intel.ts';
import { fromCommandLine, mutate } from './mutate.ts';

interface Sample {
  readonly evidence: Uint8Array;
  readonly collateral: Collateral;
  readonly policy: Policy;
}

const intel = (changes: Parameters<typeof forgeIntel>[0]): Sample => {
  const { evidence, bundle, roots } = forgeIntel(changes);
  return { evidence, collateral: readCollateral([{ name: 'bundle', bytes: new TextEncoder().encode(JSON.stringify(bundle)) }]), policy: { ...AUTHENTIC, roots } };
};
const amd = (changes: Parameters<typeof forgeAmd>[0]): Sample => {
  const { evidence, files, roots } = forgeAmd(changes);
  return { evidence, collateral: readCollateral(files), policy: { ...AUTHENTIC, roots } };
};

const SAMPLES: readonly Sample[] = [intel({}), intel({ tee: 'tdx' }), intel({ tee: 'tdx', version: 5, td15: true }), amd({}), amd({ product: 'Turin', version: 5 }), amd({ product: 'Genoa', vlek: true })];

export async function fuzz(seed: number, iterations: number): Promise<void> {
  const random = randomFrom(seed);
  for (let iteration = 0; iteration < iterations; iteration++) {
    const { evidence, collateral, policy } = SAMPLES[random(SAMPLES.length)];
    const bytes = mutate(evidence, random);
    // Longer by bytes behind it alone: padding.
    if (evidence.every((byte, index) => byte === bytes[index])) continue;
    try {
      const { accepted } = await verifyEvidence(recognise(bytes), { collateral, policy, at: AT });
      if (accepted) throw new Error('accepted');
    } catch (error) {
      if (!(error instanceof UnreadableError)) throw new Error(`seed ${seed}, iteration ${iteration}: ${String(error)}`, { cause: error });
    }
  }
}

if (import.meta.main) await fromCommandLine(fuzz, 1000);
