/**
 * Which evidence is this? Told by content, whatever the file is called: raw quotes and reports, hexadecimal and base64
 * of them, certificates that carry them, Azure's HCL reports, and JSON envelopes (ours and Trustee's).
 */

import { fromHex } from '../../base/bytes.ts';
import { type Canonical, canonicalBytes } from '../canonical.ts';
import { EVIDENCE_FORMAT } from '../formats.ts';
import { isTeeType, type TeeType } from '../tee-type.ts';
import { readCarrier } from './carrier.ts';
import { quoteKind } from './dcap/abi.ts';
import type { BoundData, Evidence, TpmQuote } from './evidence.ts';
import { whatItIs } from './foreign.ts';
import { parseJson } from './json.ts';
import { FormatError, Reader } from './reader.ts';
import { isSimQuote } from './sim/verify.ts';
import { SNP_REPORT_BYTES } from './snp/abi.ts';
import { certificateFromJson, chainFromJson, jsonBytes, reportFromJson } from './snp/json.ts';
import { readCertificateTable } from './snp/table.ts';
import { UnreadableError } from './verdict.ts';
import { isHclReport, readHclReport } from './vtpm.ts';
import { parseCertificate } from './x509/certificate.ts';
import { DerError } from './x509/der.ts';
import { fromBase64, pemBlocks } from './x509/pem.ts';
import type { HashName } from './x509/subtle.ts';

/** More than any evidence has; event logs are the largest part. */
const MAX_BYTES = 32 << 20;
const MAX_DEPTH = 4;
const SHORTEST_TEXT = 16;

type Json = Readonly<Record<string, unknown>>;
const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);

function fromCertificate(der: Uint8Array, form: string): Evidence {
  try {
    const carried = readCarrier(parseCertificate(der));
    if (carried === undefined) throw new UnreadableError('the certificate has no extension with evidence');
    const inner = fromBinary(carried.quote, `${form}, ${carried.carrier.form}`);
    if (inner === undefined) throw new UnreadableError('the extension of the certificate holds no quote that is known');
    return { ...inner, carrier: carried.carrier, form: `${form} with ${inner.form} (${carried.carrier.form})` };
  } catch (error) {
    if (error instanceof DerError) throw new UnreadableError(`the certificate cannot be read: ${error.message}`);
    throw error;
  }
}

function carries(der: Uint8Array): boolean {
  try {
    return readCarrier(parseCertificate(der)) !== undefined;
  } catch (error) {
    if (error instanceof DerError || error instanceof UnreadableError) return false;
    throw error;
  }
}

/** VMPL of a report that the host asked for: recognised, and refused for it. */
const REQUESTED_BY_HOST = 0xffff_ffff;

/** Reports come with a header when read from the device: status, size, reserved (32 bytes). */
function snpOffset(bytes: Uint8Array): number | undefined {
  const looks = (at: number): boolean => {
    if (bytes.length < at + SNP_REPORT_BYTES) return false;
    // A quote of version 3 begins alike; what lies at 0x30 (VMPL, signature algorithm) is CPUSVN there.
    const version = new Reader(bytes, at).u32();
    const vmpl = new Reader(bytes, at + 0x30).u32();
    return version >= 1 && version <= 9 && new Reader(bytes, at + 0x34).u32() === 1 && (vmpl < 16 || vmpl === REQUESTED_BY_HOST);
  };
  if (looks(0)) return 0;
  const header = new Reader(bytes);
  return bytes.length >= 32 + SNP_REPORT_BYTES && header.u32() === 0 && header.u32() === SNP_REPORT_BYTES && looks(32) ? 32 : undefined;
}

function fromBinary(bytes: Uint8Array, form = 'raw'): Evidence | undefined {
  if (bytes.length < 8) return undefined;
  if (isHclReport(bytes)) {
    try {
      const { tee, hardware } = readHclReport(bytes);
      if (tee === 'tdx') throw new UnreadableError('an HCL report of a TDX machine holds a TDREPORT, which only that machine can check: give its quote, and this with --hcl-report');
      return { tee, quote: hardware, certificates: [], vtpm: { hclReport: bytes }, form: 'HCL report' };
    } catch (error) {
      if (error instanceof FormatError) throw new UnreadableError(`the HCL report cannot be read: ${error.message}`);
      throw error;
    }
  }
  if (isSimQuote(bytes)) return { tee: 'sim', quote: bytes, certificates: [], form: `${form} simulated quote` };
  if (bytes[0] === 0x30 && bytes[1] >= 0x81 && bytes[1] <= 0x83) return fromCertificate(bytes, 'certificate');
  const offset = snpOffset(bytes);
  if (offset !== undefined) {
    const end = offset + SNP_REPORT_BYTES;
    return { tee: 'snp', quote: bytes.subarray(offset, end), certificates: readCertificateTable(bytes.subarray(end)), form: `${form} SEV-SNP report` };
  }
  const kind = quoteKind(bytes);
  if (kind !== undefined) return { tee: kind, quote: bytes, certificates: [], form: `${form} ${kind.toUpperCase()} quote` };
  // Open Enclave puts a header before the quote: of 16 bytes in reports, of 28 in evidence.
  for (const header of [16, 28]) {
    const inner = quoteKind(bytes.subarray(header));
    if (inner !== undefined) return { tee: inner, quote: bytes.subarray(header), certificates: [], form: `${form} ${inner.toUpperCase()} quote behind a header of Open Enclave` };
  }
  return undefined;
}

function tpmQuoteOf(value: unknown): TpmQuote {
  if (!isObject(value) || !Array.isArray(value.pcrs)) throw new UnreadableError('the TPM quote is not {message, signature, pcrs}');
  return { message: jsonBytes(value.message, 'message'), signature: jsonBytes(value.signature, 'signature'), pcrs: value.pcrs.map((pcr, index) => jsonBytes(pcr, `pcrs ${index}`)) };
}

const quoteBytes = (value: unknown, name: string): Uint8Array => {
  const bytes = jsonBytes(value, name);
  if (quoteKind(bytes) === undefined) throw new UnreadableError(`${name} is no quote that is known`);
  return bytes;
};

/** Trustee's evidence of Azure's machines, in each of its versions. */
function fromAzure(json: Json): Contents | undefined {
  const [hclName, tpmName] = [json.hcl_report !== undefined ? 'hcl_report' : json.vcek !== undefined ? 'report' : '', json.tpm_quote !== undefined ? 'tpm_quote' : isObject(json.quote) ? 'quote' : ''];
  const [hcl, tpm] = [json[hclName], json[tpmName]];
  if (hcl === undefined || tpm === undefined) return undefined;
  const hclReport = jsonBytes(hcl, 'hcl_report');
  let report: ReturnType<typeof readHclReport>;
  try {
    report = readHclReport(hclReport);
  } catch (error) {
    if (error instanceof FormatError) throw new UnreadableError(`the HCL report cannot be read: ${error.message}`);
    throw error;
  }
  const vtpm = { hclReport, quote: tpmQuoteOf(tpm) };
  if (report.tee === 'snp') {
    const certificates = json.vcek === undefined ? [] : certificateFromJson(json.vcek, 'vcek');
    return { evidence: { tee: 'snp', quote: report.hardware, certificates, vtpm, form: "JSON evidence of Azure's vTPM (SEV-SNP)" }, judged: [hclName, tpmName, 'vcek'] };
  }
  return { evidence: { tee: 'tdx', quote: quoteBytes(json.td_quote, 'td_quote'), certificates: [], vtpm, form: "JSON evidence of Azure's vTPM (TDX)" }, judged: [hclName, tpmName, 'td_quote'] };
}

function fromOwn(json: Json): Evidence {
  const { tee, certificates = [] } = json;
  if (typeof tee !== 'string' || !isTeeType(tee)) throw new UnreadableError(`evidence of an unknown kind ${JSON.stringify(tee)}`);
  if (!Array.isArray(certificates)) throw new UnreadableError('certificates is not a list');
  return {
    tee,
    quote: jsonBytes(json.quote, 'quote'),
    certificates: certificates.flatMap((value, index) => certificateFromJson(value, `certificates ${index}`)),
    eventLog: json.eventLog === undefined ? undefined : jsonBytes(json.eventLog, 'eventLog'),
    runtimeData: json.runtimeData === undefined ? undefined : jsonBytes(json.runtimeData, 'runtimeData'),
    form: 'JSON envelope',
  };
}

/** Names of the kernel's providers of reports. */
const PROVIDERS: ReadonlyMap<unknown, TeeType> = new Map([
  ['tdx_guest', 'tdx'],
  ['sev_guest', 'snp'],
]);

/** What the kernel's configfs-tsm gives, as JSON: the report, and the table of certificates beside it. */
function fromTsm(json: Json): Evidence {
  const evidence = fromBytes(jsonBytes(json.outblob, 'outblob'), MAX_DEPTH);
  const kind = PROVIDERS.get(json.provider);
  if (kind !== undefined && kind !== evidence.tee) throw new UnreadableError(`the envelope says ${json.provider}, and holds evidence of ${evidence.tee}`);
  const table = isEmpty(json.auxblob) ? [] : readCertificateTable(jsonBytes(json.auxblob, 'auxblob'));
  return { ...evidence, certificates: [...evidence.certificates, ...table], form: `JSON evidence of configfs-tsm (${evidence.tee.toUpperCase()})` };
}

/** Members that hold the evidence of one kind of environment. */
const KINDS: Readonly<Record<string, TeeType>> = { sgx: 'sgx', tdx: 'tdx', sevsnp: 'snp', snp: 'snp' };

/** Names of environments in requests for attestation: the kind, and whether there is a vTPM. */
const NAMED: Readonly<Record<string, readonly [tee: TeeType, vtpm: boolean]>> = {
  sim: ['sim', false],
  sgx: ['sgx', false],
  tdx: ['tdx', false],
  snp: ['snp', false],
  azsnpvtpm: ['snp', true],
  aztdxvtpm: ['tdx', true],
  'az-snp-vtpm': ['snp', true],
  'az-tdx-vtpm': ['tdx', true],
  'az-snp': ['snp', true],
  'az-tdx': ['tdx', true],
};

/** An envelope that names the kind of its evidence names the right one. */
function checkKind(name: unknown, { tee, vtpm }: Evidence): void {
  if (name === undefined) return;
  const named = typeof name === 'string' && Object.hasOwn(NAMED, name) ? NAMED[name] : undefined;
  if (named === undefined) throw new UnreadableError(`evidence of kind ${typeof name === 'string' ? name : JSON.stringify(name)}`);
  if (named[0] !== tee || named[1] !== (vtpm !== undefined)) throw new UnreadableError(`the envelope says ${name}, and holds evidence of ${tee}${vtpm === undefined ? '' : ' with a vTPM'}`);
}

/** Says nothing: there, because the tool writes it always. */
const isEmpty = (value: unknown): boolean => value === undefined || value === null || value === '' || value === '{}' || (Array.isArray(value) && value.length === 0) || (isObject(value) && Object.keys(value).length === 0);

/** Members about the envelope, not the evidence; and collateral, which is read as such. */
const DESCRIPTIVE: readonly string[] = ['format', 'tee', 'platform', 'version', 'provider', 'generation', 'policy_ids', 'collateral', 'quote_collateral'];

/** The members that nobody looked at: they must not pass for judged. */
const restOf = (json: Json, judged: readonly string[]): string[] => Object.keys(json).filter((name) => !judged.includes(name) && !DESCRIPTIVE.includes(name) && !isEmpty(json[name]));

const HASHES: ReadonlyMap<unknown, HashName> = new Map([
  ['sha256', 'SHA-256'],
  ['sha384', 'SHA-384'],
  ['sha512', 'SHA-512'],
]);

/** As JSON is hashed: canonical. What has no such form was hashed by nobody. */
function canonicalForms(name: string, values: readonly unknown[], hash?: HashName): BoundData {
  const forms = values.flatMap((value) => {
    try {
      return [canonicalBytes(value as Canonical)];
    } catch (error) {
      if (error instanceof RangeError || error instanceof TypeError) return [];
      throw error;
    }
  });
  return { name, forms, ...(hash !== undefined && { hash }) };
}

/** Of the KBS protocol (0.4): hashed with the evidence of devices as a member, and by earlier clients without. */
function runtimeOfKbs(json: Json): BoundData {
  const data = json['runtime-data'];
  if (!isObject(data)) throw new UnreadableError('runtime-data is not an object');
  const given = json['tee-evidence'];
  const evidence = typeof given === 'string' && given.trimStart().startsWith('{') ? parseJson(given) : given;
  const additional = isObject(evidence) ? (evidence.additional_evidence ?? '') : '';
  return canonicalForms('runtime-data', [{ ...data, 'additional-evidence': additional }, data]);
}

/** Of a request to Trustee's attestation service: `{"structured": …}` is hashed, `{"raw": …}` is the report data. */
function runtimeOfRequest(json: Json): BoundData | undefined {
  const { runtime_data: data, runtime_data_hash_algorithm: algorithm = 'sha384' } = json;
  if (!isObject(data) || Object.keys(data).length !== 1) return undefined;
  if (data.raw !== undefined) return { name: 'runtime_data', itself: jsonBytes(data.raw, 'runtime_data.raw') };
  const hash = HASHES.get(String(algorithm).toLowerCase());
  if (hash === undefined) throw new UnreadableError(`runtime data hashed by ${JSON.stringify(algorithm)}`);
  return data.structured === undefined ? undefined : canonicalForms('runtime_data', [data.structured], hash);
}

/** Requests for attestation wrap the evidence of a device. */
function fromRequest(json: Json, depth: number): Contents | undefined {
  const member = ['evidence', 'primary_evidence', 'tee-evidence', 'tee_evidence'].find((name) => json[name] !== undefined);
  const inner = member === undefined ? undefined : json[member];
  if (member === undefined || (!isObject(inner) && typeof inner !== 'string')) return undefined;
  const evidence = isObject(inner) ? fromJson(inner, depth + 1) : (fromText(inner, depth + 1) ?? fromBytes(jsonBytes(inner, member), depth + 1));
  const bound: BoundData[] = [];
  const judged = [member];
  if (!isEmpty(json['runtime-data'])) {
    bound.push(runtimeOfKbs(json));
    judged.push('runtime-data');
  }
  const runtime = runtimeOfRequest(json);
  if (runtime !== undefined) {
    bound.push(runtime);
    judged.push('runtime_data');
  }
  // Says something only beside what is hashed by it.
  if (runtime !== undefined || isEmpty(json.runtime_data)) judged.push('runtime_data_hash_algorithm');
  return { evidence: { ...evidence, bound: [...(evidence.bound ?? []), ...bound] }, judged };
}

function fromQuoteMember(json: Json, depth: number): Contents {
  const { quote, cc_eventlog: log, aa_eventlog: agentLog, report_data: reportData } = json;
  const evidence = fromBytes(jsonBytes(quote, 'quote'), depth + 1);
  if (!isEmpty(agentLog) && typeof agentLog !== 'string') throw new UnreadableError('aa_eventlog is not a text');
  return {
    evidence: {
      ...evidence,
      eventLog: isEmpty(log) ? undefined : jsonBytes(log, 'cc_eventlog'),
      ...(!isEmpty(agentLog) && { agentLog: agentLog as string }),
      ...(!isEmpty(reportData) && { bound: [{ name: 'report_data', itself: jsonBytes(reportData, 'report_data') }] }),
      form: `JSON evidence (${evidence.tee.toUpperCase()})`,
    },
    judged: ['quote', 'cc_eventlog', 'aa_eventlog', 'report_data'],
  };
}

interface Contents {
  readonly evidence: Evidence;
  /** Names of the members that it has, or says. */
  readonly judged: readonly string[];
}

function contentsOf(json: Json, depth: number): Contents {
  if (json.format === EVIDENCE_FORMAT) return { evidence: fromOwn(json), judged: ['quote', 'certificates', 'eventLog', 'runtimeData'] };
  if (Array.isArray(json.verification_requests)) {
    if (json.verification_requests.length !== 1 || !isObject(json.verification_requests[0])) throw new UnreadableError('a request for the verification of more or less than one piece of evidence');
    return { evidence: fromJson(json.verification_requests[0], depth + 1), judged: ['verification_requests'] };
  }
  if (json.attestation_report !== undefined)
    return { evidence: { tee: 'snp', quote: reportFromJson(json.attestation_report), certificates: chainFromJson(json.cert_chain), form: 'JSON evidence (SEV-SNP)' }, judged: ['attestation_report', 'cert_chain'] };
  if (json.outblob !== undefined) return { evidence: fromTsm(json), judged: ['outblob', 'auxblob'] };
  const azure = fromAzure(json);
  if (azure !== undefined) return azure;
  const request = fromRequest(json, depth);
  if (request !== undefined) return request;
  if (json.quote !== undefined) return fromQuoteMember(json, depth);
  const kinds = Object.keys(KINDS).filter((kind) => isObject(json[kind]));
  if (kinds.length !== 1) throw new UnreadableError('JSON without evidence that is known');
  const evidence = fromJson(json[kinds[0]] as Json, depth + 1);
  if (evidence.tee !== KINDS[kinds[0]]) throw new UnreadableError(`the envelope says ${kinds[0]}, and holds evidence of ${evidence.tee}`);
  return { evidence, judged: kinds };
}

function fromJson(json: Json, depth: number): Evidence {
  if (depth > MAX_DEPTH) throw new UnreadableError('JSON within JSON, too deep');
  const { evidence, judged } = contentsOf(json, depth);
  for (const name of [json.tee, json.platform]) checkKind(name, evidence);
  const unjudged = [...(evidence.unjudged ?? []), ...restOf(json, judged)];
  return unjudged.length === 0 ? evidence : { ...evidence, unjudged };
}

/** Digits as people copy them: in one piece or in lines, with `0x` before; or pair by pair, apart by commas or colons. */
function fromHexText(text: string): Uint8Array | undefined {
  const words = text.split(/[\s,:]+/).map((word) => word.replace(/^0x/i, ''));
  if (/[,:]/.test(text) && words.some((word) => word.length > 2)) return undefined;
  const bare = words.join('');
  return bare.length % 2 === 0 && !/[^0-9a-f]/i.test(bare) ? fromHex(bare) : undefined;
}

function fromText(text: string, depth: number): Evidence | undefined {
  const trimmed = text
    .replace(/^\uFEFF/, '')
    .replace(/[\s\0]+$/, '')
    .trimStart();
  if (trimmed.startsWith('{') || trimmed.startsWith('[')) {
    const json = parseJson(trimmed);
    return Array.isArray(json) ? fromBytes(jsonBytes(json, 'the list'), depth + 1, 'JSON list') : fromJson(json as Json, depth);
  }
  if (trimmed.includes('-----BEGIN ')) {
    const blocks = pemBlocks(trimmed)?.filter(({ label }) => label === 'CERTIFICATE' || label === 'TRUSTED CERTIFICATE') ?? [];
    if (blocks.length === 0) throw new UnreadableError('the PEM is damaged, or holds no certificate');
    // A chain has the evidence in its leaf, wherever that stands.
    const carrying = blocks.filter(({ der }) => carries(der));
    if (carrying.length > 1) throw new UnreadableError('several certificates with evidence: give one');
    return fromCertificate((carrying[0] ?? blocks[0]).der, 'PEM certificate');
  }
  const bare = trimmed.replace(/^["']|["']$/g, '');
  if (bare.length < SHORTEST_TEXT) return undefined;
  const hex = fromHexText(bare);
  if (hex !== undefined) return fromBytes(hex, depth + 1, 'hexadecimal');
  const decoded = fromBase64(bare.replace(/\s+/g, ''));
  return decoded === undefined ? undefined : fromBytes(decoded, depth + 1, 'base64');
}

function fromBytes(bytes: Uint8Array, depth: number, form?: string): Evidence {
  if (depth > MAX_DEPTH) throw new UnreadableError('encodings within encodings, too deep');
  if (bytes.length > MAX_BYTES) throw new UnreadableError(`${bytes.length} bytes are more than any evidence has`);
  const binary = fromBinary(bytes, form);
  if (binary !== undefined) return binary;
  const foreign = whatItIs(bytes);
  if (foreign !== undefined) throw new UnreadableError(foreign);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new UnreadableError('no quote, report, certificate or envelope that is known');
  }
  const evidence = fromText(text, depth);
  if (evidence === undefined) throw new UnreadableError('no quote, report, certificate or envelope that is known');
  return evidence;
}

/** Throws UnreadableError. The bytes are copied (a Buffer's `slice` would not): what is judged cannot change meanwhile. */
export const recognise = (bytes: Uint8Array): Evidence => fromBytes(new Uint8Array(bytes), 0);

/** A TPM quote in a file: JSON, or the lists of `bincode` (signature, message, registers, each with a length of 8 bytes). */
export function recogniseTpmQuote(bytes: Uint8Array): TpmQuote {
  if (bytes[0] === 0x7b) {
    try {
      return tpmQuoteOf(parseJson(new TextDecoder('utf-8', { fatal: true }).decode(bytes)));
    } catch (error) {
      throw error instanceof UnreadableError ? error : new UnreadableError('the TPM quote is not JSON');
    }
  }
  try {
    const reader = new Reader(new Uint8Array(bytes));
    const part = (): Uint8Array => reader.take(Number(reader.u64()));
    const signature = part();
    const message = part();
    const count = Number(reader.u64());
    if (count > 32) throw new FormatError(`${count} registers`);
    const size = count === 0 ? 0 : reader.left / count;
    return { signature, message, pcrs: Array.from({ length: count }, () => (size === 32 ? reader.take(32) : part())) };
  } catch (error) {
    if (error instanceof FormatError || error instanceof RangeError) throw new UnreadableError(`the TPM quote cannot be read: ${error.message}`);
    throw error;
  }
}
