/** Is a SEV-SNP report authentic? Report ← VCEK or VLEK ← ASK or ASVK ← ARK, pinned for each product. */

import { byteString, equalBytes, toHex } from '../../../base/bytes.ts';
import type { Collateral } from '../collateral.ts';
import type { Policy } from '../policy.ts';
import { isZero } from '../reader.ts';
import type { Findings } from '../verdict.ts';
import { type Certificate, keyKind } from '../x509/certificate.ts';
import type { Crl } from '../x509/crl.ts';
import { day, holdsUnder, linkFault, validAt, validity } from '../x509/chain.ts';
import { DerError } from '../x509/der.ts';
import { verifySignature } from '../x509/subtle.ts';
import { productOf, type SnpProduct, type SnpReport, type SnpTcb, tcbOf } from './abi.ts';
import { isVek, readVekExtensions, type VekExtensions } from './vek.ts';

export interface SnpContext {
  readonly collateral: Collateral;
  /** Certificates that came with the report. */
  readonly given: readonly Certificate[];
  /** Intermediates that are built in. */
  readonly known: readonly Certificate[];
  readonly roots: readonly Certificate[];
  readonly at: number;
  readonly findings: Findings;
}

const VCEK = 0;
const VLEK = 1;
const CRL_SIGN_ISSUERS = /^ARK-/;
/** Whose lists may lie beside the one that is wanted. */
const OTHER_ISSUERS = /Intel SGX (?:Root CA|PCK (?:Platform|Processor) CA)|ARK-(?:Milan|Genoa|Turin)/;
/** Names of the authorities of a product: the VCEK's and the VLEK's. */
const authorityNames = (product: SnpProduct): Readonly<Record<VekExtensions['kind'], string>> => ({ VCEK: `SEV-${product}`, VLEK: `SEV-VLEK-${product}` });

/** The certificate that made the report: of those that say they could, the one whose key verifies it, or else the first. */
async function findVek(report: SnpReport, { collateral, given }: SnpContext): Promise<{ vek?: Certificate; signed: boolean }> {
  const candidates = [...given, ...collateral.certificates].filter((certificate) => isVek(certificate) || certificate.commonName === 'SEV-VCEK' || certificate.commonName === 'SEV-VLEK');
  for (const vek of candidates) if (await signedBy(report, vek)) return { vek, signed: true };
  return { vek: candidates[0], signed: false };
}

async function signedBy(report: SnpReport, vek: Certificate): Promise<boolean> {
  if (keyKind(vek.spki) !== 'P-384') return false;
  return verifySignature({ name: 'ECDSA', curve: 'P-384', hash: 'SHA-384' }, vek.spki, report.signature, report.signed);
}

async function verifyChain(vek: Certificate, extensions: VekExtensions | undefined, policy: Policy, context: SnpContext): Promise<void> {
  const { collateral, given, known, roots, at, findings } = context;
  const pool = [...given, ...collateral.certificates];
  const named = [...pool, ...known].filter(({ subject }) => equalBytes(subject, vek.issuer));
  // A damaged authority beside the evidence is a fault even where a good one is built in.
  const authority = named[0];
  if (authority === undefined) return findings.fail('snp-chain', 'the authority that issued the certificate is neither given nor built in');
  const expected = extensions === undefined ? undefined : authorityNames(extensions.product)[extensions.kind];
  if (expected !== undefined && authority.commonName !== expected) findings.fail('snp-product', `the certificate is of ${extensions?.product} (${extensions?.kind}), its authority is ${authority.commonName}`);
  const offered = pool.find(({ subject }) => equalBytes(subject, authority.issuer));
  const root = roots.find(({ subject, spki }) => equalBytes(subject, authority.issuer) && (offered === undefined || equalBytes(offered.spki, spki)));
  if (root === undefined) findings.fail('snp-root', `the chain ends in ${offered?.commonName ?? 'a root that is not there'}, which is not a pinned ARK`);
  const top = offered ?? root;
  const fault = (await linkFault(vek, authority)) ?? (top === undefined ? undefined : ((await linkFault(authority, root ?? top)) ?? (await linkFault(top, top))));
  if (fault !== undefined) findings.fail('snp-chain', fault);
  for (const certificate of [vek, authority, top]) if (certificate !== undefined && !validAt(certificate, at)) findings.fail('snp-expired', `${validity(certificate)}, not at ${day(at)}`);
  await checkRevocation(vek, authority, root ?? top, policy, context);
}

async function checkRevocation(vek: Certificate, authority: Certificate, root: Certificate | undefined, policy: Policy, { collateral, at, findings }: SnpContext): Promise<void> {
  const wanted = policy['snp.revocation'];
  findings.claims.revocation = 'unchecked';
  if (wanted === 'unchecked') return;
  const issuer = root?.subject ?? authority.issuer;
  const lists = collateral.crls
    .map(({ crl }) => crl)
    .filter((crl) => equalBytes(crl.issuer, issuer))
    .sort((a, b) => b.thisUpdate - a.thisUpdate);
  for (const { crl } of collateral.crls) {
    const name = OTHER_ISSUERS.exec(byteString(crl.issuer))?.[0];
    if (!equalBytes(crl.issuer, issuer) && (name === undefined || name === root?.commonName)) findings.fail('snp-crl-signature', 'a revocation list is of an issuer that is not known here, or damaged');
  }
  const isCurrent = (crl: Crl): boolean => crl.thisUpdate <= at && at <= crl.nextUpdate;
  const list = lists.find(isCurrent) ?? lists[0];
  if (list === undefined) {
    if (wanted === 'required') findings.fail('snp-crl-missing', `the revocation list of ${root?.commonName ?? 'the ARK'} is not in the collateral`);
    return;
  }
  findings.claims.revocation = 'checked';
  if (root === undefined || !CRL_SIGN_ISSUERS.test(root.commonName) || !(await holdsUnder(list, root.spki))) findings.fail('snp-crl-signature', 'the revocation list is not signed by the ARK');
  if (at < list.thisUpdate || at > list.nextUpdate) findings.fail('snp-crl-expired', `the revocation list is current from ${day(list.thisUpdate)} to ${day(list.nextUpdate)}, not at ${day(at)}`);
  // An ARK publishes one list beside the VCEKs and one beside the VLEKs: every one that is current counts.
  const revoked = (serial: string): boolean => serial !== '00' && [list, ...lists.filter(isCurrent)].some((crl) => crl.revoked.has(serial));
  for (const certificate of [authority, vek]) if (revoked(certificate.serial)) findings.fail('snp-revoked', `${certificate.commonName}, serial number ${certificate.serial}, is revoked`);
}

const sameTcb = (a: SnpTcb, b: SnpTcb): boolean => (a.fmc ?? 0) === (b.fmc ?? 0) && a.bootloader === b.bootloader && a.tee === b.tee && a.snp === b.snp && a.microcode === b.microcode;
export const tcbText = (tcb: SnpTcb): string => `${tcb.fmc === undefined ? '' : `fmc ${tcb.fmc}, `}bootloader ${tcb.bootloader}, tee ${tcb.tee}, snp ${tcb.snp}, microcode ${tcb.microcode}`;

function checkBinding(report: SnpReport, { kind, tcb, hwId, product, cspId }: VekExtensions, policy: Policy, findings: Findings): void {
  if (report.signingKey !== (kind === 'VLEK' ? VLEK : VCEK))
    findings.fail('snp-signing-key', `the report says it is signed by ${['a VCEK', 'a VLEK'][report.signingKey] ?? (report.signingKey === 7 ? 'no key' : `key ${report.signingKey}`)}, the certificate is a ${kind}`);
  const reported = tcbOf(report.tcb.reported, product);
  if (!sameTcb(reported, tcb)) findings.fail('snp-vek-tcb', `the certificate is for ${tcbText(tcb)}; the report says ${tcbText(reported)}`);
  if (kind === 'VCEK' && hwId !== undefined && !(equalBytes(report.chipId.subarray(0, hwId.length), hwId) && isZero(report.chipId.subarray(hwId.length))))
    findings.fail('snp-chip-id', report.maskChipKey ? 'the chip id is masked, so the certificate cannot be held against it' : `the certificate is for chip ${toHex(hwId)}; the report says ${toHex(report.chipId)}`);
  if (kind === 'VLEK' && !isZero(report.chipId)) findings.fail('snp-chip-id', 'a report signed by a VLEK names a chip');
  const providers = policy['snp.cspId'];
  if (providers !== 'unchecked' && (cspId === undefined || !providers.includes(cspId))) findings.fail('snp-id-block', `the provider is ${cspId ?? 'not named (VCEK)'}`);
}

/** The product, where report or certificate tell it. */
export async function verifySnp(report: SnpReport, policy: Policy, context: SnpContext): Promise<SnpProduct | undefined> {
  const { findings } = context;
  for (const fault of report.reserved) findings.fail('evidence-reserved', fault);
  if (report.signatureAlgorithm !== 1) findings.fail('quote-key-type', `signature algorithm ${report.signatureAlgorithm}, 1 is ECDSA on P-384 with SHA-384`);
  const byCpuid = report.cpuid === undefined ? undefined : productOf(report.cpuid);
  if (report.cpuid !== undefined && byCpuid === undefined) findings.fail('snp-product', `CPUID family ${report.cpuid.family}, model ${report.cpuid.model} is no product that we know`);
  const { vek, signed } = await findVek(report, context);
  if (vek === undefined) {
    findings.fail('snp-vek-missing', 'neither evidence nor collateral hold the VCEK or VLEK certificate; fetch it, or give it with --collateral');
    return byCpuid;
  }
  if (!signed) findings.fail('quote-signature', 'the signature of the report is not by the key of the certificate');
  let extensions: VekExtensions | undefined;
  try {
    extensions = readVekExtensions(vek);
    findings.claims.signingKey = extensions.kind;
    if (extensions.cspId !== undefined) findings.claims.cspId = extensions.cspId;
    if (byCpuid !== undefined && byCpuid !== extensions.product) findings.fail('snp-product', `the report is of ${byCpuid}, the certificate of ${extensions.product}`);
    checkBinding(report, extensions, policy, findings);
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    findings.fail('snp-vek-extension', error.message);
  }
  await verifyChain(vek, extensions, policy, context);
  return byCpuid ?? extensions?.product;
}
