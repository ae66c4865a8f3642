/** One certificate issued by another: the checks that are the same in every vendor's chain (RFC 5280 §6.1.3, §6.1.4). */

import { equalBytes } from '../../../base/bytes.ts';
import { type Certificate, hasKeyUsage, isAuthority, unknownCritical, verifySigned } from './certificate.ts';
import type { Crl } from './crl.ts';
import { DerError } from './der.ts';

const KEY_CERT_SIGN = 5;

/** Signatures over objects that do not change, by the key they were checked with. */
const verified = new WeakMap<object, { readonly spki: Uint8Array; readonly holds: Promise<boolean> }>();

/** As `verifySigned`, remembered: collateral and the vendors' authorities are checked once for many quotes. */
export function holdsUnder(signed: Certificate | Crl, spki: Uint8Array): Promise<boolean> {
  const known = verified.get(signed);
  if (known !== undefined && equalBytes(known.spki, spki)) return known.holds;
  const holds = verifySigned(signed, spki);
  verified.set(signed, { spki, holds });
  return holds;
}

/** What is wrong with `child` as issued by `issuer`; undefined if nothing. */
export async function linkFault(child: Certificate, issuer: Certificate): Promise<string | undefined> {
  try {
    if (!equalBytes(child.issuer, issuer.subject)) return `${child.commonName} was not issued by ${issuer.commonName}`;
    if (!isAuthority(issuer) || !hasKeyUsage(issuer, KEY_CERT_SIGN)) return `${issuer.commonName} may not issue certificates`;
    const critical = unknownCritical(child) ?? unknownCritical(issuer);
    if (critical !== undefined) return `critical extension ${critical} is not understood`;
    return (await holdsUnder(child, issuer.spki)) ? undefined : `the signature of ${child.commonName} is not by ${issuer.commonName}`;
  } catch (error) {
    if (error instanceof DerError) return `a certificate of the chain is damaged (${error.message})`;
    throw error;
  }
}

export const validAt = ({ notBefore, notAfter }: Certificate, at: number): boolean => notBefore <= at && at <= notAfter;
export const day = (time: number): string => new Date(time).toISOString().slice(0, 19).concat('Z');
export const validity = ({ notBefore, notAfter, commonName }: Certificate): string => `${commonName} is valid from ${day(notBefore)} to ${day(notAfter)}`;
