/** How the process around an enclave's thread asks the enclave for evidence, and a broker the thread that makes its: both ends of one call. */

import type { Attester, EvidenceSource } from '../attestation/attester.ts';
import type { EvidenceEnvelope } from '../attestation/envelope.ts';
import type { Channel } from '../attestation/statement.ts';
import { TeeError } from '../attestation/tee/errors.ts';
import type { EnclaveThread } from '../pal/node/enclave-thread.ts';

/** Not a method of the control socket: who may name a key speaks for the enclave. */
export const ATTEST = 'attest';

type AttestRequest = { readonly kind: 'evidence'; readonly nonce: string; readonly channel?: Channel } | { readonly kind: 'certificate'; readonly spki: Uint8Array };
type AttestAnswer = { readonly result: unknown } | { readonly failed: { readonly code?: TeeError['code']; readonly message: string } };

/** Inside the thread. */
export function attest(attester: Pick<Attester, 'forKey' | 'overNonce'>, params: unknown): AttestAnswer {
  const request = params as AttestRequest;
  try {
    return { result: request.kind === 'certificate' ? attester.forKey(request.spki) : attester.overNonce(request.nonce, request.channel) };
  } catch (error) {
    if (error instanceof TeeError) return { failed: { code: error.code, message: error.message } };
    if (error instanceof RangeError) return { failed: { message: error.message } };
    throw error;
  }
}

/** Outside of it. */
export function evidenceSource(enclave: Pick<EnclaveThread, 'call'>): EvidenceSource {
  const ask = async (request: AttestRequest): Promise<unknown> => {
    const answer = (await enclave.call(ATTEST, request)) as AttestAnswer;
    if ('result' in answer) return answer.result;
    const { code, message } = answer.failed;
    throw code === undefined ? new RangeError(message) : new TeeError(code, message);
  };
  return {
    evidence: async (nonce, channel) => (await ask({ kind: 'evidence', nonce, ...(channel !== undefined && { channel }) })) as EvidenceEnvelope,
    certificate: async (spki) => (await ask({ kind: 'certificate', spki })) as Uint8Array,
  };
}
