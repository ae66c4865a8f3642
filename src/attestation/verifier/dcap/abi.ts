/**
 * Quotes of Intel's DCAP: header, body, signature data (Intel SGX ECDSA QuoteLibReference appendix A.4; Intel TDX DCAP
 * Quoting Library API appendix A.3). Version 3 holds an SGX report; 4 an SGX or TD report; 5 says which one.
 */

import { readSgxReport, SGX_REPORT_BYTES, type SgxReport } from '../sgx/abi.ts';
import { readTdReport, TD10_BYTES, TD15_BYTES, type TdReport } from '../tdx/abi.ts';
import { FormatError, Reader, VersionError } from '../reader.ts';

export const QUOTE_HEADER_BYTES = 48;
export const TEE_SGX = 0;
export const TEE_TDX = 0x81;
/** The vendor of Intel's quoting enclaves. */
export const INTEL_QE_VENDOR = '939a7233f79c4ca9940a0db3957f0607';
export const KEY_ECDSA_P256 = 2;

// biome-ignore format: a table
const CERTIFICATION = { ppidPlain: 1, ppidRsa2048: 2, ppidRsa3072: 3, pckLeaf: 4, pckChain: 5, qeReport: 6, platformManifest: 7 } as const;

export interface QuoteHeader {
  readonly version: number;
  readonly keyType: number;
  readonly teeType: number;
  /** Bytes 8–12: in versions 3, QE SVN and PCE SVN; reserved later. */
  readonly qeSvn: number;
  readonly pceSvn: number;
  readonly qeVendor: string;
  readonly userData: string;
}

export interface Quote {
  readonly header: QuoteHeader;
  readonly body: { readonly kind: 'sgx'; readonly report: SgxReport } | { readonly kind: 'tdx'; readonly report: TdReport };
  /** Header and body: what the attestation key signed. */
  readonly signed: Uint8Array;
  /** r ‖ s. */
  readonly signature: Uint8Array;
  /** x ‖ y on P-256. */
  readonly attestationKey: Uint8Array;
  readonly qeReport: SgxReport;
  readonly qeReportSignature: Uint8Array;
  readonly qeAuthData: Uint8Array;
  readonly certification: { readonly type: number; readonly data: Uint8Array };
  /** Bytes after the quote: buffers of a fixed size are padded. */
  readonly trailing: number;
}

function readHeader(reader: Reader): QuoteHeader {
  const version = reader.u16();
  const keyType = reader.u16();
  const teeType = reader.u32();
  const qeSvn = reader.u16();
  const pceSvn = reader.u16();
  return { version, keyType, teeType, qeSvn, pceSvn, qeVendor: reader.hex(16), userData: reader.hex(20) };
}

const BODIES: Readonly<Record<number, { readonly bytes: number; readonly kind: 'sgx' | 'tdx' }>> = { 1: { bytes: SGX_REPORT_BYTES, kind: 'sgx' }, 2: { bytes: TD10_BYTES, kind: 'tdx' }, 3: { bytes: TD15_BYTES, kind: 'tdx' } };

function readBody(reader: Reader, header: QuoteHeader): Quote['body'] {
  let kind: 'sgx' | 'tdx' = header.teeType === TEE_TDX ? 'tdx' : 'sgx';
  let bytes = kind === 'tdx' ? TD10_BYTES : SGX_REPORT_BYTES;
  if (header.version === 5) {
    const type = reader.u16();
    const size = reader.u32();
    const row = BODIES[type];
    if (row === undefined) throw new FormatError(`body of type ${type}`);
    if (row.bytes !== size) throw new FormatError(`body of type ${type} has ${row.bytes} bytes, not ${size}`);
    if (row.kind !== kind) throw new FormatError(`body of type ${type} in a quote for ${kind}`);
    ({ kind, bytes } = row);
  }
  const raw = reader.take(bytes);
  return kind === 'sgx' ? { kind, report: readSgxReport(raw) } : { kind, report: readTdReport(raw) };
}

/** Which kind of quote the bytes begin like, if any. */
export function quoteKind(bytes: Uint8Array): 'sgx' | 'tdx' | undefined {
  if (bytes.length < QUOTE_HEADER_BYTES) return undefined;
  const { version, teeType, keyType } = readHeader(new Reader(bytes));
  if (version < 3 || version > 5 || keyType > 3) return undefined;
  return teeType === TEE_SGX ? 'sgx' : teeType === TEE_TDX && version >= 4 ? 'tdx' : undefined;
}

/** Throws FormatError. Every length inside must fit exactly; what follows the quote is counted and left. */
export function readQuote(bytes: Uint8Array): Quote {
  const reader = new Reader(bytes);
  const header = readHeader(reader);
  if (header.version < 3 || header.version > 5) throw new VersionError(`quote of version ${header.version}`);
  if (header.teeType !== TEE_SGX && header.teeType !== TEE_TDX) throw new FormatError(`TEE type ${header.teeType}`);
  if (header.version === 3 && header.teeType !== TEE_SGX) throw new FormatError('a quote of version 3 for another environment than SGX');
  const body = readBody(reader, header);
  const signed = bytes.subarray(0, reader.at);
  const data = new Reader(reader.take(reader.u32()));
  const trailing = reader.left;
  const signature = data.take(64);
  const attestationKey = data.take(64);
  let inner = data;
  if (header.version >= 4) {
    const type = data.u16();
    if (type !== CERTIFICATION.qeReport) throw new FormatError(`certification data of type ${type} in place of ${CERTIFICATION.qeReport}`);
    inner = new Reader(data.take(data.u32()));
    if (data.left !== 0) throw new FormatError(`${data.left} bytes after the certification data`);
  }
  const qeReport = readSgxReport(inner.take(SGX_REPORT_BYTES));
  const qeReportSignature = inner.take(64);
  const qeAuthData = inner.take(inner.u16());
  const certification = { type: inner.u16(), data: inner.take(inner.u32()) };
  if (inner.left !== 0) throw new FormatError(`${inner.left} bytes after the certification data of the quoting enclave`);
  return { header, body, signed, signature, attestationKey, qeReport, qeReportSignature, qeAuthData, certification, trailing };
}

export const isPckChain = ({ type }: Quote['certification']): boolean => type === CERTIFICATION.pckChain;
