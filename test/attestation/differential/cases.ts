/** What is put to several verifiers: forged platforms, real evidence, and both with something changed. */

import { readQuote } from '../../../src/attestation/verifier/dcap/abi.ts';
import { readSnpReport } from '../../../src/attestation/verifier/snp/abi.ts';
import { isVek, readVekExtensions } from '../../../src/attestation/verifier/snp/vek.ts';
import { AUTHENTIC, type Collateral, readCollateral, recognise, UnreadableError, type Verdict, verifyEvidence } from '../../../src/attestation/verifier/index.ts';
import { byteString, bytesOf, equalBytes, toHex } from '../../../src/base/bytes.ts';
import { mutate, type Random } from '../../../fuzz/mutate.ts';
import { collateralOf, FOLDER, read, VECTORS } from '../fixtures/vectors.ts';
import { AT, type Changes, forgeIntel, PCK_SERIAL, ROOT_CERTIFICATE } from '../forge/intel.ts';
import { pem } from '../forge/x509.ts';

export interface Case {
  readonly name: string;
  readonly tee: 'sgx' | 'tdx' | 'snp';
  readonly evidence: Uint8Array;
  readonly at: Date;
  /** SGX and TDX: the JSON bundle. */
  readonly bundle?: Readonly<Record<string, string>>;
  /** SEV-SNP: VCEK or VLEK. */
  readonly certificate?: Uint8Array;
  readonly product?: string;
  readonly vlek?: boolean;
  readonly quoteVersion?: number;
  /** DER; the vendors' where there is none. */
  readonly root?: Uint8Array;
}

const level = (first: number): Changes => ({ pckValues: { components: [first, ...Array.from({ length: 15 }, () => 5)] } });
const TDX = { tee: 'tdx' } as const;
// biome-ignore format: a table
const FORGED: Readonly<Record<string, Changes>> = {
  'SGX':                         {},
  'SGX, out of date':            level(4),
  'SGX, no level':               level(2),
  'SGX, QE out of date':         { qeReport: (report) => void report.writeUInt16LE(7, 258) },
  'SGX, configuration needed':   { tcbInfo: (info) => { info.tcbLevels[0].tcbStatus = 'ConfigurationNeeded'; info.tcbLevels[0].advisoryIDs = ['INTEL-SA-00615']; } },
  'TDX, version 4':              TDX,
  'TDX, version 5':              { ...TDX, version: 5 },
  'TDX 1.5, version 5':          { ...TDX, version: 5, td15: true },
  'TDX, component out of date':  { ...TDX, body: (body) => void (body[2] = 4) },
  'TDX, module out of date':     { ...TDX, body: (body) => void (body[0] = 4) },
  'revoked PCK':                 { pckCrl: { revoked: [PCK_SERIAL] } },
  'expired TCB information':     { tcbInfo: (info) => void (info.nextUpdate = '2026-01-11T00:00:00Z') },
  'changed TCB information':     { tcbText: (text) => text.replace('17', '18') },
  'expired PCK list':            { pckCrl: { thisUpdate: new Date('2025-01-01'), nextUpdate: new Date('2026-01-01') } },
  'debug':                       { body: (body) => void (body[48] |= 2) },
};

export function forgedCases(): Case[] {
  return Object.entries(FORGED).map(([name, changes]) => {
    const { evidence, bundle } = forgeIntel(changes);
    return { name, tee: changes.tee ?? 'sgx', evidence, at: AT, bundle: bundle as Record<string, string>, quoteVersion: readQuote(evidence).header.version, root: ROOT_CERTIFICATE };
  });
}

/** The bundle of a pile of files, for what other verifiers take; undefined where a part is not among them. */
function bundleFrom({ certificates, crls, tcbInfos, qeIdentities }: Collateral, quote: Uint8Array, fmspc: string): Case['bundle'] {
  const { body, certification } = readQuote(quote);
  const tdx = body.kind === 'tdx';
  const has = (text: string, ...members: readonly string[]): boolean => members.every((member) => text.toLowerCase().includes(member.toLowerCase()));
  const tcb = tcbInfos.find(({ text }) => has(text, `"id":"${tdx ? 'TDX' : 'SGX'}"`, `"fmspc":"${fmspc}"`));
  const identity = qeIdentities.find(({ text }) => has(text, `"id":"${tdx ? 'TD_QE' : 'QE'}"`));
  const authority = byteString(certification.data).split('-----BEGIN CERTIFICATE-----\n')[2];
  const all = [...certificates, ...(authority === undefined ? [] : readCollateral([{ name: 'chain', bytes: certification.data }]).certificates)];
  const root = all.find(({ commonName }) => commonName === 'Intel SGX Root CA');
  const issuer = all.find(({ commonName, subject }) => /PCK (?:Platform|Processor) CA/.test(commonName) && crls.some(({ crl }) => equalBytes(crl.issuer, subject)));
  const [rootList, list] = [root, issuer].map((who) => crls.find(({ crl }) => who !== undefined && equalBytes(crl.issuer, who.subject))?.crl);
  const signer = all.find(({ commonName }) => commonName === 'Intel SGX TCB Signing');
  if (tcb === undefined || identity === undefined || root === undefined || issuer === undefined || rootList === undefined || list === undefined || signer === undefined) return undefined;
  const signing = pem(signer.raw) + pem(root.raw);
  return {
    pck_crl_issuer_chain: pem(issuer.raw) + pem(root.raw),
    root_ca_crl: toHex(rootList.raw),
    pck_crl: toHex(list.raw),
    tcb_info_issuer_chain: tcb.chain === undefined ? signing : tcb.chain.map(({ raw }) => pem(raw)).join(''),
    tcb_info: tcb.text,
    tcb_info_signature: toHex(tcb.signature),
    qe_identity_issuer_chain: identity.chain === undefined ? signing : identity.chain.map(({ raw }) => pem(raw)).join(''),
    qe_identity: identity.text,
    qe_identity_signature: toHex(identity.signature),
  };
}

/** Real evidence, where its folder is here. */
export async function realCases(): Promise<Case[]> {
  const cases: Case[] = [];
  if (FOLDER === undefined) return cases;
  for (const vector of VECTORS) {
    if (vector.policy !== undefined) continue;
    const evidence = recognise(read(vector.evidence));
    const collateral = collateralOf(vector.collateral) ?? { certificates: [], crls: [], tcbInfos: [], qeIdentities: [], problems: [] };
    const at = new Date(vector.at ?? '2026-06-01');
    const name = vector.evidence.split('/').slice(-2).join('/');
    if (evidence.tee === 'snp') {
      const certificate = [...evidence.certificates, ...collateral.certificates].find(isVek);
      if (certificate === undefined) continue;
      const { kind, product } = readVekExtensions(certificate);
      cases.push({ name, tee: 'snp', evidence: evidence.quote, at, certificate: certificate.raw, product: product === 'Milan' && readSnpReport(evidence.quote).version < 3 ? 'Milan-B0' : product, vlek: kind === 'VLEK' });
      continue;
    }
    const { claims } = await verifyEvidence(evidence, { collateral, policy: AUTHENTIC, at });
    const bundle = bundleFrom(collateral, evidence.quote, String(claims.fmspc));
    if (bundle !== undefined && (evidence.tee === 'sgx' || evidence.tee === 'tdx')) cases.push({ name, tee: evidence.tee, evidence: evidence.quote, at, bundle, quoteVersion: readQuote(evidence.quote).header.version });
  }
  return cases;
}

/** A case with something changed: the evidence, or a part of what vouches for it. */
export function changed(one: Case, random: Random, index: number): Case {
  const name = `${one.name}, change ${index}`;
  const kind = random(3);
  if (kind === 0 && one.bundle !== undefined) {
    const members = Object.keys(one.bundle);
    const member = members[random(members.length)];
    const text = one.bundle[member];
    const hex = /^[0-9a-f]+$/.test(text);
    const bytes = mutate(hex ? Buffer.from(text, 'hex') : bytesOf(text), random);
    // Text that is no UTF-8 reaches the others as other text.
    if (hex || bytes.every((byte) => byte < 0x80)) return { ...one, name: `${name} of ${member}`, bundle: { ...one.bundle, [member]: hex ? toHex(bytes) : byteString(bytes) } };
  }
  if (kind === 0 && one.certificate !== undefined) return { ...one, name: `${name} of the certificate`, certificate: mutate(one.certificate, random) };
  return { ...one, name, evidence: mutate(one.evidence, random) };
}

/** All that a policy can leave out is left out: what is compared is authenticity and status. */
const ANY_STATUS = ['UpToDate', 'SWHardeningNeeded', 'ConfigurationNeeded', 'ConfigurationAndSWHardeningNeeded', 'OutOfDate', 'OutOfDateConfigurationNeeded'] as const;
const OPEN = { 'tcb.statuses': ANY_STATUS, debug: 'unchecked', 'sgx.provisionKey': 'unchecked', 'tdx.septVeDisable': 'unchecked', 'snp.migrationAgent': 'unchecked', 'snp.provisionalFirmware': 'unchecked' } as const;

/** Our verdict; a text where the case is unreadable. */
export async function ours({ evidence, at, bundle, certificate, root }: Case): Promise<Verdict | string> {
  try {
    const files = [...(bundle === undefined ? [] : [{ name: 'bundle', bytes: new TextEncoder().encode(JSON.stringify(bundle)) }]), ...(certificate === undefined ? [] : [{ name: 'certificate', bytes: certificate }])];
    return await verifyEvidence(recognise(evidence), { collateral: readCollateral(files), policy: { ...AUTHENTIC, ...OPEN, ...(root !== undefined && { roots: [pem(root)] }) }, at });
  } catch (error) {
    if (error instanceof UnreadableError) return error.message;
    throw error;
  }
}
