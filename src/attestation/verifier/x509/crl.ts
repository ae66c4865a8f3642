/** Certificate revocation lists (RFC 5280 §5), complete ones of the issuer of the certificates themselves. */

import { equalBytes, toHex } from '../../../base/bytes.ts';
import { readExtensions } from './certificate.ts';
import { childrenOf, context, DerCursor, DerError, integerBytes, readDer, signedContent, smallInteger, TAG, timeOf } from './der.ts';

export interface Crl {
  readonly raw: Uint8Array;
  readonly tbs: Uint8Array;
  readonly issuer: Uint8Array;
  readonly thisUpdate: number;
  readonly nextUpdate: number;
  /** Serial numbers, hexadecimal. */
  readonly revoked: ReadonlySet<string>;
  readonly signatureAlgorithm: Uint8Array;
  readonly signature: Uint8Array;
}

const ISSUING_DISTRIBUTION_POINT = '2.5.29.28';

/** RFC 5280 §5.2.5: a distribution point that only says where the list lies leaves no certificate of the issuer out. */
function isForAll(value: Uint8Array): boolean {
  const members = childrenOf(readDer(value, TAG.sequence));
  return members.every(({ tag }) => tag === context(0));
}

/** Throws DerError; also for a list without `nextUpdate`, whose freshness nobody could judge, and for critical extensions. */
export function parseCrl(der: Uint8Array): Crl {
  const { raw, fields: tbs, signatureAlgorithm, signature } = signedContent(der);
  if (smallInteger(tbs.next(TAG.integer)) !== 1) throw new DerError('not a list of version 2');
  if (!equalBytes(tbs.next(TAG.sequence).raw, signatureAlgorithm)) throw new DerError('two signature algorithms');
  const issuer = tbs.next(TAG.sequence).raw;
  const thisUpdate = timeOf(tbs.either(TAG.utcTime, TAG.generalizedTime));
  const nextUpdate = timeOf(tbs.either(TAG.utcTime, TAG.generalizedTime));
  const revoked = new Set<string>();
  const entries = tbs.optional(TAG.sequence);
  if (entries !== undefined)
    for (const entry of childrenOf(entries)) {
      const cursor = new DerCursor(entry);
      revoked.add(toHex(integerBytes(cursor.next(TAG.integer))));
      timeOf(cursor.either(TAG.utcTime, TAG.generalizedTime));
      const extensions = cursor.optional(TAG.sequence);
      if (extensions !== undefined) for (const [id, { critical }] of readExtensions(extensions)) if (critical) throw new DerError(`critical extension ${id} of an entry`);
      cursor.end();
    }
  const explicit = tbs.optional(context(0));
  if (explicit !== undefined)
    for (const [id, { critical, value }] of readExtensions(readDer(explicit.body, TAG.sequence))) if (critical && !(id === ISSUING_DISTRIBUTION_POINT && isForAll(value))) throw new DerError(`critical extension ${id}`);
  tbs.end();
  return { raw: der, tbs: raw, issuer, thisUpdate, nextUpdate, revoked, signatureAlgorithm, signature };
}
