/**
 * Evidence as clients of the KBS protocol send it: `primary_evidence` of each TEE (guest-components of Confidential
 * Containers; reports of SEV-SNP as the `sev` crate writes them).
 */

import type { TeeEvidence, TeeType } from '../tee.ts';
import { TeeError } from './errors.ts';
import { productOf, readSnpReport, SNP_REPORT_BYTES } from '../verifier/snp/abi.ts';
import { certificateEntries } from '../verifier/snp/table.ts';

const list = (bytes: Uint8Array): number[] => [...bytes];

/** The fields of a report, by the names that Trustee reads. Throws FormatError for bytes that are no report, TeeError. */
export function snpReportJson(report: Uint8Array): Readonly<Record<string, unknown>> {
  const { version, guestSvn, vmpl, signatureAlgorithm, cpuid, chipId, tcb, currentVersion, committedVersion, reportData } = readSnpReport(report);
  const view = new DataView(report.buffer, report.byteOffset, SNP_REPORT_BYTES);
  const u64 = (at: number): number => {
    const value = view.getBigUint64(at, true);
    // JSON has no larger ones that every reader takes as they are.
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new TeeError('tee-answer', `the field of the report at 0x${at.toString(16)} is too large for JSON`);
    return Number(value);
  };
  const field = (at: number, length: number): number[] => list(report.subarray(at, at + length));
  const turin = cpuid !== undefined && productOf(cpuid) === 'Turin';
  const levels = (raw: Uint8Array): Readonly<Record<string, number | null>> =>
    turin ? { fmc: raw[0], bootloader: raw[1], tee: raw[2], snp: raw[3], microcode: raw[7] } : { fmc: null, bootloader: raw[0], tee: raw[1], snp: raw[6], microcode: raw[7] };
  const release = ([major, minor, build]: readonly [number, number, number]): Readonly<Record<string, number>> => ({ major, minor, build });
  return {
    version,
    guest_svn: guestSvn,
    policy: u64(0x08),
    family_id: field(0x10, 16),
    image_id: field(0x20, 16),
    vmpl,
    sig_algo: signatureAlgorithm,
    current_tcb: levels(tcb.current),
    plat_info: u64(0x40),
    key_info: view.getUint32(0x48, true),
    report_data: list(reportData),
    measurement: field(0x90, 48),
    host_data: field(0xc0, 32),
    id_key_digest: field(0xe0, 48),
    author_key_digest: field(0x110, 48),
    report_id: field(0x140, 32),
    report_id_ma: field(0x160, 32),
    reported_tcb: levels(tcb.reported),
    cpuid_fam_id: cpuid?.family ?? null,
    cpuid_mod_id: cpuid?.model ?? null,
    cpuid_step: cpuid?.stepping ?? null,
    chip_id: list(chipId),
    committed_tcb: levels(tcb.committed),
    current: release(currentVersion),
    committed: release(committedVersion),
    launch_tcb: levels(tcb.launch),
    ...(version >= 5 && { launch_mit_vector: u64(0x1f8), current_mit_vector: u64(0x200) }),
    signature: { r: field(0x2a0, 72), s: field(0x2e8, 72) },
  };
}

/** Throws TeeError for a report that has no such form. */
export function kbsEvidence(type: TeeType, { quote, certificateTable, eventLog }: TeeEvidence): Readonly<Record<string, unknown>> {
  if (type === 'tdx') return { cc_eventlog: eventLog === undefined ? null : eventLog.toBase64(), quote: quote.toBase64(), aa_eventlog: null };
  if (type !== 'snp') return { quote: quote.toBase64() };
  const chain = certificateTable === undefined ? null : certificateEntries(certificateTable).map(({ kind, bytes }) => ({ cert_type: kind, data: list(bytes) }));
  return { attestation_report: snpReportJson(quote), cert_chain: chain };
}
