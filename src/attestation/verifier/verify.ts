/** The entry point: evidence, collateral and policy to a verdict. Used alike by command line, page and broker. */

import { equalBytes, fromHex, toHex } from '../../base/bytes.ts';
import { parseStatement } from '../statement.ts';
import { judgeAgentLog } from './agent-log.ts';
import { judgeCarrier } from './carrier.ts';
import { type Collateral, NO_COLLATERAL } from './collateral.ts';
import { readQuote } from './dcap/abi.ts';
import { verifyDcap } from './dcap/verify.ts';
import { judgeEnclave, type SimClaims, statementOr } from './enclave.ts';
import { judgeEventLog } from './event-log.ts';
import type { BoundData, Evidence } from './evidence.ts';
import { type Policy, policyOf, unansweredKeys, uncheckedKeys } from './policy.ts';
import { FormatError, isZero, VersionError } from './reader.ts';
import { sgxClaims, validateSgx } from './sgx/validate.ts';
import { judgeSim } from './sim/verify.ts';
import { readSnpReport } from './snp/abi.ts';
import { snpClaims, validateSnp } from './snp/validate.ts';
import { verifySnp } from './snp/verify.ts';
import type { TdReport } from './tdx/abi.ts';
import { tdxClaims, validateSeptVe, validateTdx } from './tdx/validate.ts';
import { knownAuthorities, pinnedRoots } from './trust.ts';
import { Findings, UnreadableError, type Verdict } from './verdict.ts';
import { demandQuote, judgeVtpm, nonceOf } from './vtpm.ts';
import { type Certificate, parseCertificate } from './x509/certificate.ts';
import { DerError } from './x509/der.ts';
import { pemBlocks } from './x509/pem.ts';
import { digest } from './x509/subtle.ts';

export interface VerifyOptions {
  readonly collateral?: Collateral;
  readonly policy: Policy;
  /** Time of verification; now, unless given. */
  readonly at?: Date;
}

function rootsOf(policy: Policy): readonly Certificate[] {
  if (policy.roots === 'pinned') return pinnedRoots();
  try {
    return policy.roots.flatMap((pem) => (pemBlocks(pem) ?? []).map(({ der }) => parseCertificate(der)));
  } catch (error) {
    if (error instanceof DerError) throw new UnreadableError(`policy: roots: not a certificate (${error.message})`);
    throw error;
  }
}

/** What one kind of evidence says, after everything about it was judged. */
interface Judged {
  readonly reportData: Uint8Array;
  /** The report itself: what an HCL report has to hold as well. */
  readonly hardware: Uint8Array;
  readonly td?: TdReport;
  readonly registers?: readonly string[];
  /** Of a simulated quote. */
  readonly sim?: SimClaims;
}

async function judgeDcap(evidence: Evidence, policy: Policy, collateral: Collateral, at: number, findings: Findings): Promise<Judged> {
  const quote = readQuote(evidence.quote);
  if (quote.body.kind !== evidence.tee) throw new FormatError(`a quote of ${quote.body.kind}`);
  Object.assign(findings.claims, quote.body.kind === 'sgx' ? sgxClaims(quote.body.report) : tdxClaims(quote.body.report));
  if (quote.trailing > 0) findings.claims.trailingBytes = quote.trailing;
  await verifyDcap(quote, policy, { collateral, at, roots: rootsOf(policy), findings });
  if (quote.body.kind === 'sgx') validateSgx(quote.body.report, policy, findings);
  else validateTdx(quote.body.report, policy, findings);
  const { reportData, raw } = quote.body.report;
  return { reportData, hardware: raw, ...(quote.body.kind === 'tdx' && { td: quote.body.report, registers: quote.body.report.rtmrs }) };
}

async function judgeSnp(evidence: Evidence, policy: Policy, collateral: Collateral, at: number, findings: Findings): Promise<Judged> {
  const report = readSnpReport(evidence.quote);
  const product = await verifySnp(report, policy, { collateral, given: evidence.certificates, known: policy.roots === 'pinned' ? knownAuthorities() : [], roots: rootsOf(policy), at, findings });
  Object.assign(findings.claims, snpClaims(report, product));
  validateSnp(report, product, policy, findings);
  return { reportData: report.reportData, hardware: evidence.quote };
}

async function judgeSimulated(evidence: Evidence, policy: Policy, _collateral: Collateral, _at: number, findings: Findings): Promise<Judged> {
  const body = await judgeSim(evidence.quote, policy, findings);
  return { reportData: fromHex(body.reportData), hardware: evidence.quote, sim: body };
}

const JUDGES = { sgx: judgeDcap, tdx: judgeDcap, snp: judgeSnp, sim: judgeSimulated } as const;

const USUAL_HASHES = ['SHA-256', 'SHA-384', 'SHA-512'] as const;

/** The form of the data that `target` is made of; undefined where it is of none, or there is no target. */
async function boundForm(data: BoundData, target: Uint8Array | undefined, padded: boolean): Promise<Uint8Array | undefined> {
  if (target === undefined) return undefined;
  const holds = (value: Uint8Array): boolean => value.length <= target.length && equalBytes(target.subarray(0, value.length), value) && (padded ? isZero(target.subarray(value.length)) : target.length === value.length);
  if ('itself' in data) return data.itself.length > 0 && holds(data.itself) ? data.itself : undefined;
  for (const form of data.forms) for (const hash of data.hash === undefined ? USUAL_HASHES : [data.hash]) if (holds(await digest(hash, form))) return form;
  return undefined;
}

/** What is bound by the report data, and what is bound to the registers. */
async function judgeAround(evidence: Evidence, { reportData, hardware, td, registers, sim }: Judged, policy: Policy, at: number, findings: Findings): Promise<void> {
  if (policy.reportData !== 'unchecked' && !equalBytes(reportData, fromHex(policy.reportData))) findings.fail('report-data', `REPORT_DATA is ${toHex(reportData)}`);
  let vouched = false;
  if (evidence.vtpm !== undefined) vouched = await judgeVtpm(evidence.vtpm, { tee: evidence.tee, reportData, hardware }, policy, findings);
  else demandQuote(policy, findings);
  if (td !== undefined) validateSeptVe(td, policy, findings, vouched);
  let statement = evidence.carrier === undefined ? undefined : await judgeCarrier(evidence.carrier, reportData, at, policy.certificateValidity === 'required', findings);
  if (evidence.eventLog !== undefined) {
    if (registers === undefined) findings.fail('event-log-replay', `an event log with evidence of ${evidence.tee}, which has no registers`);
    else await judgeEventLog(evidence.eventLog, registers, findings);
  }
  if (evidence.agentLog !== undefined) {
    if (registers === undefined) findings.fail('event-log-replay', `an event log with evidence of ${evidence.tee}, which has no registers`);
    else await judgeAgentLog(evidence.agentLog, registers, findings);
  }
  for (const name of evidence.unjudged ?? []) findings.fail('evidence-unjudged', `\`${name}\` came with the evidence, and nothing here judges it`);
  for (const data of evidence.bound ?? []) {
    const form = await boundForm(data, evidence.vtpm === undefined ? reportData : nonceOf(evidence.vtpm), evidence.vtpm === undefined);
    if (form === undefined) findings.fail('runtime-data', `${evidence.vtpm === undefined ? 'the report data are' : 'the nonce of the TPM quote is'} not made of \`${data.name}\``);
    else if ('forms' in data) statement = statementOr(() => parseStatement(form), findings);
  }
  if (evidence.runtimeData !== undefined) {
    const hashes = await Promise.all(USUAL_HASHES.map((hash) => digest(hash, evidence.runtimeData as Uint8Array)));
    if (!hashes.some((hash) => equalBytes(reportData.subarray(0, hash.length), hash) && isZero(reportData.subarray(hash.length)))) findings.fail('runtime-data', 'the report data is no hash of the runtime data');
    else statement = statementOr(() => parseStatement(evidence.runtimeData as Uint8Array), findings);
  }
  judgeEnclave(evidence.tee, statement, sim, policy, findings);
}

/**
 * Judges evidence. Everything is looked at and every failure reported; `accepted` means that there is none. Throws
 * UnreadableError for a policy that cannot be used; never for what the evidence says.
 */
export async function verifyEvidence(evidence: Evidence, { collateral = NO_COLLATERAL, policy: whole, at = new Date() }: VerifyOptions): Promise<Verdict> {
  const findings = new Findings();
  const policy = policyOf(whole, evidence.tee);
  // What is judged cannot change between one look and the next.
  const own = { ...evidence, quote: new Uint8Array(evidence.quote) };
  const time = at.getTime();
  if (!Number.isFinite(time)) throw new UnreadableError('the time of verification is not a time');
  if (!policy.tee.includes(evidence.tee)) findings.fail('tee-not-accepted', `${evidence.tee} is not accepted; accepted: ${policy.tee.join(', ') || 'none'}`);
  else for (const key of unansweredKeys(policy, evidence.tee)) findings.fail('policy-unanswered', `\`${key}\` is demanded, and evidence of ${evidence.tee} does not say it`);
  for (const problem of collateral.problems) findings.fail('collateral-format', problem);
  try {
    const judged = await JUDGES[evidence.tee](own, policy, collateral, time, findings);
    await judgeAround(own, judged, policy, time, findings);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    findings.fail(error instanceof VersionError ? 'evidence-version' : 'evidence-format', error.message);
  }
  const unchecked = uncheckedKeys(policy, evidence.tee);
  // Checked when a list is given, and none was.
  if (findings.claims.revocation === 'unchecked' && !unchecked.includes('snp.revocation')) unchecked.push('snp.revocation');
  findings.claims.unchecked = unchecked;
  return findings.verdict(evidence.tee);
}
