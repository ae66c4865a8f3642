/**
 * Azure's confidential VMs: an HCL report lies in the TPM's NV memory. It holds the hardware report, whose report data
 * is the hash of the runtime data, which in turn names the TPM's attestation key; that key signs TPM quotes.
 *
 *     header (32 bytes, "HCLA") ‖ hardware report (1184) ‖ {size, version, report type, hash type, length} ‖ runtime data (JSON)
 */

import { concat, equalBytes, fromHex, toHex } from '../../base/bytes.ts';
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

async function checkQuote(quote: TpmQuote, runtime: RuntimeKeys, policy: Policy, findings: Findings): Promise<void> {
  const key = runtime.keys?.find(({ kid }) => kid === 'HCLAkPub');
  if (typeof key?.n !== 'string' || typeof key.e !== 'string') return findings.fail('vtpm-format', 'the runtime data name no attestation key (HCLAkPub)');
  if (!(await verifyWithJwk({ n: key.n, e: key.e }, quote.signature, quote.message))) findings.fail('vtpm-signature', 'the TPM quote is not signed by the attestation key of the runtime data');
  const attest = readAttest(quote.message);
  findings.claims.nonce = toHex(attest.extraData);
  findings.claims.pcrs = Object.fromEntries(attest.selected.map((index) => [String(index), quote.pcrs[index] === undefined ? null : toHex(quote.pcrs[index])]));
  const values = attest.selected.map((index) => quote.pcrs[index]);
  if (values.some((value) => value?.length !== 32) || !equalBytes(await digest('SHA-256', concat(values as Uint8Array[])), attest.pcrDigest)) findings.fail('vtpm-pcrs', 'the PCR values do not hash to the digest in the TPM quote');
  checkPcrs(attest, quote, policy, findings);
  if (policy.nonce !== 'unchecked' && !equalBytes(attest.extraData, fromHex(policy.nonce))) findings.fail('vtpm-nonce', `extraData is ${toHex(attest.extraData)}`);
}

/** `reportData`: of the hardware report, already verified elsewhere. */
export async function judgeVtpm({ hclReport, quote }: VtpmEvidence, reportData: Uint8Array, policy: Policy, findings: Findings): Promise<void> {
  try {
    const { hash, runtimeData } = readHclReport(hclReport);
    const expected = new Uint8Array(reportData.length);
    expected.set(await digest(hash, runtimeData));
    if (!equalBytes(expected, reportData)) findings.fail('vtpm-runtime-data', 'the report data is not the hash of the runtime data');
    let runtime: RuntimeKeys;
    try {
      runtime = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(runtimeData)) as RuntimeKeys;
      if (typeof runtime !== 'object' || runtime === null) throw new SyntaxError('not an object');
    } catch {
      throw new FormatError('the runtime data are not JSON');
    }
    if (typeof runtime['user-data'] === 'string') findings.claims.userData = runtime['user-data'];
    if (quote === undefined) {
      findings.claims.tpmQuote = 'not given';
      demandQuote(policy, findings);
    } else await checkQuote(quote, runtime, policy, findings);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    findings.fail('vtpm-format', error.message);
  }
}
