/**
 * Fuzz target: TCB information and identities of quoting enclaves, changed as JSON. Under the old signature none is accepted;
 * signed anew, each is judged or refused, and nothing is thrown.
 *
 *     node fuzz/tcb-info.ts [seed] [iterations]
 */

import { AUTHENTIC, type Collateral, recognise, verifyEvidence } from '../src/attestation/verifier/index.ts';
import { randomFrom } from '../src/encfs/5-disk/model.ts';
import { bundleOf } from '../test/attestation/fixtures/around.ts';
import { AT, forgeIntel, KEYS } from '../test/attestation/forge/intel.ts';
import { signRaw } from '../test/attestation/forge/x509.ts';
import { fromCommandLine, mutateJson } from './mutate.ts';

const { evidence, bundle, roots } = forgeIntel({ tee: 'tdx' });
const parsed = recognise(evidence);
const collateral = bundleOf(bundle);
const MEMBERS = { tcbInfos: 'tcb-info-signature', qeIdentities: 'qe-identity-signature' } as const;
const utf8 = new TextEncoder();

export async function fuzz(seed: number, iterations: number): Promise<void> {
  const random = randomFrom(seed);
  for (let iteration = 0; iteration < iterations; iteration++) {
    const member = random(2) === 0 ? 'tcbInfos' : 'qeIdentities';
    const [document] = collateral[member];
    const text = mutateJson(document.text, random);
    const resigned = random(4) === 0;
    const changed: Collateral = { ...collateral, [member]: [{ ...document, text, signature: resigned ? signRaw(KEYS.signer, utf8.encode(text)) : document.signature }] };
    try {
      const { accepted, failures } = await verifyEvidence(parsed, { collateral: changed, policy: { ...AUTHENTIC, roots }, at: AT });
      if (accepted && !resigned) throw new Error('accepted');
      if (resigned && failures.some(({ code }) => code === MEMBERS[member])) throw new Error('a good signature is refused');
    } catch (error) {
      throw new Error(`seed ${seed}, iteration ${iteration}: ${String(error)}: ${text.slice(0, 300)}`, { cause: error });
    }
  }
}

if (import.meta.main) await fromCommandLine(fuzz, 5000);
