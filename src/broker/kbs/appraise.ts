/** Evidence in, verdict out: the broker's view of the verifier (RFC 9334), and the verdict as policies see it. */

import {
  AUTHENTIC,
  type Collateral,
  CollateralError,
  type Evidence,
  groupOf,
  type FailureCode,
  NO_COLLATERAL,
  type Policy,
  recognise,
  UnreadableError,
  type Verdict as VerifierVerdict,
  verifyEvidence,
} from '../../attestation/verifier/index.ts';
import type { Appraised } from '../../attestation/token/index.ts';
import { equalSecret, toHex } from '../../base/bytes.ts';
import type { CollateralSource } from './collateral.ts';
import { expectedReportData } from './report-data.ts';
import { claimAttributes } from '../policy/claims.ts';
import type { EnclaveStatement, PolicyContext } from '../policy/schema.ts';

/** As the verifier gives it; `sample` is a TEE of the KBS protocol that no verifier knows. */
export type Verdict = Appraised;

export interface EvidenceRequest {
  /** The name that the client gave its TEE in the KBS protocol. */
  readonly tee: string;
  /** `primary_evidence`, as the client sent it. */
  readonly evidence: unknown;
  /** SHA-384 of the canonical runtime data, 48 bytes; evidence carries it with 16 zero bytes behind it. */
  readonly runtimeHash: Uint8Array;
  /** The runtime data itself, where an enclave states in it what it is. */
  readonly runtimeData?: Uint8Array;
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

/**
 * What a broker demands where its operator says nothing else. It can ask AMD for the revocation list, so whoever keeps it from
 * doing so gets no key.
 */
export const BROKER_DEMANDS: Policy = { ...AUTHENTIC, 'snp.revocation': 'required' };

/** What may be wrong only because AMD's intermediate certificate is not here. */
const OPEN_CHAIN: readonly FailureCode[] = ['snp-chain', 'snp-root'];

/** What evidence is refused for before anybody is asked about it: everything but the lack of what has to be fetched. */
const isFinal = ({ code }: { readonly code: FailureCode }): boolean => ['evidence', 'policy'].includes(groupOf(code)) || (groupOf(code) === 'chain' && !code.endsWith('-missing') && !OPEN_CHAIN.includes(code));

async function collateralFor(evidence: Evidence, source: CollateralSource, demands: Policy): Promise<Collateral> {
  try {
    return await source.fetch(evidence);
  } catch (error) {
    // Evidence of SEV-SNP can bring all that is needed but the revocation list.
    if (error instanceof CollateralError && evidence.tee === 'snp' && evidence.certificates.length > 0 && demands['snp.revocation'] !== 'required') return NO_COLLATERAL;
    throw error;
  }
}

/**
 * Evidence that the verifier knows. `demands` says what is demanded of it besides being about this handshake; the owners'
 * policies decide about the program in it.
 */
export function verifierAppraiser(demands: Policy, source: CollateralSource): Appraiser {
  return async ({ tee, evidence, runtimeHash, runtimeData, at }) => {
    const [kind, carriedBy] = EVIDENCE[tee as keyof typeof EVIDENCE];
    let recognised: Evidence;
    try {
      recognised = { ...recognise(new TextEncoder().encode(JSON.stringify(evidence))), ...(runtimeData !== undefined && carriedBy === 'report data' && { runtimeData }) };
    } catch (error) {
      if (!(error instanceof UnreadableError)) throw error;
      return refused(tee, 'evidence-format', error.message);
    }
    if (recognised.tee !== kind || (recognised.vtpm !== undefined) !== (carriedBy === 'tpm')) return refused(tee, 'evidence-format', `the evidence is of ${recognised.tee}, not of ${tee}`);
    const policy: Policy = { ...demands, ...(carriedBy === 'tpm' ? { nonce: toHex(runtimeHash) } : { reportData: toHex(expectedReportData(runtimeHash)) }) };
    const judge = async (collateral: Collateral): Promise<VerifierVerdict> => verifyEvidence(recognised, { collateral, policy, at: new Date(at) });
    const known = await source.known(recognised);
    if (known !== undefined) return { ...(await judge(known)), tee };
    // Nobody has the broker ask the vendors about evidence that is wrong by itself.
    const alone = await judge(NO_COLLATERAL);
    if (alone.failures.some(isFinal)) return { ...alone, tee };
    try {
      return { ...(await judge(await collateralFor(recognised, source, demands))), tee };
    } catch (error) {
      if (error instanceof CollateralError) return refused(tee, 'collateral-unavailable', error.message);
      throw error;
    }
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
export type EvidenceContext = Omit<PolicyContext, 'enclave' | 'references' | 'publishers' | 'now'> & { readonly enclave?: Omit<EnclaveStatement, 'references' | 'publishers'> };

/** As the verifier has found the evidence to bind it. */
function statementIn(claims: Verdict['claims']): { readonly debug?: unknown; readonly enclave?: EvidenceContext['enclave'] } {
  const stated = claims.enclave as Readonly<Record<string, unknown>> | undefined;
  if (typeof stated !== 'object' || stated === null) return {};
  const { measurement, signer, productId, securityVersion, imageKind, debug } = stated as unknown as EnclaveStatement & { debug: boolean };
  return { debug, enclave: { measurement, signer, productId, securityVersion, imageKind } };
}

const SIMULATED = new Set(['sim', 'sample']);

export function contextOf({ tee, accepted, tcbStatus, tcbDate, advisories, claims }: Verdict): EvidenceContext {
  const text = (name: string): string => (typeof claims[name] === 'string' ? (claims[name] as string) : '');
  const whole = (...names: readonly string[]): number => (names.map((name) => claims[name]).find((value) => Number.isSafeInteger(value)) as number | undefined) ?? 0;
  const stated = statementIn(claims);
  return {
    tee,
    ...(stated.enclave !== undefined && { enclave: stated.enclave }),
    simulated: SIMULATED.has(tee),
    tcbStatus: tcbStatus ?? 'NotPublished',
    tcbDate: tcbDate === null ? 0 : Math.floor(Date.parse(tcbDate) / 1000) || 0,
    advisories: [...advisories],
    // Evidence that does not say that it cannot be debugged can be.
    debug: claims.debug !== false || (stated.enclave !== undefined && stated.debug !== false),
    measurement: text('measurement'),
    signer: text('signer'),
    productId: whole('productId', 'isvProdId'),
    securityVersion: whole('securityVersion', 'isvSvn', 'guestSvn'),
    ...(accepted && claimAttributes(claims)),
  };
}
