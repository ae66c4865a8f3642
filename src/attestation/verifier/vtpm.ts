/**
 * Azure's confidential VMs: an HCL report lies in the TPM's NV memory. It holds the hardware report, whose report data
 * is the hash of the runtime data, which in turn names the TPM's attestation key; that key signs TPM quotes.
 *
 *     header (32 bytes, "HCLA") ‖ hardware report (1184) ‖ {size, version, report type, hash type, length} ‖ runtime data (JSON)
 */

import { concat, equalBytes, fromHex, toHex } from '../../base/bytes.ts';
import type { TeeType } from '../tee-type.ts';
import type { TpmQuote, VtpmEvidence } from './evidence.ts';
import type { Policy } from './policy.ts';
import { FormatError, Reader } from './reader.ts';
import type { Findings } from './verdict.ts';
import { digest, type HashName, verifyWithJwk } from './x509/subtle.ts';

const HEADER_BYTES = 32;
const REPORT_BYTES = 1184;
const TDREPORT_BYTES = 1024;
const TYPES: Readonly<Record<number, 'snp' | 'tdx'>> = { 2: 'snp', 4: 'tdx' };
const HASHES: Readonly<Record<number, HashName>> = { 1: 'SHA-256', 2: 'SHA-384', 3: 'SHA-512' };

export interface HclReport {
  readonly tee: 'snp' | 'tdx';
  /** SNP: the report. TDX: the TDREPORT, which only the machine itself can check. */
  readonly hardware: Uint8Array;
  readonly hash: HashName;
  readonly runtimeData: Uint8Array;
}

/** The report of the hardware, already verified elsewhere. */
export interface Hardware {
  readonly tee: TeeType;
  readonly reportData: Uint8Array;
  /** SNP: the report. TDX: the TD report body of the quote. */
  readonly hardware: Uint8Array;
}

/** Where a TDREPORT (SDM of TDX, REPORTMACSTRUCT, TEE_TCB_INFO, TDINFO) has what the body of a quote has from `at` on. */
// biome-ignore format: a table
const TD_FIELDS = [
  { at: 0,   report: 264, bytes: 120 }, // TEE_TCB_SVN, MRSEAM, MRSIGNERSEAM, SEAMATTRIBUTES
  { at: 120, report: 512, bytes: 400 }, // ATTRIBUTES, XFAM, MRTD, MRCONFIGID, MROWNER, MROWNERCONFIG, RTMR0–RTMR3
  { at: 520, report: 128, bytes: 64 },  // REPORTDATA
] as const;
const TDREPORT_TYPE = 0x81;

/** Why the report within is not the one that was verified; undefined where it is. */
function differs({ tee, hardware }: HclReport, verified: Hardware): string | undefined {
  if (tee !== verified.tee) return `it is of ${tee}, the evidence of ${verified.tee}`;
  if (tee === 'snp') return equalBytes(hardware, verified.hardware) ? undefined : 'it is another one than the evidence';
  if (hardware[0] !== TDREPORT_TYPE) return `it is of type ${hardware[0]}, a TDREPORT of type ${TDREPORT_TYPE}`;
  const same = TD_FIELDS.every(({ at, report, bytes }) => equalBytes(hardware.subarray(report, report + bytes), verified.hardware.subarray(at, at + bytes)));
  return same ? undefined : 'its fields are not those of the quote';
}

export const isHclReport = (bytes: Uint8Array): boolean => bytes.length > HEADER_BYTES + REPORT_BYTES && toHex(bytes.subarray(0, 4)) === '48434c41';

/** Throws FormatError. */
export function readHclReport(bytes: Uint8Array): HclReport {
  if (!isHclReport(bytes)) throw new FormatError('not an HCL report');
  const reader = new Reader(bytes, HEADER_BYTES);
  const area = reader.take(REPORT_BYTES);
  reader.take(8); // Size and version of what follows.
  const tee = TYPES[reader.u32()];
  const hash = HASHES[reader.u32()];
  if (tee === undefined || hash === undefined) throw new FormatError('an HCL report of another kind');
  const runtimeData = reader.take(reader.u32());
  return { tee, hardware: tee === 'snp' ? area : area.subarray(0, TDREPORT_BYTES), hash, runtimeData };
}

interface Attest {
  readonly extraData: Uint8Array;
  readonly selected: readonly number[];
  readonly pcrDigest: Uint8Array;
}

const TPM_MAGIC = 0xff544347;
const TPM_ST_ATTEST_QUOTE = 0x8018;
const TPM_ALG_SHA256 = 0x000b;

/** TPMS_ATTEST of a quote (TPM 2.0 Library, part 2, §10.12.12), big-endian. Throws FormatError. */
export function readAttest(message: Uint8Array): Attest {
  const reader = new Reader(message);
  const number = (bytes: number): number => reader.take(bytes).reduce((value, byte) => value * 256 + byte, 0);
  if (number(4) !== TPM_MAGIC || number(2) !== TPM_ST_ATTEST_QUOTE) throw new FormatError('not a TPM quote');
  reader.take(number(2)); // qualifiedSigner
  const extraData = reader.take(number(2));
  reader.take(8 + 4 + 4 + 1 + 8); // clock, resetCount, restartCount, safe, firmwareVersion
  const selected: number[] = [];
  if (number(4) !== 1) throw new FormatError('a TPM quote over several banks');
  if (number(2) !== TPM_ALG_SHA256) throw new FormatError('a TPM quote over another bank than SHA-256');
  const map = reader.take(number(1));
  map.forEach((byte, index) => {
    for (let bit = 0; bit < 8; bit++) if ((byte & (1 << bit)) !== 0) selected.push(index * 8 + bit);
  });
  const pcrDigest = reader.take(number(2));
  if (reader.left !== 0) throw new FormatError('bytes after the TPM quote');
  return { extraData, selected, pcrDigest };
}

/** `extraData` of the TPM quote; undefined where there is none that can be read. */
export function nonceOf({ quote }: VtpmEvidence): Uint8Array | undefined {
  try {
    return quote === undefined ? undefined : readAttest(quote.message).extraData;
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}

interface RuntimeKeys {
  readonly keys?: readonly { readonly kid?: string; readonly kty?: string; readonly n?: string; readonly e?: string }[];
  readonly 'vm-configuration'?: unknown;
  readonly 'user-data'?: unknown;
}

/** Without a TPM quote, what a policy wants of one is not met. */
export function demandQuote(policy: Policy, findings: Findings): void {
  if (policy.nonce !== 'unchecked') findings.fail('vtpm-nonce', 'there is no TPM quote that could be over the nonce');
  if (policy['vtpm.pcrs'] !== 'unchecked') findings.fail('vtpm-pcr-value', 'there is no TPM quote that could cover the registers');
}

function checkPcrs(attest: Attest, quote: TpmQuote, policy: Policy, findings: Findings): void {
  const wanted = policy['vtpm.pcrs'];
  if (wanted === 'unchecked') return;
  for (const [index, values] of Object.entries(wanted)) {
    const value = attest.selected.includes(Number(index)) ? quote.pcrs[Number(index)] : undefined;
    if (value === undefined || !values.includes(toHex(value))) findings.fail('vtpm-pcr-value', `PCR ${index} is ${value === undefined ? 'not covered by the TPM quote' : toHex(value)}`);
  }
}

/** Is the quote by the key that the runtime data name? */
async function checkQuote(quote: TpmQuote, runtime: RuntimeKeys, policy: Policy, findings: Findings): Promise<boolean> {
  const key = Array.isArray(runtime.keys) ? (runtime.keys as NonNullable<RuntimeKeys['keys']>).find((entry) => entry?.kid === 'HCLAkPub') : undefined;
  if (typeof key?.n !== 'string' || typeof key.e !== 'string') return findings.check(false, 'vtpm-format', 'the runtime data name no attestation key (HCLAkPub)');
  const signed = findings.check(await verifyWithJwk({ n: key.n, e: key.e }, quote.signature, quote.message), 'vtpm-signature', 'the TPM quote is not signed by the attestation key of the runtime data');
  const attest = readAttest(quote.message);
  findings.claims.nonce = toHex(attest.extraData);
  findings.claims.pcrs = Object.fromEntries(attest.selected.map((index) => [String(index), quote.pcrs[index] === undefined ? null : toHex(quote.pcrs[index])]));
  const values = attest.selected.map((index) => quote.pcrs[index]);
  if (values.some((value) => value?.length !== 32) || !equalBytes(await digest('SHA-256', concat(values as Uint8Array[])), attest.pcrDigest)) findings.fail('vtpm-pcrs', 'the PCR values do not hash to the digest in the TPM quote');
  checkPcrs(attest, quote, policy, findings);
  if (policy.nonce !== 'unchecked' && !equalBytes(attest.extraData, fromHex(policy.nonce))) findings.fail('vtpm-nonce', `extraData is ${toHex(attest.extraData)}`);
  return signed;
}

/**
 * Resolves with whether the verified report vouches for a TPM that made the quote: then the machine is one of Azure's, or says of
 * itself that it is. An HCL report without a quote shows nothing: it can be put around any report over the hash of some JSON.
 */
export async function judgeVtpm({ hclReport, quote }: VtpmEvidence, verified: Hardware, policy: Policy, findings: Findings): Promise<boolean> {
  try {
    const report = readHclReport(hclReport);
    const { hash, runtimeData } = report;
    const { reportData } = verified;
    const expected = new Uint8Array(reportData.length);
    expected.set(await digest(hash, runtimeData));
    const bound = findings.check(equalBytes(expected, reportData), 'vtpm-runtime-data', 'the report data is not the hash of the runtime data');
    const fault = differs(report, verified);
    if (fault !== undefined) findings.fail('vtpm-report', `the HCL report holds another report than the one that was verified: ${fault}`);
    let runtime: RuntimeKeys;
    try {
      runtime = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(runtimeData)) as RuntimeKeys;
      if (typeof runtime !== 'object' || runtime === null) throw new SyntaxError('not an object');
    } catch {
      throw new FormatError('the runtime data are not JSON');
    }
    if (typeof runtime['user-data'] === 'string') findings.claims.userData = runtime['user-data'];
    if (quote !== undefined) return (await checkQuote(quote, runtime, policy, findings)) && bound && fault === undefined;
    findings.claims.tpmQuote = 'not given';
    demandQuote(policy, findings);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    findings.fail('vtpm-format', error.message);
  }
  return false;
}
