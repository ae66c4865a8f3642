/**
 * Fuzz target: evidence in every form, and collateral in every form. What is changed is unreadable, or comes out as evidence that
 * is refused unless the quote in it is the same; nothing but an UnreadableError is thrown.
 *
 *     node fuzz/recognise.ts [seed] [iterations]
 */

import { AUTHENTIC, readCollateral, recognise, recogniseTpmQuote, UnreadableError, verifyEvidence } from '../src/attestation/verifier/index.ts';
import { bytesOf, equalBytes } from '../src/base/bytes.ts';
import { randomFrom } from '../src/encfs/5-disk/model.ts';
import { bundleOf, reportData, sha384 } from '../test/attestation/fixtures/around.ts';
import { forgeAmd } from '../test/attestation/forge/amd.ts';
import { AT, forgeIntel } from '../test/attestation/forge/intel.ts';
import { fromCommandLine, mutate, mutateJson, type Random } from './mutate.ts';

const utf8 = new TextEncoder();
const RUNTIME = utf8.encode('{"nonce":"abc"}');
const { evidence, bundle, roots } = forgeIntel({ body: reportData(sha384(RUNTIME)) });
const COLLATERAL = bundleOf(bundle);
const base64 = Buffer.from(evidence).toString('base64');
const hex = Buffer.from(evidence).toString('hex');
const amd = forgeAmd();
const files = [...amd.files.map(({ bytes }) => bytes), utf8.encode(JSON.stringify(bundle)), Buffer.concat([bytesOf('HTTP/1.1 200 OK\r\nA: b\r\n\r\n'), amd.files[0].bytes])];

// biome-ignore format: a table
const JSON_FORMS: readonly string[] = [
  { quote: base64, cc_eventlog: '' },
  { format: 'cloister-evidence-v1', tee: 'sgx', quote: base64, runtimeData: Buffer.from(RUNTIME).toString('base64') },
  { verification_requests: [{ tee: 'sgx', evidence: Buffer.from(JSON.stringify({ quote: base64 })).toString('base64url') }] },
  { tee: 'sgx', 'tee-evidence': { quote: base64 } },
  { 'runtime-data': { nonce: 'abc' }, 'tee-evidence': { primary_evidence: { quote: base64, aa_eventlog: '' }, additional_evidence: '' } },
  { tee: 'sgx', evidence: { quote: base64 }, runtime_data: { structured: { nonce: 'abc' } }, runtime_data_hash_algorithm: 'sha384' },
  { sgx: { quote: base64 } },
  { provider: 'x', outblob: base64, auxblob: base64.slice(0, 400) },
].map((form) => JSON.stringify(form));
const TEXT_FORMS = [hex, `0x${hex}`, base64, JSON.stringify([...evidence]), hex.replace(/../g, '$&:')];

async function form(random: Random): Promise<void> {
  const bytes = random(2) === 0 ? utf8.encode(mutateJson(JSON_FORMS[random(JSON_FORMS.length)], random)) : mutate(utf8.encode(TEXT_FORMS[random(TEXT_FORMS.length)]), random);
  const recognised = recognise(bytes);
  const { accepted } = await verifyEvidence(recognised, { collateral: COLLATERAL, policy: { ...AUTHENTIC, roots }, at: AT });
  if (accepted && !equalBytes(recognised.quote.subarray(0, evidence.length), evidence)) throw new Error('accepted');
}

export async function fuzz(seed: number, iterations: number): Promise<void> {
  const random = randomFrom(seed);
  const quote = utf8.encode(JSON.stringify({ message: hex.slice(0, 200), signature: hex.slice(0, 512), pcrs: [hex.slice(0, 64)] }));
  const targets: readonly (() => unknown)[] = [() => form(random), () => readCollateral([{ name: 'file', bytes: mutate(files[random(files.length)], random) }]), () => recogniseTpmQuote(mutate(quote, random))];
  for (let iteration = 0; iteration < iterations; iteration++) {
    try {
      await targets[random(targets.length)]();
    } catch (error) {
      if (!(error instanceof UnreadableError)) throw new Error(`seed ${seed}, iteration ${iteration}: ${String(error)}`, { cause: error });
    }
  }
}

if (import.meta.main) await fromCommandLine(fuzz, 2000);
