/** An SGX report body (SDM 3D, table 35-22), 384 bytes: of an enclave in a quote, and of the quoting enclave. */

import { toHex } from '../../../base/bytes.ts';
import { isZero, Reader } from '../reader.ts';

export const SGX_REPORT_BYTES = 384;

export interface SgxReport {
  readonly raw: Uint8Array;
  /** Hexadecimal, as all below that is not a number. */
  readonly cpuSvn: string;
  readonly miscSelect: number;
  readonly isvExtProdId: string;
  /** FLAGS (8 bytes) and XFRM (8 bytes), little-endian. */
  readonly attributes: Uint8Array;
  readonly flags: bigint;
  readonly mrenclave: string;
  readonly mrsigner: string;
  readonly configId: string;
  readonly isvProdId: number;
  readonly isvSvn: number;
  readonly configSvn: number;
  readonly isvFamilyId: string;
  readonly reportData: Uint8Array;
  /** Whether every reserved byte and bit is zero. */
  readonly reservedZero: boolean;
}

// biome-ignore format: a table
export const SGX_FLAGS = {
  INIT: 1n << 0n, DEBUG: 1n << 1n, MODE64BIT: 1n << 2n, PROVISIONKEY: 1n << 4n, EINITTOKENKEY: 1n << 5n, CET: 1n << 6n, KSS: 1n << 7n, AEXNOTIFY: 1n << 10n,
} as const;
const KNOWN_FLAGS = Object.values(SGX_FLAGS).reduce((all, bit) => all | bit, 0n);

export function readSgxReport(raw: Uint8Array): SgxReport {
  const reader = new Reader(raw);
  const cpuSvn = reader.hex(16);
  const miscSelect = reader.u32();
  const reserved = [reader.take(12)];
  const isvExtProdId = reader.hex(16);
  const attributes = reader.take(16);
  const flags = new Reader(attributes).u64();
  const mrenclave = reader.hex(32);
  reserved.push(reader.take(32));
  const mrsigner = reader.hex(32);
  reserved.push(reader.take(32));
  const configId = reader.hex(64);
  const isvProdId = reader.u16();
  const isvSvn = reader.u16();
  const configSvn = reader.u16();
  reserved.push(reader.take(42));
  const isvFamilyId = reader.hex(16);
  const reportData = reader.take(64);
  return { raw, cpuSvn, miscSelect, isvExtProdId, attributes, flags, mrenclave, mrsigner, configId, isvProdId, isvSvn, configSvn, isvFamilyId, reportData, reservedZero: reserved.every(isZero) && (flags & ~KNOWN_FLAGS) === 0n };
}

export const flagNames = (flags: bigint): string[] => Object.entries(SGX_FLAGS).flatMap(([name, bit]) => ((flags & bit) !== 0n ? [name] : []));
export const attributesHex = (report: SgxReport): string => toHex(report.attributes);
