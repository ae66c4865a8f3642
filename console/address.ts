/** Evidence from an enclave at an address, over a nonce of this page. */

import { EVIDENCE_PATH, type Evidence, recognise, UnreadableError } from '../src/attestation/verifier/index.ts';
import { boundedBody } from '../src/base/response.ts';

const NONCE_BYTES = 32;
const TIMEOUT_MS = 20_000;
const MAX_BYTES = 8 << 20;

/** The answer as it came (it may hold collateral as well), once its runtime data are over the nonce. Throws UnreadableError. */
export async function askForEvidence(address: string): Promise<{ readonly evidence: Evidence; readonly body: Uint8Array }> {
  const nonce = [...crypto.getRandomValues(new Uint8Array(NONCE_BYTES))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  let body: Uint8Array;
  try {
    const url = new URL(EVIDENCE_PATH, address);
    url.searchParams.set('nonce', nonce);
    const response = await fetch(url, { cache: 'no-store', credentials: 'omit', redirect: 'error', referrerPolicy: 'no-referrer', signal: AbortSignal.timeout(TIMEOUT_MS) });
    if (!response.ok) throw new Error(`it answers ${response.status}`);
    const whole = await boundedBody(response, MAX_BYTES);
    if (whole === undefined) throw new Error(`it answers more than ${MAX_BYTES} bytes`);
    body = whole;
  } catch (error) {
    throw new UnreadableError(`no evidence from ${address}: ${(error as Error).message}`);
  }
  const evidence = recognise(body);
  let answered: unknown;
  try {
    answered = JSON.parse(new TextDecoder().decode(evidence.runtimeData));
  } catch {}
  if ((answered as { nonce?: unknown } | undefined)?.nonce !== nonce) throw new UnreadableError(`the evidence from ${address} is not over the nonce of this page: it may be old`);
  return { evidence, body };
}
