/** Intel's authorities: the PCK's chain to the pinned root, and the revocation lists. */

import { byteString, equalBytes } from '../../../base/bytes.ts';
import type { Collateral, CrlDocument } from '../collateral.ts';
import type { Findings } from '../verdict.ts';
import { type Certificate, parseCertificate } from '../x509/certificate.ts';
import { day, holdsUnder, linkFault, validAt, validity } from '../x509/chain.ts';
import { DerError } from '../x509/der.ts';
import { pemChain } from '../x509/pem.ts';
import { verifySignature } from '../x509/subtle.ts';
import { isPckChain, type Quote } from './abi.ts';
import { PCK_EXTENSION } from './pck.ts';

export const PCK_NAME = 'Intel SGX PCK Certificate';
const PCK_CA_NAMES = ['Intel SGX PCK Platform CA', 'Intel SGX PCK Processor CA'];
/** Certificates of one chain in a quote: leaf, authority, root. */
const CHAIN_LENGTH = 3;

export interface Context {
  readonly collateral: Collateral;
  readonly at: number;
  readonly roots: readonly Certificate[];
  readonly findings: Findings;
}

export interface PckChain {
  readonly leaf: Certificate;
  readonly authority?: Certificate;
  readonly root?: Certificate;
}

const authorities = new Map<string, Certificate>();
const KEPT_AUTHORITIES = 16;

/** Every quote brings the same authorities: parsed once, and so verified once. */
function authorityOf(der: Uint8Array): Certificate {
  const id = byteString(der);
  let certificate = authorities.get(id);
  if (certificate === undefined) {
    certificate = parseCertificate(new Uint8Array(der));
    if (authorities.size >= KEPT_AUTHORITIES) authorities.delete(authorities.keys().next().value as string);
    authorities.set(id, certificate);
  }
  return certificate;
}

const isPck = (certificate: Certificate): boolean => certificate.extensions.has(PCK_EXTENSION);

async function certificatesOf(quote: Quote, { collateral, findings, roots }: Context): Promise<readonly Certificate[] | undefined> {
  if (!isPckChain(quote.certification)) {
    const all = collateral.certificates.filter(isPck);
    const made = await Promise.all(all.map(({ spki }) => verifySignature({ name: 'ECDSA', curve: 'P-256', hash: 'SHA-256' }, spki, quote.qeReportSignature, quote.qeReport.raw)));
    const leaves = all.length === 1 ? all : all.filter((_, index) => made[index]);
    if (leaves.length !== 1) {
      findings.fail('pck-missing', `the quote names its platform by certification data of type ${quote.certification.type}, and the collateral has ${leaves.length === 0 ? 'no' : 'more than one'} PCK certificate of it`);
      return undefined;
    }
    const named = collateral.certificates.filter((certificate) => PCK_CA_NAMES.includes(certificate.commonName) && equalBytes(certificate.subject, leaves[0].issuer));
    const issued = await Promise.all(named.map(({ spki }) => holdsUnder(leaves[0], spki)));
    const authority = named.find((_, index) => issued[index]) ?? named[0];
    const tops = authority === undefined ? [] : collateral.certificates.filter(({ subject }) => equalBytes(subject, authority.issuer));
    const top = tops.find((certificate) => pinnedRoot(certificate, roots) !== undefined) ?? tops[0];
    return [leaves[0], ...(authority === undefined ? [] : [authority]), ...(top === undefined ? [] : [top])];
  }
  try {
    const chain = pemChain(quote.certification.data);
    if (chain === undefined) throw new DerError('not a chain of certificates in PEM');
    if (chain.length > CHAIN_LENGTH) throw new DerError(`a chain of ${chain.length} certificates`);
    return chain.map((der, index) => (index === 0 ? parseCertificate(der) : authorityOf(der)));
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    findings.fail('pck-chain', `the certificates in the quote cannot be read: ${error.message}`);
    return undefined;
  }
}

/** The root that is pinned, in whatever certificate: its key counts. */
export const pinnedRoot = (certificate: Certificate, roots: readonly Certificate[]): Certificate | undefined => roots.find((root) => equalBytes(root.spki, certificate.spki) && equalBytes(root.subject, certificate.subject));

export async function verifyPckChain(quote: Quote, context: Context): Promise<PckChain | undefined> {
  const { at, roots, findings } = context;
  const certificates = await certificatesOf(quote, context);
  if (certificates === undefined) return undefined;
  const leaf = certificates.find(isPck);
  if (leaf === undefined) {
    findings.fail('pck-missing', 'no certificate in the quote has the SGX extension of a PCK');
    return undefined;
  }
  if (leaf.commonName !== PCK_NAME) findings.fail('pck-chain', `${JSON.stringify(leaf.commonName)} is not the name of a PCK certificate`);
  const authority = certificates.find((certificate) => certificate !== leaf && equalBytes(certificate.subject, leaf.issuer));
  if (authority === undefined) {
    findings.fail('pck-chain', "the PCK's authority is not in the chain");
    return { leaf };
  }
  if (!PCK_CA_NAMES.includes(authority.commonName)) findings.fail('pck-chain', `${JSON.stringify(authority.commonName)} does not issue PCK certificates`);
  const given = certificates.find((certificate) => certificate !== leaf && certificate !== authority);
  const root = given === undefined ? roots.find(({ subject }) => equalBytes(subject, authority.issuer)) : pinnedRoot(given, roots);
  if (root === undefined) findings.fail('pck-root', `the chain ends in ${given?.commonName ?? 'a root that is not there'}, which is not the pinned root`);
  const fault = (await linkFault(leaf, authority)) ?? (await linkFault(authority, root ?? given ?? authority)) ?? (given === undefined ? undefined : await linkFault(given, given));
  if (fault !== undefined) findings.fail('pck-chain', fault);
  for (const certificate of [leaf, authority, given ?? root]) if (certificate !== undefined && !validAt(certificate, at)) findings.fail('pck-expired', `${validity(certificate)}, not at ${day(at)}`);
  return { leaf, authority, root };
}

/** The newest list of an issuer that is current; of those by its name, one that it signed comes first. */
async function listOf(issuer: Certificate, { collateral, at }: Context): Promise<CrlDocument | undefined> {
  const named = collateral.crls.filter(({ crl }) => equalBytes(crl.issuer, issuer.subject)).sort((a, b) => b.crl.thisUpdate - a.crl.thisUpdate);
  const holds = await Promise.all(named.map(({ crl }) => holdsUnder(crl, issuer.spki)));
  const signed = named.filter((_, index) => holds[index]);
  return signed.find(({ crl }) => crl.thisUpdate <= at && at <= crl.nextUpdate) ?? signed[0] ?? named[0];
}

async function checkList(which: 'root-crl' | 'pck-crl', list: CrlDocument, issuer: Certificate, { findings, at }: Context): Promise<void> {
  if (!(await holdsUnder(list.crl, issuer.spki))) findings.fail(`${which}-signature`, `the list is not signed by ${issuer.commonName}`);
  const { thisUpdate, nextUpdate } = list.crl;
  if (at < thisUpdate || at > nextUpdate) findings.fail(`${which}-expired`, `the list is current from ${day(thisUpdate)} to ${day(nextUpdate)}, not at ${day(at)}`);
}

/** The chain beside the list: its leaf is the list's issuer, and it ends in the pinned root. */
async function checkListChain(list: CrlDocument, { findings, roots }: Context): Promise<void> {
  if (list.chain === undefined) return;
  const issuer = list.chain.find(({ subject }) => equalBytes(subject, list.crl.issuer));
  const given = list.chain.find((certificate) => certificate !== issuer);
  const root = given === undefined ? roots.find(({ subject }) => equalBytes(subject, issuer?.issuer ?? subject)) : pinnedRoot(given, roots);
  if (list.chain.length > 2 || issuer === undefined || root === undefined) return findings.fail('pck-crl-chain', 'the chain of the PCK revocation list is not its issuer and the pinned root');
  const fault = (await linkFault(issuer, root)) ?? (given === undefined ? undefined : await linkFault(given, given));
  if (fault !== undefined) findings.fail('pck-crl-chain', fault);
}

export async function checkRevocation({ leaf, authority, root }: PckChain, context: Context): Promise<CrlDocument | undefined> {
  const { findings, collateral } = context;
  const anchor = root ?? context.roots[0];
  const rootList = anchor === undefined ? undefined : await listOf(anchor, context);
  if (anchor === undefined || rootList === undefined) findings.fail('root-crl-missing', "the root's revocation list is not in the collateral");
  else {
    await checkList('root-crl', rootList, anchor, context);
    if (authority !== undefined && rootList.crl.revoked.has(authority.serial)) findings.fail('pck-ca-revoked', `${authority.commonName}, serial number ${authority.serial}, is revoked`);
  }
  if (authority === undefined) return rootList;
  const list = await listOf(authority, context);
  if (list === undefined) {
    const other = collateral.crls.find(({ crl }) => crl !== rootList?.crl);
    if (other === undefined) findings.fail('pck-crl-missing', `the revocation list of ${authority.commonName} is not in the collateral`);
    else findings.fail('pck-crl-issuer', `the collateral's revocation list is not that of ${authority.commonName}`);
    return rootList;
  }
  await checkList('pck-crl', list, authority, context);
  await checkListChain(list, context);
  if (list.crl.revoked.has(leaf.serial)) findings.fail('pck-revoked', `the PCK certificate, serial number ${leaf.serial}, is revoked`);
  return rootList;
}
