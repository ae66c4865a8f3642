/**
 * A relying party's view of attested TLS: the certificate's evidence binds its key, and evidence asked for over the connection
 * binds the connection. Uses no Node API.
 *
 * Why both: a certificate alone shows that *some* enclave holds the key. Whoever got hold of the key (or relays what another
 * server answers) ends connections of its own, and those export other values (RFC 5705, RFC 8446 §7.5; RFC 9266 does the same
 * for passwords).
 */

import { type Channel, parseStatement } from '../statement.ts';
import type { Collateral } from '../verifier/collateral.ts';
import type { Evidence } from '../verifier/evidence.ts';
import type { Policy } from '../verifier/policy.ts';
import { recognise } from '../verifier/recognise.ts';
import { UnreadableError, type Verdict } from '../verifier/verdict.ts';
import { verifyEvidence } from '../verifier/verify.ts';

/** "EXPERIMENTAL" labels need no registration (RFC 5705 §4). */
export const CHANNEL_LABEL = 'EXPERIMENTAL Cloister attested channel v1';
export const CHANNEL_BYTES = 32;

export interface Appraisal {
  /** What is demanded of the other side. */
  readonly policy: Policy;
  /** What the vendors publish about its platform; none unless given (enough for `sim` only). */
  readonly collateral?: Collateral | ((evidence: Evidence) => Promise<Collateral>);
  /** Time of verification; now, unless given. */
  readonly at?: () => Date;
}

export type AttestationRefusalCode = 'peer-evidence' | 'peer-refused' | 'peer-channel';

/** The other side is not what the policy demands, or not at the other end of this connection. */
export class AttestationRefused extends Error {
  override readonly name = 'AttestationRefused';
  readonly code: AttestationRefusalCode;
  /** Where there is one. */
  readonly verdict: Verdict | undefined;

  constructor(code: AttestationRefusalCode, message: string, verdict?: Verdict) {
    super(message);
    this.code = code;
    this.verdict = verdict;
  }
}

function read(bytes: Uint8Array, what: string): Evidence {
  try {
    return recognise(bytes);
  } catch (error) {
    if (!(error instanceof UnreadableError)) throw error;
    throw new AttestationRefused('peer-evidence', `${what}: ${error.message}`);
  }
}

async function accepted(evidence: Evidence, { policy, collateral, at }: Appraisal, what: string): Promise<Verdict> {
  const verdict = await verifyEvidence(evidence, { policy, ...(collateral !== undefined && { collateral: typeof collateral === 'function' ? await collateral(evidence) : collateral }), ...(at !== undefined && { at: at() }) });
  if (!verdict.accepted) throw new AttestationRefused('peer-refused', `${what} is refused: ${verdict.failures.map(({ code, message }) => `${code} (${message})`).join('; ')}`, verdict);
  return verdict;
}

/** A certificate (DER) with evidence that binds its key and satisfies the policy. Rejects with AttestationRefused. */
export async function appraiseCertificate(der: Uint8Array, appraisal: Appraisal): Promise<Verdict> {
  const evidence = read(der, 'the certificate of the other side');
  if (evidence.carrier === undefined) throw new AttestationRefused('peer-evidence', 'the certificate of the other side carries no evidence');
  return accepted(evidence, appraisal, 'the evidence in the certificate');
}

/**
 * The answer to a nonce over a connection: evidence that satisfies the policy, whose statement repeats the nonce and names this
 * very connection. Rejects with AttestationRefused.
 */
export async function appraiseChannel(answer: Uint8Array, nonce: string, channel: Channel, appraisal: Appraisal): Promise<Verdict> {
  const evidence = read(answer, 'the answer to the nonce');
  if (evidence.runtimeData === undefined) throw new AttestationRefused('peer-channel', 'the evidence over the connection states nothing');
  const verdict = await accepted(evidence, appraisal, 'the evidence over the connection');
  // Accepted: the evidence binds these bytes, and they are a statement or none.
  const statement = parseStatement(evidence.runtimeData);
  if (statement?.purpose !== 'evidence' || statement.nonce !== nonce) throw new AttestationRefused('peer-channel', 'the evidence is not over the nonce that was sent', verdict);
  if (statement.channel?.key !== channel.key) throw new AttestationRefused('peer-channel', "the evidence names another key than the connection's: it was relayed", verdict);
  if (statement.channel.binding !== channel.binding) throw new AttestationRefused('peer-channel', 'the evidence names another connection than this one: it was relayed', verdict);
  return verdict;
}
