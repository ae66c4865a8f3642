/** Evidence in, verdict out: the broker's view of the verifier (RFC 9334), and the verdict as policies see it. */

import { type Collateral, type Policy, recognise, UnreadableError, verifyEvidence, type Verdict as VerifierVerdict } from '../../attestation/verifier/index.ts';
import { openSimQuote } from '../../attestation/index.ts';
import { equalSecret, toHex } from '../../base/bytes.ts';
import type { PublicKey } from '../../crypto/index.ts';
import { expectedReportData } from './report-data.ts';
import type { PolicyContext } from '../policy/schema.ts';

/** As the verifier gives it; `sample` is a TEE of the KBS protocol that no verifier knows. */
export type Verdict = Omit<VerifierVerdict, 'tee' | 'failures' | 'tcbStatus'> & { readonly tee: string; readonly tcbStatus: string | null; readonly failures: readonly { readonly code: string; readonly message: string }[] };

export interface EvidenceRequest {
  /** The name that the client gave its TEE in the KBS protocol. */
  readonly tee: string;
  /** `primary_evidence`, as the client sent it. */
  readonly evidence: unknown;
  /** SHA-384 of the canonical runtime data, 48 bytes; evidence carries it with 16 zero bytes behind it. */
  readonly runtimeHash: Uint8Array;
  /** Milliseconds since 1970. */
  readonly at: number;
}

export type Appraiser = (request: EvidenceRequest) => Promise<Verdict>;

export const refused = (tee: string, code: string, message: string): Verdict => ({ tee, accepted: false, tcbStatus: null, tcbDate: null, advisories: [], failures: [{ code, message }], claims: {} });

const member = (evidence: unknown, name: string): unknown => (typeof evidence === 'object' && evidence !== null && Object.hasOwn(evidence, name) ? (evidence as Readonly<Record<string, unknown>>)[name] : undefined);

function base64(value: unknown): Uint8Array | undefined {
  if (typeof value !== 'string') return undefined;
  try {
    return Uint8Array.fromBase64(value);
  } catch {
    return undefined;
  }
}

/** Names of the KBS protocol, the verifier's names for them, and where such evidence carries the hash: `tpm` in the quote of a vTPM. */
// biome-ignore format: a table
export const EVIDENCE = {
  'sim':         ['sim', 'report data'],
  'sgx':         ['sgx', 'report data'],
  'tdx':         ['tdx', 'report data'],
  'snp':         ['snp', 'report data'],
  'az-snp-vtpm': ['snp', 'tpm'],
  'az-tdx-vtpm': ['tdx', 'tpm'],
  // As the names of the protocol's types are written by its own library.
  'azsnpvtpm':   ['snp', 'tpm'],
  'aztdxvtpm':   ['tdx', 'tpm'],
} as const;

/** Where certificates, revocation lists and TCB information come from. */
export type CollateralSource = (tee: string, evidence: unknown) => Promise<Collateral>;

/**
 * Evidence that the verifier knows. `demands` says what is demanded of it besides being about this handshake; the owners'
 * policies decide about the program in it.
 */
export function verifierAppraiser(demands: Policy, collateral: CollateralSource): Appraiser {
  return async ({ tee, evidence, runtimeHash, at }) => {
    const [kind, carriedBy] = EVIDENCE[tee as keyof typeof EVIDENCE];
    let recognised: ReturnType<typeof recognise>;
    try {
      recognised = recognise(new TextEncoder().encode(JSON.stringify(evidence)));
    } catch (error) {
      if (!(error instanceof UnreadableError)) throw error;
      return refused(tee, 'evidence-format', error.message);
    }
    if (recognised.tee !== kind || (recognised.vtpm !== undefined) !== (carriedBy === 'tpm')) return refused(tee, 'evidence-format', `the evidence is of ${recognised.tee}, not of ${tee}`);
    const binding: Policy = { ...demands, tee: [kind], ...(carriedBy === 'tpm' ? { nonce: toHex(runtimeHash) } : { reportData: toHex(expectedReportData(runtimeHash)) }) };
    const verdict = await verifyEvidence(recognised, { collateral: await collateral(tee, evidence), policy: binding, at: new Date(at) });
    return { ...verdict, tee };
  };
}

/**
 * Quotes of simulated machines, `{"quote": base64}`, by what signs and reads them: synchronous, which is most of what a
 * handshake costs. Demands beyond a known key are the verifier's business.
 */
export function simAppraiser(keys: readonly PublicKey[]): Appraiser {
  return async ({ tee, evidence, runtimeHash }) => {
    const bytes = base64(member(evidence, 'quote'));
    if (bytes === undefined) return refused(tee, 'evidence-format', 'the evidence is not {"quote": base64}');
    const quote = keys.map((key) => openSimQuote(bytes, key)).find((opened) => opened !== undefined);
    if (quote === undefined) return refused(tee, 'quote-signature', 'the signature of the quote is by none of the simulated machines that this broker knows');
    if (!equalSecret(quote.reportData, expectedReportData(runtimeHash))) return refused(tee, 'report-data', 'the report data is not the hash of nonce and key');
    const { measurement, signer, productId, securityVersion, debuggable } = quote.identity;
    return {
      tee,
      accepted: true,
      tcbStatus: null,
      tcbDate: null,
      advisories: [],
      failures: [],
      claims: { measurement: toHex(measurement), signer: toHex(signer), productId, securityVersion, debug: debuggable, register: toHex(quote.register) },
    };
  };
}

/** The `sample` evidence of Confidential Containers, which is signed by nobody: for tests of clients. */
export const sampleAppraiser: Appraiser = async ({ tee, evidence, runtimeHash }) => {
  const svn = member(evidence, 'svn');
  const reportData = base64(member(evidence, 'report_data'));
  if (typeof svn !== 'string' || reportData === undefined) return refused(tee, 'evidence-format', 'the evidence is not {"svn", "report_data": base64}');
  if (!equalSecret(reportData, runtimeHash)) return refused(tee, 'report-data', 'the report data is not the hash of nonce and key');
  return { tee, accepted: true, tcbStatus: null, tcbDate: null, advisories: [], failures: [], claims: { measurement: '', signer: '', productId: 0, securityVersion: /^\d{1,9}$/.test(svn) ? Number(svn) : 0, debug: false } };
};

/** What evidence alone says; references and the time are added when something is asked for. */
export type EvidenceContext = Omit<PolicyContext, 'references' | 'publishers' | 'now'>;

const SIMULATED = new Set(['sim', 'sample']);

export function contextOf({ tee, tcbStatus, tcbDate, advisories, claims }: Verdict): EvidenceContext {
  const text = (name: string): string => (typeof claims[name] === 'string' ? (claims[name] as string) : '');
  const whole = (...names: readonly string[]): number => (names.map((name) => claims[name]).find((value) => Number.isSafeInteger(value)) as number | undefined) ?? 0;
  return {
    tee,
    simulated: SIMULATED.has(tee),
    tcbStatus: tcbStatus ?? 'NotPublished',
    tcbDate: tcbDate === null ? 0 : Math.floor(Date.parse(tcbDate) / 1000) || 0,
    advisories: [...advisories],
    // Evidence that does not say that it cannot be debugged can be.
    debug: claims.debug !== false,
    measurement: text('measurement'),
    signer: text('signer'),
    productId: whole('productId', 'isvProdId'),
    securityVersion: whole('securityVersion', 'isvSvn', 'guestSvn'),
    registers: ['register', 'rtmr0', 'rtmr1', 'rtmr2', 'rtmr3'].map(text).filter((value) => value !== ''),
  };
}
