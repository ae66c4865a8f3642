/** SEV-SNP attestation reports, versions 2 to 5 (AMD publication 56860, table "ATTESTATION_REPORT"), 1184 bytes. */

import { toHex } from '../../../base/bytes.ts';
import { FormatError, isZero, Reader, VersionError } from '../reader.ts';

export const SNP_REPORT_BYTES = 0x4a0;
export const SNP_SIGNED_BYTES = 0x2a0;

export type SnpProduct = 'Milan' | 'Genoa' | 'Turin';

/** Security patch levels; `fmc` exists from Turin on. */
export interface SnpTcb {
  readonly fmc?: number;
  readonly bootloader: number;
  readonly tee: number;
  readonly snp: number;
  readonly microcode: number;
}

export interface SnpReport {
  readonly version: number;
  readonly guestSvn: number;
  readonly guestPolicy: bigint;
  readonly familyId: string;
  readonly imageId: string;
  readonly vmpl: number;
  readonly signatureAlgorithm: number;
  readonly platformInfo: bigint;
  readonly authorKeyEnabled: boolean;
  readonly maskChipKey: boolean;
  /** 0 VCEK, 1 VLEK, 7 none. */
  readonly signingKey: number;
  readonly reportData: Uint8Array;
  readonly measurement: string;
  readonly hostData: string;
  readonly idKeyDigest: string;
  readonly authorKeyDigest: string;
  readonly reportId: string;
  readonly reportIdMa: string;
  /** From version 3 on. */
  readonly cpuid?: { readonly family: number; readonly model: number; readonly stepping: number };
  readonly chipId: Uint8Array;
  readonly tcb: { readonly current: Uint8Array; readonly reported: Uint8Array; readonly committed: Uint8Array; readonly launch: Uint8Array };
  /** major, minor, build. */
  readonly currentVersion: readonly [number, number, number];
  readonly committedVersion: readonly [number, number, number];
  /** From version 5 on. */
  readonly launchMitigations?: bigint;
  readonly currentMitigations?: bigint;
  readonly signed: Uint8Array;
  /** r ‖ s, big-endian, 48 bytes each. */
  readonly signature: Uint8Array;
  /** What is wrong with reserved fields; empty when nothing is. */
  readonly reserved: readonly string[];
}

// biome-ignore format: a table
export const GUEST_POLICY = {
  SMT: 1n << 16n, RESERVED_ONE: 1n << 17n, MIGRATE_MA: 1n << 18n, DEBUG: 1n << 19n, SINGLE_SOCKET: 1n << 20n, CXL_ALLOW: 1n << 21n, MEM_AES_256_XTS: 1n << 22n,
  RAPL_DIS: 1n << 23n, CIPHERTEXT_HIDING_DRAM: 1n << 24n, PAGE_SWAP_DISABLE: 1n << 25n,
} as const;
// biome-ignore format: a table
export const PLATFORM_INFO = {
  SMT_EN: 1n << 0n, TSME_EN: 1n << 1n, ECC_EN: 1n << 2n, RAPL_DIS: 1n << 3n, CIPHERTEXT_HIDING_DRAM_EN: 1n << 4n, ALIAS_CHECK_COMPLETE: 1n << 5n,
  IOMMU_WRITE_SAFE: 1n << 6n, TIO_EN: 1n << 7n,
} as const;
const anyOf = (bits: Readonly<Record<string, bigint>>): bigint => Object.values(bits).reduce((all, bit) => all | bit, 0n);
const KNOWN_POLICY = anyOf(GUEST_POLICY) | 0xffffn;
const KNOWN_PLATFORM = anyOf(PLATFORM_INFO);
export const bitNames = (value: bigint, bits: Readonly<Record<string, bigint>>): string[] => Object.entries(bits).flatMap(([name, bit]) => ((value & bit) !== 0n && name !== 'RESERVED_ONE' ? [name] : []));

/** Product by CPUID family and model, as the report has them. */
export function productOf({ family, model }: { readonly family: number; readonly model: number }): SnpProduct | undefined {
  if (family === 0x19) return model <= 0x0f ? 'Milan' : (model >= 0x10 && model <= 0x1f) || (model >= 0xa0 && model <= 0xaf) ? 'Genoa' : undefined;
  return family === 0x1a && model <= 0x1f ? 'Turin' : undefined;
}

/** The eight bytes of a TCB mean other things from Turin on. */
export function tcbOf(bytes: Uint8Array, product: SnpProduct): SnpTcb {
  if (product === 'Turin') return { fmc: bytes[0], bootloader: bytes[1], tee: bytes[2], snp: bytes[3], microcode: bytes[7] };
  return { bootloader: bytes[0], tee: bytes[1], snp: bytes[6], microcode: bytes[7] };
}

export const tcbReservedZero = (bytes: Uint8Array, product: SnpProduct): boolean => isZero(product === 'Turin' ? bytes.subarray(4, 7) : bytes.subarray(2, 6));

function ecdsaComponent(field: Uint8Array): Uint8Array {
  return Uint8Array.from(field.subarray(0, 48)).reverse();
}

/** Throws FormatError for another length or version. Reserved fields are looked at, and told in `reserved`. */
export function readSnpReport(bytes: Uint8Array): SnpReport {
  if (bytes.length !== SNP_REPORT_BYTES) throw new FormatError(`a report of ${bytes.length} bytes in place of ${SNP_REPORT_BYTES}`);
  const reserved: string[] = [];
  const zero = (range: Uint8Array, name: string): void => {
    if (!isZero(range)) reserved.push(`${name} is not zero`);
  };
  const reader = new Reader(bytes);
  const version = reader.u32();
  if (version < 2 || version > 5) throw new VersionError(`a report of version ${version}`);
  const guestSvn = reader.u32();
  const guestPolicy = reader.u64();
  if ((guestPolicy & ~KNOWN_POLICY) !== 0n) reserved.push('a reserved bit of the guest policy is set');
  if ((guestPolicy & GUEST_POLICY.RESERVED_ONE) === 0n) reserved.push('bit 17 of the guest policy is not set');
  const familyId = reader.hex(16);
  const imageId = reader.hex(16);
  const vmpl = reader.u32();
  if (vmpl > 3) reserved.push(`VMPL is ${vmpl}`);
  const signatureAlgorithm = reader.u32();
  const current = reader.take(8);
  const platformInfo = reader.u64();
  if ((platformInfo & ~KNOWN_PLATFORM) !== 0n) reserved.push('a reserved bit of PLATFORM_INFO is set');
  const flags = reader.u32();
  if (flags >>> 5 !== 0) reserved.push('a reserved bit at 0x48 is set');
  zero(reader.take(4), '0x4c');
  const reportData = reader.take(64);
  const measurement = reader.hex(48);
  const hostData = reader.hex(32);
  const idKeyDigest = reader.hex(48);
  const authorKeyDigest = reader.hex(48);
  const reportId = reader.hex(32);
  const reportIdMa = reader.hex(32);
  const reported = reader.take(8);
  const family = reader.u8();
  const model = reader.u8();
  const stepping = reader.u8();
  if (version < 3 && (family | model | stepping) !== 0) reserved.push('0x188 is not zero');
  zero(reader.take(21), '0x18b');
  const chipId = reader.take(64);
  const committed = reader.take(8);
  const versions = [0, 1].map(() => {
    const [build, minor, major, rest] = reader.take(4);
    if (rest !== 0) reserved.push('a reserved byte of the versions is not zero');
    return [major, minor, build] as const;
  });
  const launch = reader.take(8);
  const mitigations = version >= 5 ? { launchMitigations: reader.u64(), currentMitigations: reader.u64() } : {};
  zero(reader.take(SNP_SIGNED_BYTES - reader.at), version >= 5 ? '0x208' : '0x1f8');
  const signature = reader.take(512);
  zero(signature.subarray(48, 72), 'the padding of r');
  zero(signature.subarray(120), 'the padding of s');
  const rs = new Uint8Array(96);
  rs.set(ecdsaComponent(signature.subarray(0, 72)));
  rs.set(ecdsaComponent(signature.subarray(72, 144)), 48);
  return {
    version,
    guestSvn,
    guestPolicy,
    familyId,
    imageId,
    vmpl,
    signatureAlgorithm,
    platformInfo,
    authorKeyEnabled: (flags & 1) !== 0,
    maskChipKey: (flags & 2) !== 0,
    signingKey: (flags >> 2) & 7,
    reportData,
    measurement,
    hostData,
    idKeyDigest,
    authorKeyDigest,
    reportId,
    reportIdMa,
    cpuid: version >= 3 ? { family, model, stepping } : undefined,
    chipId,
    tcb: { current, reported, committed, launch },
    currentVersion: versions[0],
    committedVersion: versions[1],
    ...mitigations,
    signed: bytes.subarray(0, SNP_SIGNED_BYTES),
    signature: rs,
    reserved,
  };
}

export const versionText = ([major, minor, build]: readonly [number, number, number]): string => `${major}.${minor}.${build}`;
export const rawTcb = (bytes: Uint8Array): string => toHex(bytes);
