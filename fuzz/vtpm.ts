/**
 * Fuzz target: Azure's vTPM evidence. Changed HCL reports, TPM quotes, signatures and registers are refused or unreadable, but for
 * bytes that nobody signed: the header of the HCL report, and registers that the quote does not cover.
 *
 *     node fuzz/vtpm.ts [seed] [iterations]
 */

import { AUTHENTIC, type Evidence, readCollateral, UnreadableError, verifyEvidence, type VtpmEvidence } from '../src/attestation/verifier/index.ts';
import { readAttest, readHclReport } from '../src/attestation/verifier/vtpm.ts';
import { FormatError } from '../src/attestation/verifier/reader.ts';
import { toHex } from '../src/base/bytes.ts';
import { randomFrom } from '../src/encfs/5-disk/model.ts';
import { NONCE, vtpm } from '../test/attestation/fixtures/around.ts';
import { AT } from '../test/attestation/forge/intel.ts';
import { fromCommandLine, mutate, type Random } from './mutate.ts';

const { evidence, forged } = vtpm();
const good = evidence.vtpm as Required<VtpmEvidence>;
const collateral = readCollateral(forged.files);
const policy = { ...AUTHENTIC, roots: forged.roots, nonce: NONCE.toString('hex') };

/** All that somebody signed. */
function contentOf({ hclReport, quote: { message, signature, pcrs } }: Required<VtpmEvidence>): string {
  const { tee, hardware, hash, runtimeData } = readHclReport(hclReport);
  return JSON.stringify([tee, hash, ...[hardware, runtimeData, message, signature, ...readAttest(message).selected.map((index) => pcrs[index])].map(toHex)]);
}
const CONTENT = contentOf(good);

function change(random: Random): Required<VtpmEvidence> {
  const { hclReport, quote } = good;
  const kind = random(4);
  if (kind === 0) return { hclReport: mutate(hclReport, random), quote };
  if (kind === 1) return { hclReport, quote: { ...quote, message: mutate(quote.message, random) } };
  if (kind === 2) return { hclReport, quote: { ...quote, signature: mutate(quote.signature, random) } };
  const at = random(quote.pcrs.length);
  return { hclReport, quote: { ...quote, pcrs: quote.pcrs.map((pcr, index) => (index === at ? mutate(pcr, random) : pcr)) } };
}

export async function fuzz(seed: number, iterations: number): Promise<void> {
  const random = randomFrom(seed);
  for (let iteration = 0; iteration < iterations; iteration++) {
    const changed = change(random);
    try {
      // As recognised: the hardware report is the one in the HCL report.
      const given: Evidence = { ...evidence, quote: readHclReport(changed.hclReport).hardware, vtpm: changed };
      const { accepted } = await verifyEvidence(given, { collateral, policy, at: AT });
      if (accepted && contentOf(changed) !== CONTENT) throw new Error('accepted');
    } catch (error) {
      if (!(error instanceof UnreadableError || error instanceof FormatError)) throw new Error(`seed ${seed}, iteration ${iteration}: ${String(error)}`, { cause: error });
    }
  }
}

if (import.meta.main) await fromCommandLine(fuzz, 2000);
