/**
 * Which evidence is this? Told by content, whatever the file is called: raw quotes and reports, hexadecimal and base64
 * of them, certificates that carry them, Azure's HCL reports, and JSON envelopes (ours and Trustee's).
 */

import { fromHex } from '../../base/bytes.ts';
import { EVIDENCE_FORMAT } from '../formats.ts';
import { isTeeType } from '../tee-type.ts';
import { readCarrier } from './carrier.ts';
import { quoteKind } from './dcap/abi.ts';
import type { Evidence, TpmQuote } from './evidence.ts';
import { whatItIs } from './foreign.ts';
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
function fromAzure(json: Json): Evidence | undefined {
  const hcl = json.hcl_report ?? (json.vcek !== undefined ? json.report : undefined);
  const tpm = json.tpm_quote ?? (isObject(json.quote) ? json.quote : undefined);
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
  if (report.tee === 'snp') return { tee: 'snp', quote: report.hardware, certificates: json.vcek === undefined ? [] : certificateFromJson(json.vcek, 'vcek'), vtpm, form: "JSON evidence of Azure's vTPM (SEV-SNP)" };
  return { tee: 'tdx', quote: quoteBytes(json.td_quote, 'td_quote'), certificates: [], vtpm, form: "JSON evidence of Azure's vTPM (TDX)" };
}

function fromOwn(json: Json): Evidence {
  const { tee } = json;
  if (typeof tee !== 'string' || !isTeeType(tee)) throw new UnreadableError(`evidence of an unknown kind ${JSON.stringify(tee)}`);
  return {
    tee,
    quote: jsonBytes(json.quote, 'quote'),
    certificates: Array.isArray(json.certificates) ? json.certificates.flatMap((value, index) => certificateFromJson(value, `certificates ${index}`)) : [],
    eventLog: json.eventLog === undefined ? undefined : jsonBytes(json.eventLog, 'eventLog'),
    runtimeData: json.runtimeData === undefined ? undefined : jsonBytes(json.runtimeData, 'runtimeData'),
    form: 'JSON envelope',
  };
}

/** What the kernel's configfs-tsm gives, as JSON: the report, and the table of certificates beside it. */
function fromTsm(json: Json): Evidence {
  const evidence = fromBytes(jsonBytes(json.outblob, 'outblob'), MAX_DEPTH);
  const table = typeof json.auxblob === 'string' && json.auxblob !== '' ? readCertificateTable(jsonBytes(json.auxblob, 'auxblob')) : [];
  return { ...evidence, certificates: [...evidence.certificates, ...table], form: `JSON evidence of configfs-tsm (${evidence.tee.toUpperCase()})` };
}

/** Members that hold the evidence of one kind of environment. */
const KINDS = ['sgx', 'tdx', 'sevsnp', 'snp'];

const TRUSTEE_TEES: readonly string[] = ['sgx', 'tdx', 'snp', 'azsnpvtpm', 'aztdxvtpm', 'az-snp-vtpm', 'az-tdx-vtpm'];

function fromJson(json: Json, depth: number): Evidence {
  if (depth > MAX_DEPTH) throw new UnreadableError('JSON within JSON, too deep');
  if (json.format === EVIDENCE_FORMAT) return fromOwn(json);
  if (Array.isArray(json.verification_requests)) {
    if (json.verification_requests.length !== 1 || !isObject(json.verification_requests[0])) throw new UnreadableError('a request for the verification of more or less than one piece of evidence');
    return fromJson(json.verification_requests[0], depth + 1);
  }
  if (json.attestation_report !== undefined) return { tee: 'snp', quote: reportFromJson(json.attestation_report), certificates: chainFromJson(json.cert_chain), form: 'JSON evidence (SEV-SNP)' };
  if (json.outblob !== undefined) return fromTsm(json);
  const azure = fromAzure(json);
  if (azure !== undefined) return azure;
  // Attestation requests wrap the evidence of a device, and name its kind beside it.
  for (const member of ['evidence', 'primary_evidence', 'tee-evidence', 'tee_evidence']) {
    const inner = json[member];
    if (inner === undefined) continue;
    if (typeof json.tee === 'string' && !TRUSTEE_TEES.includes(json.tee)) throw new UnreadableError(`evidence of kind ${json.tee}`);
    if (isObject(inner)) return fromJson(inner, depth + 1);
    if (typeof inner === 'string') return fromText(inner, depth + 1) ?? fromBytes(jsonBytes(inner, member), depth + 1);
  }
  if (json.quote !== undefined) {
    const quote = jsonBytes(json.quote, 'quote');
    const log = json.cc_eventlog;
    const evidence = fromBytes(quote, depth + 1);
    return { ...evidence, eventLog: typeof log === 'string' && log !== '' ? jsonBytes(log, 'cc_eventlog') : undefined, form: `JSON evidence (${evidence.tee.toUpperCase()})` };
  }
  const inner = KINDS.map((kind) => json[kind]).filter(isObject);
  if (inner.length === 1) return fromJson(inner[0], depth + 1);
  throw new UnreadableError('JSON without evidence that is known');
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
    let json: unknown;
    try {
      json = JSON.parse(trimmed);
    } catch {
      throw new UnreadableError('it begins like JSON and is not');
    }
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
      return tpmQuoteOf(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)));
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
