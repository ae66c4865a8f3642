/** A TD report body in a quote: 584 bytes for TD 1.0, 648 for TD 1.5 (Intel TDX DCAP Quoting Library API, appendix A.3). */

import { FormatError, isZero, Reader } from '../reader.ts';

export const TD10_BYTES = 584;
export const TD15_BYTES = 648;

export interface TdReport {
  readonly raw: Uint8Array;
  readonly version: '1.0' | '1.5';
  readonly teeTcbSvn: Uint8Array;
  readonly mrseam: string;
  readonly mrsignerseam: string;
  readonly seamAttributes: string;
  readonly tdAttributes: bigint;
  readonly tdAttributesHex: string;
  readonly xfam: bigint;
  readonly xfamHex: string;
  readonly mrtd: string;
  readonly mrconfigid: string;
  readonly mrowner: string;
  readonly mrownerconfig: string;
  readonly rtmrs: readonly string[];
  readonly reportData: Uint8Array;
  /** TD 1.5: the TCB of the module that runs now, after an update that preserved the domain. */
  readonly teeTcbSvn2?: Uint8Array;
  readonly mrservicetd?: string;
  readonly reservedZero: boolean;
}

// biome-ignore format: a table
export const TD_ATTRIBUTES = {
  DEBUG: 1n << 0n, HGS_PLUS_PROF: 1n << 4n, PERF_PROF: 1n << 5n, PMT_PROF: 1n << 6n, ICSSD: 1n << 16n, LASS: 1n << 27n, SEPT_VE_DISABLE: 1n << 28n,
  MIGRATABLE: 1n << 29n, PKS: 1n << 30n, KL: 1n << 31n, TPA: 1n << 62n, PERFMON: 1n << 63n,
} as const;
const KNOWN_ATTRIBUTES = Object.values(TD_ATTRIBUTES).reduce((all, bit) => all | bit, 0n);
/** TUD, bits 0–7: any of them means that the domain is not under its own control alone. */
export const TD_UNDER_DEBUG = 0xffn;
/** State components that a domain can have: x87, SSE, AVX, AVX-512, PT, PKRU, CET, UINTR, LBR, AMX, APX. */
const KNOWN_XFAM = 0xe_dbe7n;
/** x87 and SSE are always on. */
const FIXED_XFAM = 0x3n;

export function readTdReport(raw: Uint8Array): TdReport {
  if (raw.length !== TD10_BYTES && raw.length !== TD15_BYTES) throw new FormatError(`a TD report of ${raw.length} bytes`);
  const reader = new Reader(raw);
  const teeTcbSvn = reader.take(16);
  const mrseam = reader.hex(48);
  const mrsignerseam = reader.hex(48);
  const seamAttributesRaw = reader.take(8);
  const at = reader.at;
  const tdAttributesHex = reader.hex(8);
  const xfamHex = reader.hex(8);
  const words = new Reader(raw, at);
  const tdAttributes = words.u64();
  const xfam = words.u64();
  const mrtd = reader.hex(48);
  const mrconfigid = reader.hex(48);
  const mrowner = reader.hex(48);
  const mrownerconfig = reader.hex(48);
  const rtmrs = [0, 1, 2, 3].map(() => reader.hex(48));
  const reportData = reader.take(64);
  const late = raw.length === TD15_BYTES ? { teeTcbSvn2: reader.take(16), mrservicetd: reader.hex(48) } : {};
  const reservedZero = isZero(seamAttributesRaw) && (tdAttributes & ~KNOWN_ATTRIBUTES) === 0n && (xfam & ~KNOWN_XFAM) === 0n && (xfam & FIXED_XFAM) === FIXED_XFAM;
  return {
    raw,
    version: raw.length === TD15_BYTES ? '1.5' : '1.0',
    teeTcbSvn,
    mrseam,
    mrsignerseam,
    seamAttributes: [...seamAttributesRaw].map((byte) => byte.toString(16).padStart(2, '0')).join(''),
    tdAttributes,
    tdAttributesHex,
    xfam,
    xfamHex,
    mrtd,
    mrconfigid,
    mrowner,
    mrownerconfig,
    rtmrs,
    reportData,
    ...late,
    reservedZero,
  };
}

export const attributeNames = (attributes: bigint): string[] => Object.entries(TD_ATTRIBUTES).flatMap(([name, bit]) => ((attributes & bit) !== 0n ? [name] : []));
