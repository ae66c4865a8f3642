/** Is a DCAP quote authentic, and what is the status of the platform that made it? The same for SGX and TDX. */

import { concat, equalBytes, toHex } from '../../../base/bytes.ts';
import type { Policy } from '../policy.ts';
import { DerError } from '../x509/der.ts';
import { digest, spkiOfPoint, verifySignature } from '../x509/subtle.ts';
import { attributesHex } from '../sgx/abi.ts';
import type { TcbStatus } from '../verdict.ts';
import { INTEL_QE_VENDOR, KEY_ECDSA_P256, type Quote } from './abi.ts';
import { checkRevocation, type Context, verifyPckChain } from './chain.ts';
import { type PckExtension, readPckExtension } from './pck.ts';
import { verifyQeIdentity, verifyTcbInfo } from './signed.ts';
import type { QeIdentity, TcbInfo } from './tcb-info.ts';
import { converge, platformLevel, svnLevel } from './tcb-level.ts';

const ES256 = { name: 'ECDSA', curve: 'P-256', hash: 'SHA-256' } as const;

function checkQe(quote: Quote, identity: QeIdentity, { findings }: Context): void {
  const { qeReport } = quote;
  if (qeReport.mrsigner !== identity.mrsigner) findings.fail('qe-mrsigner', `MRSIGNER is ${qeReport.mrsigner}, not ${identity.mrsigner}`);
  if (qeReport.isvProdId !== identity.isvprodid) findings.fail('qe-isvprodid', `ISVPRODID is ${qeReport.isvProdId}, not ${identity.isvprodid}`);
  const differs = (have: Uint8Array, wanted: Uint8Array, mask: Uint8Array): boolean => have.some((byte, index) => ((byte ^ wanted[index]) & mask[index]) !== 0);
  const miscSelect = qeReport.raw.subarray(16, 20);
  if (differs(miscSelect, identity.miscselect, identity.miscselectMask)) findings.fail('qe-miscselect', `MISCSELECT is ${toHex(miscSelect)}, under the mask not ${toHex(identity.miscselect)}`);
  if (differs(qeReport.attributes, identity.attributes, identity.attributesMask)) findings.fail('qe-attributes', `the attributes are ${attributesHex(qeReport)}, under the mask not ${toHex(identity.attributes)}`);
}

function judgeModule(quote: Quote, info: TcbInfo, { findings }: Context): { status?: TcbStatus; date?: string; advisories: readonly string[] } {
  if (quote.body.kind !== 'tdx') return { advisories: [] };
  const { report } = quote.body;
  const [svn, version] = report.teeTcbSvn;
  const id = `TDX_${version.toString(16).padStart(2, '0').toUpperCase()}`;
  const identity = version > 0 ? info.tdxModuleIdentities.find((row) => row.id.toUpperCase() === id) : undefined;
  const module = version > 0 ? identity : info.tdxModule;
  findings.claims.tdxModule = id;
  if (module === undefined) {
    findings.fail('tdx-module-unknown', `no identity of module ${id} in the TCB information`);
    return { status: 'NotSupported', advisories: [] };
  }
  if (report.mrsignerseam !== module.mrsigner) findings.fail('tdx-module-mrsigner', `MRSIGNERSEAM is ${report.mrsignerseam}, not ${module.mrsigner}`);
  const under = (hex: string): bigint => BigInt(`0x${hex}`) & BigInt(`0x${module.attributesMask}`);
  if (under(report.seamAttributes) !== under(module.attributes)) findings.fail('tdx-module-attributes', `SEAMATTRIBUTES are ${report.seamAttributes}, under the mask not ${module.attributes}`);
  if (identity === undefined) return { advisories: [] };
  const level = svnLevel(identity.levels, svn);
  if (level === undefined) {
    findings.fail('tdx-module-tcb', `module ${id} has security version ${svn}, below every level`);
    return { status: 'NotSupported', advisories: [] };
  }
  findings.claims.tdxModuleStatus = level.status;
  return level;
}

/** Status, date and advisories of platform, module and quoting enclave together. */
function judgeTcb(quote: Quote, pck: PckExtension, info: TcbInfo, identity: QeIdentity | undefined, policy: Policy, context: Context): void {
  const { findings } = context;
  const level = platformLevel(info, pck, quote.body.kind === 'tdx' ? quote.body.report.teeTcbSvn : undefined);
  const module = judgeModule(quote, info, context);
  const qe = identity === undefined ? undefined : svnLevel(identity.levels, quote.qeReport.isvSvn);
  if (identity !== undefined && qe === undefined) findings.fail('qe-tcb', `the quoting enclave has security version ${quote.qeReport.isvSvn}, below every level`);
  if (level === undefined) {
    findings.tcbStatus = 'NotSupported';
    findings.fail('tcb-not-supported', 'TCB level not supported: no level of the TCB information matches this platform');
    return;
  }
  let status = level.status;
  findings.claims.platformTcbStatus = status;
  if (module.status !== undefined) status = converge(status, module.status);
  if (identity !== undefined) {
    findings.claims.qeTcbStatus = qe?.status ?? 'NotSupported';
    status = converge(status, qe?.status ?? 'NotSupported');
  }
  findings.tcbStatus = status;
  const dates = [level.date, ...(module.date === undefined ? [] : [module.date]), ...(qe === undefined ? [] : [qe.date])];
  findings.claims.tcbDates = { platform: level.date, ...(module.date !== undefined && { module: module.date }), ...(qe !== undefined && { qe: qe.date }) };
  findings.tcbDate = level.date;
  findings.advisories.push(...level.advisories, ...module.advisories, ...(qe?.advisories ?? []));
  // A part that is at no level has its own code.
  if (status !== 'NotSupported' && !policy['tcb.statuses'].includes(status)) findings.fail('tcb-status', `the status is ${status}; accepted: ${policy['tcb.statuses'].join(', ') || 'none'}`);
  const least = policy['tcb.minimumDate'];
  const oldest = dates.reduce((a, b) => (Date.parse(a) <= Date.parse(b) ? a : b));
  if (least !== 'unchecked' && !(Date.parse(oldest) >= least)) findings.fail('tcb-date', `the level is of ${oldest}, before ${new Date(least).toISOString().slice(0, 10)}`);
  const allowed = policy['tcb.advisories'];
  const refused = allowed === 'unchecked' ? [] : [...new Set(findings.advisories)].filter((id) => !allowed.includes(id));
  if (refused.length > 0) findings.fail('tcb-advisory', `${refused.join(', ')} ${refused.length === 1 ? 'applies' : 'apply'}`);
}

export async function verifyDcap(quote: Quote, policy: Policy, context: Context): Promise<void> {
  const { findings } = context;
  const { header, qeReport } = quote;
  findings.claims.quoteVersion = header.version;
  if (header.keyType !== KEY_ECDSA_P256) findings.fail('quote-key-type', `attestation key of type ${header.keyType}, ${KEY_ECDSA_P256} is ECDSA on P-256`);
  if (header.qeVendor !== INTEL_QE_VENDOR) findings.fail('quote-qe-vendor', `the quoting enclave's vendor is ${header.qeVendor}`);
  const chain = await verifyPckChain(quote, context);
  if (chain !== undefined && !(await verifySignature(ES256, chain.leaf.spki, quote.qeReportSignature, qeReport.raw))) findings.fail('qe-signature', 'the report of the quoting enclave is not signed by the PCK');
  const bound = await digest('SHA-256', concat([quote.attestationKey, quote.qeAuthData]));
  const expected = new Uint8Array(64);
  expected.set(bound);
  if (!equalBytes(qeReport.reportData, expected)) findings.fail('qe-report-data', "the quoting enclave's report data is not the hash of attestation key and authentication data");
  if (!(await verifySignature(ES256, spkiOfPoint(quote.attestationKey), quote.signature, quote.signed))) findings.fail('quote-signature', 'the signature of the quote is wrong');

  let pck: PckExtension | undefined;
  if (chain !== undefined) {
    try {
      pck = readPckExtension(chain.leaf);
      Object.assign(findings.claims, { fmspc: pck.fmspc, pceId: pck.pceId, ppid: pck.ppid, pceSvn: pck.pceSvn, platformCpuSvn: pck.cpuSvn });
      if (pck.platformInstanceId !== undefined) findings.claims.platformInstanceId = pck.platformInstanceId;
    } catch (error) {
      if (!(error instanceof DerError)) throw error;
      findings.fail('pck-extension', error.message);
    }
  }
  const rootList = chain === undefined ? undefined : await checkRevocation(chain, context);
  const tdx = quote.body.kind === 'tdx';
  const info = await verifyTcbInfo(tdx ? 'TDX' : 'SGX', pck?.fmspc, policy['tcb.minimumEvaluation'], rootList, context);
  const identity = await verifyQeIdentity(tdx ? 'TD_QE' : 'QE', policy['tcb.minimumEvaluation'], rootList, context);
  const own = identity?.id === (tdx ? 'TD_QE' : 'QE') ? identity : undefined;
  if (own !== undefined) checkQe(quote, own, context);
  if (info !== undefined) findings.claims.tcbEvaluationDataNumber = info.evaluation;
  if (identity !== undefined) findings.claims.qeEvaluationDataNumber = identity.evaluation;
  if (info === undefined || pck === undefined) return;
  if (info.pceId !== pck.pceId) findings.fail('tcb-info-pceid', `it is for PCE ${info.pceId}, the platform's is ${pck.pceId}`);
  if (info.fmspc === pck.fmspc && info.id === (tdx ? 'TDX' : 'SGX')) judgeTcb(quote, pck, info, own, policy, context);
}
