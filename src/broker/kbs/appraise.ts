/** Evidence in, verdict out: the broker's view of the verifier (RFC 9334), and the verdict as policies see it. */

import { openSimQuote } from '../../attestation/index.ts';
import { equalSecret, toHex } from '../../base/bytes.ts';
import type { PublicKey } from '../../crypto/index.ts';
import type { PolicyContext } from '../policy/schema.ts';

export interface Verdict {
  readonly tee: string;
  readonly accepted: boolean;
  /** `null` where the vendor publishes none. */
  readonly tcbStatus: string | null;
  /** RFC 3339. */
  readonly tcbDate: string | null;
  readonly advisories: readonly string[];
  readonly failures: readonly { readonly code: string; readonly message: string }[];
  readonly claims: Readonly<Record<string, unknown>>;
}

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

/** What evidence carries in 64 bytes of report data: the KBS protocol puts the 48 bytes of the hash first, then zeros. */
export function expectedReportData(runtimeHash: Uint8Array): Uint8Array {
  if (runtimeHash.length !== 48) throw new RangeError(`SHA-384 has 48 bytes, not ${runtimeHash.length}`);
  const data = new Uint8Array(64);
  data.set(runtimeHash);
  return data;
}

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

/** Quotes of simulated TEEs: `{"quote": base64}`. Only those machines are believed whose attestation keys are listed. */
export function simAppraiser(keys: readonly PublicKey[]): Appraiser {
  return async ({ tee, evidence, runtimeHash }) => {
    const bytes = base64(member(evidence, 'quote'));
    if (bytes === undefined) return refused(tee, 'evidence-format', 'the evidence is not {"quote": base64}');
    const quote = keys.map((key) => openSimQuote(bytes, key)).find((opened) => opened !== undefined);
    if (quote === undefined) return refused(tee, 'signature', 'the quote was not signed by a simulated machine that this broker knows');
    if (!equalSecret(quote.reportData, expectedReportData(runtimeHash))) return refused(tee, 'report-data', 'the report data is not the hash of nonce and key');
    const { measurement, signer, productId, securityVersion, debuggable } = quote.identity;
    return {
      tee,
      accepted: true,
      tcbStatus: null,
      tcbDate: null,
      advisories: [],
      failures: [],
      claims: { measurement: toHex(measurement), signer: toHex(signer), productId, securityVersion, debug: debuggable, registers: [toHex(quote.register)] },
    };
  };
}

/** The `sample` evidence of Confidential Containers, which is signed by nobody: for tests of clients. */
export const sampleAppraiser: Appraiser = async ({ tee, evidence, runtimeHash }) => {
  const svn = member(evidence, 'svn');
  const reportData = base64(member(evidence, 'report_data'));
  if (typeof svn !== 'string' || reportData === undefined) return refused(tee, 'evidence-format', 'the evidence is not {"svn", "report_data": base64}');
  if (!equalSecret(reportData, runtimeHash)) return refused(tee, 'report-data', 'the report data is not the hash of nonce and key');
  return { tee, accepted: true, tcbStatus: null, tcbDate: null, advisories: [], failures: [], claims: { measurement: '', signer: '', productId: 0, securityVersion: /^\d{1,9}$/.test(svn) ? Number(svn) : 0, debug: false, registers: [] } };
};

/** What evidence alone says; references and the time are added when something is asked for. */
export type EvidenceContext = Omit<PolicyContext, 'references' | 'publishers' | 'now'>;

const SIMULATED = new Set(['sim', 'sample']);

export function contextOf({ tee, tcbStatus, tcbDate, advisories, claims }: Verdict): EvidenceContext {
  const text = (name: string): string => (typeof claims[name] === 'string' ? (claims[name] as string) : '');
  const whole = (name: string): number => (Number.isSafeInteger(claims[name]) ? (claims[name] as number) : 0);
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
    productId: whole('productId'),
    securityVersion: whole('securityVersion'),
    registers: Array.isArray(claims.registers) ? claims.registers.filter((each) => typeof each === 'string') : [],
  };
}
