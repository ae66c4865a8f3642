/** Attesters of forged machines: evidence in the form in which agents of Confidential Containers send it for each TEE. */

import { readCollateral, type Collateral } from '../../src/attestation/verifier/index.ts';
import { pemChain } from '../../src/attestation/verifier/x509/pem.ts';
import type { Attester } from '../../src/broker/client.ts';
import { type Changes as AmdChanges, forgeAmd } from '../attestation/forge/amd.ts';
import { type Changes as IntelChanges, forgeIntel } from '../attestation/forge/intel.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** As the `sev` crate's types are serialised (virtee/sev, `AttestationReport`). */
export function sevJson(report: Uint8Array): Record<string, unknown> {
  const bytes = Buffer.from(report);
  const field = (at: number, length: number): number[] => [...bytes.subarray(at, at + length)];
  const turin = bytes[0x188] === 0x1a;
  const tcb = (at: number) =>
    turin ? { fmc: bytes[at], bootloader: bytes[at + 1], tee: bytes[at + 2], snp: bytes[at + 3], microcode: bytes[at + 7] } : { fmc: null, bootloader: bytes[at], tee: bytes[at + 1], snp: bytes[at + 6], microcode: bytes[at + 7] };
  const version = (at: number) => ({ build: bytes[at], minor: bytes[at + 1], major: bytes[at + 2] });
  return {
    version: bytes.readUInt32LE(0),
    guest_svn: bytes.readUInt32LE(4),
    policy: Number(bytes.readBigUInt64LE(8)),
    family_id: field(0x10, 16),
    image_id: field(0x20, 16),
    vmpl: bytes.readUInt32LE(0x30),
    sig_algo: bytes.readUInt32LE(0x34),
    current_tcb: tcb(0x38),
    plat_info: Number(bytes.readBigUInt64LE(0x40)),
    key_info: bytes.readUInt32LE(0x48),
    report_data: field(0x50, 64),
    measurement: field(0x90, 48),
    host_data: field(0xc0, 32),
    id_key_digest: field(0xe0, 48),
    author_key_digest: field(0x110, 48),
    report_id: field(0x140, 32),
    report_id_ma: field(0x160, 32),
    reported_tcb: tcb(0x180),
    cpuid_fam_id: bytes[0x188],
    cpuid_mod_id: bytes[0x189],
    cpuid_step: bytes[0x18a],
    chip_id: field(0x1a0, 64),
    committed_tcb: tcb(0x1e0),
    current: version(0x1e8),
    committed: version(0x1ec),
    launch_tcb: tcb(0x1f0),
    launch_mit_vector: Number(bytes.readBigUInt64LE(0x1f8)),
    current_mit_vector: Number(bytes.readBigUInt64LE(0x200)),
    signature: { r: field(0x2a0, 72), s: field(0x2e8, 72) },
  };
}

export interface Machine {
  readonly attester: Attester;
  readonly collateral: Collateral;
  readonly roots: readonly string[];
  readonly measurement: string;
  /** RTMR0 to RTMR3, on TDX. */
  readonly registers: readonly string[];
}

/** SGX's report data is at 320 of the body, TDX's at 520; `changes.body` comes after it. */
export function intelMachine(changes: IntelChanges = {}): Machine {
  const { tee = 'sgx' } = changes;
  const forge = (reportData?: Uint8Array) =>
    forgeIntel({
      ...changes,
      body: (bytes) => {
        if (reportData !== undefined) bytes.set(reportData, tee === 'tdx' ? 520 : 320);
        changes.body?.(bytes);
      },
    });
  const { bundle, roots } = forge();
  const more = tee === 'tdx' ? { cc_eventlog: null, aa_eventlog: null } : {};
  return {
    attester: { tee, evidence: (reportData) => ({ ...more, quote: Buffer.from(forge(reportData).evidence).toString('base64') }) },
    collateral: readCollateral([{ name: 'bundle', bytes: new TextEncoder().encode(JSON.stringify(bundle)) }]),
    roots,
    measurement: tee === 'tdx' ? 'cc'.repeat(48) : 'aa'.repeat(32),
    registers: tee === 'tdx' ? [0, 1, 2, 3].map((index) => hex(forge().evidence.subarray(48 + 328 + index * 48, 48 + 376 + index * 48))) : [],
  };
}

/** `vek`: whether the host gives the certificate along, or all of its chain, as it may. */
export function amdMachine(changes: AmdChanges = {}, vek: 'with the evidence' | 'with its chain' | 'in the collateral' = 'with the evidence'): Machine {
  const forge = (reportData?: Uint8Array) =>
    forgeAmd({
      ...changes,
      report: (bytes) => {
        if (reportData !== undefined) bytes.set(reportData, 0x50);
        changes.report?.(bytes);
      },
    });
  const { files, roots } = forge();
  const entry = (cert_type: string, bytes: Uint8Array) => ({ cert_type, data: [...bytes] });
  const certificates = files.filter(({ name }) => name === 'vek.der').map(({ bytes }) => entry(changes.vlek ? 'VLEK' : 'VCEK', bytes));
  const chain = files.filter(({ name }) => name === 'cert_chain').flatMap(({ bytes }) => pemChain(bytes) as Uint8Array[]);
  if (vek === 'with its chain') certificates.push(entry('ASK', chain[0]), entry('ARK', chain[1]));
  return {
    attester: { tee: 'snp', evidence: (reportData) => ({ attestation_report: sevJson(forge(reportData).evidence), cert_chain: vek === 'in the collateral' ? null : certificates }) },
    collateral: readCollateral(files.filter(({ name }) => name !== 'vek.der' || vek === 'in the collateral')),
    roots,
    measurement: hex(new Uint8Array(48).fill(0xaa)),
    registers: [],
  };
}
