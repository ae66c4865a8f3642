/** Evidence asked for at an enclave's address, over a nonce of ours, and over TLS bound to the connection. */

import { type Appraisal, AttestationRefused } from '../attestation/tls/appraise.ts';
import { EVIDENCE_PATH, type Evidence, recognise, UnreadableError, type Verdict, verifyEvidence } from '../attestation/verifier/index.ts';
import { parseStatement } from '../attestation/statement.ts';
import { toHex } from '../base/bytes.ts';
import { boundedBody } from '../base/response.ts';
import { randomBytes } from '../crypto/index.ts';
import { connectAttested } from '../pal/tls/index.ts';

export interface Answered {
  readonly verdict: Verdict;
  readonly form: string;
}

export const isAddress = (operand: string): boolean => /^https?:\/\//.test(operand);

const NONCE_BYTES = 32;
const TIMEOUT_MS = 30_000;
const MAX_BODY_BYTES = 8 << 20;

async function overHttp(url: URL, appraisal: Appraisal): Promise<Answered> {
  const nonce = toHex(randomBytes(NONCE_BYTES));
  const target = new URL(EVIDENCE_PATH, url);
  target.searchParams.set('nonce', nonce);
  const response = await fetch(target, { redirect: 'error', signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (!response.ok) throw new UnreadableError(`${url.origin} answers ${response.status}`);
  const body = await boundedBody(response, MAX_BODY_BYTES);
  if (body === undefined) throw new UnreadableError(`${url.origin} answers more than ${MAX_BODY_BYTES} bytes`);
  const evidence: Evidence = recognise(body);
  const { policy, collateral, at } = appraisal;
  const verdict = await verifyEvidence(evidence, { policy, ...(collateral !== undefined && { collateral: typeof collateral === 'function' ? await collateral(evidence) : collateral }), ...(at !== undefined && { at: at() }) });
  let asked: string | undefined;
  try {
    asked = evidence.runtimeData === undefined ? undefined : parseStatement(evidence.runtimeData)?.nonce;
  } catch {
    // A failure in the verdict already.
  }
  if (asked === nonce) return { verdict, form: `answer of ${url.origin}, over a fresh nonce (not bound to the connection)` };
  return { verdict: { ...verdict, accepted: false, failures: [...verdict.failures, { code: 'report-data', message: 'the evidence is not over the nonce that was sent' }] }, form: `answer of ${url.origin}` };
}

/** Rejects with UnreadableError where nothing answers as it should. */
export async function verifyAddress(address: string, appraisal: Appraisal): Promise<Answered> {
  let url: URL;
  try {
    url = new URL(address);
  } catch {
    throw new UnreadableError(`${address} is no address`);
  }
  try {
    if (url.protocol === 'http:') return await overHttp(url, appraisal);
    const { socket, verdict } = await connectAttested({ host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port === '' ? 443 : url.port), appraisal, alpn: ['http/1.1'] });
    socket.destroy();
    return { verdict, form: `connection to ${url.host}, bound to it` };
  } catch (error) {
    if (error instanceof UnreadableError) throw error;
    if (error instanceof AttestationRefused && error.verdict !== undefined) {
      const { verdict, code, message } = error;
      // Evidence that is right by itself, and of another connection or another time.
      const failures = code === 'peer-channel' ? [...verdict.failures, { code: 'report-data' as const, message }] : verdict.failures;
      return { verdict: { ...verdict, accepted: false, failures }, form: `connection to ${url.host}` };
    }
    const { message, cause } = error as Error & { cause?: Error };
    throw new UnreadableError(`no evidence from ${address}: ${cause?.message ?? message}`);
  }
}
