/**
 * X.509 certificates (RFC 5280), as far as the vendors' chains and attested certificates use them. Parsing is strict;
 * what the parts mean is judged by the caller.
 */

import { equalBytes, toHex } from '../../../base/bytes.ts';
import { booleanOf, childrenOf, context, DerCursor, DerError, type DerNode, integerBytes, oidOf, readDer, signedContent, smallInteger, TAG, timeOf } from './der.ts';
import { type Algorithm, ecdsaFromDer, verifySignature } from './subtle.ts';

export interface Extension {
  readonly critical: boolean;
  readonly value: Uint8Array;
}

export interface Certificate {
  readonly raw: Uint8Array;
  readonly tbs: Uint8Array;
  /** Hexadecimal. */
  readonly serial: string;
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  /** Common name of the subject, for people and for telling roles apart; '' where there is none. */
  readonly commonName: string;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly spki: Uint8Array;
  readonly extensions: ReadonlyMap<string, Extension>;
  readonly signatureAlgorithm: Uint8Array;
  readonly signature: Uint8Array;
}

const COMMON_NAME = '2.5.4.3';
const BASIC_CONSTRAINTS = '2.5.29.19';
const KEY_USAGE = '2.5.29.15';
const utf8 = new TextDecoder('utf-8', { fatal: true });

function commonNameOf(name: DerNode): string {
  for (const set of childrenOf(name))
    for (const attribute of childrenOf(set)) {
      const [type, value] = childrenOf(attribute);
      if (type !== undefined && value !== undefined && oidOf(type) === COMMON_NAME) {
        try {
          return utf8.decode(value.body);
        } catch {
          throw new DerError('common name');
        }
      }
    }
  return '';
}

/** Throws DerError for a second extension of the same kind. */
export function readExtensions(sequence: DerNode): ReadonlyMap<string, Extension> {
  const extensions = new Map<string, Extension>();
  for (const node of childrenOf(sequence)) {
    const cursor = new DerCursor(node);
    const id = oidOf(cursor.next(TAG.oid));
    const flag = cursor.optional(TAG.boolean);
    const critical = flag !== undefined && booleanOf(flag);
    // DER leaves the default out.
    if (flag !== undefined && !critical) throw new DerError('extension');
    const value = cursor.next(TAG.octetString).body;
    cursor.end();
    if (extensions.has(id)) throw new DerError(`extension ${id} twice`);
    extensions.set(id, { critical, value });
  }
  return extensions;
}

/** Throws DerError. */
export function parseCertificate(der: Uint8Array): Certificate {
  const { raw, fields: tbs, signatureAlgorithm, signature } = signedContent(der);
  const version = new DerCursor(tbs.next(context(0)));
  if (smallInteger(version.next(TAG.integer)) !== 2) throw new DerError('not version 3');
  version.end();
  const serial = toHex(integerBytes(tbs.next(TAG.integer)));
  if (!equalBytes(tbs.next(TAG.sequence).raw, signatureAlgorithm)) throw new DerError('two signature algorithms');
  const issuer = tbs.next(TAG.sequence).raw;
  const validity = new DerCursor(tbs.next(TAG.sequence));
  const notBefore = timeOf(validity.either(TAG.utcTime, TAG.generalizedTime));
  const notAfter = timeOf(validity.either(TAG.utcTime, TAG.generalizedTime));
  validity.end();
  const subject = tbs.next(TAG.sequence);
  const spki = tbs.next(TAG.sequence).raw;
  const explicit = tbs.optional(context(3));
  const extensions = explicit === undefined ? new Map<string, Extension>() : readExtensions(readDer(explicit.body, TAG.sequence));
  tbs.end();
  return { raw: der, tbs: raw, serial, issuer, subject: subject.raw, commonName: commonNameOf(subject), notBefore, notAfter, spki, extensions, signatureAlgorithm, signature };
}

/** Curve of a SubjectPublicKeyInfo, `RSA`, or undefined for anything else, damaged ones as well. */
export function keyKind(spki: Uint8Array): 'P-256' | 'P-384' | 'RSA' | undefined {
  try {
    const algorithm = new DerCursor(new DerCursor(readDer(spki, TAG.sequence)).next(TAG.sequence));
    const id = oidOf(algorithm.next(TAG.oid));
    if (id === '1.2.840.113549.1.1.1') return 'RSA';
    return id === '1.2.840.10045.2.1' ? ({ '1.2.840.10045.3.1.7': 'P-256', '1.3.132.0.34': 'P-384' } as const)[oidOf(algorithm.next(TAG.oid))] : undefined;
  } catch (error) {
    if (error instanceof DerError) return undefined;
    throw error;
  }
}

// biome-ignore format: a table
const ECDSA_HASHES = { '1.2.840.10045.4.3.2': 'SHA-256', '1.2.840.10045.4.3.3': 'SHA-384', '1.2.840.10045.4.3.4': 'SHA-512' } as const;
// biome-ignore format: a table
const PKCS1_HASHES = { '1.2.840.113549.1.1.11': 'SHA-256', '1.2.840.113549.1.1.12': 'SHA-384', '1.2.840.113549.1.1.13': 'SHA-512' } as const;
const RSA_PSS = '1.2.840.113549.1.1.10';
/** RSASSA-PSS-params: SHA-384, MGF1 with SHA-384, salt of 48 bytes (RFC 4055 §3.1). */
const PSS_SHA384 = /^a00f300d06096086480165030402020500a11c301a06092a864886f70d010108300d06096086480165030402020500a203020130(?:a303020101)?$/;
const PSS_SHA384_BARE = /^a00d300b0609608648016503040202a11a301806092a864886f70d010108300b0609608648016503040202a203020130(?:a303020101)?$/;

function algorithmOf(identifier: Uint8Array, spki: Uint8Array): Algorithm | undefined {
  const cursor = new DerCursor(readDer(identifier, TAG.sequence));
  const id = oidOf(cursor.next(TAG.oid));
  const params = cursor.optional(TAG.sequence);
  const kind = keyKind(spki);
  const ecdsa = ECDSA_HASHES[id as keyof typeof ECDSA_HASHES];
  if (ecdsa !== undefined && (kind === 'P-256' || kind === 'P-384')) return { name: 'ECDSA', curve: kind, hash: ecdsa };
  const pkcs1 = PKCS1_HASHES[id as keyof typeof PKCS1_HASHES];
  if (pkcs1 !== undefined && kind === 'RSA') return { name: 'RSASSA-PKCS1-v1_5', hash: pkcs1 };
  if (id === RSA_PSS && kind === 'RSA' && params !== undefined) {
    const text = toHex(params.body);
    if (PSS_SHA384.test(text) || PSS_SHA384_BARE.test(text)) return { name: 'RSA-PSS', hash: 'SHA-384', saltLength: 48 };
  }
  return undefined;
}

/** Whether the key of `spki` made this signature, in an algorithm that we know. */
export async function verifySigned(signed: { readonly tbs: Uint8Array; readonly signatureAlgorithm: Uint8Array; readonly signature: Uint8Array }, spki: Uint8Array): Promise<boolean> {
  try {
    const algorithm = algorithmOf(signed.signatureAlgorithm, spki);
    if (algorithm === undefined) return false;
    const signature = algorithm.name === 'ECDSA' ? ecdsaFromDer(signed.signature, algorithm.curve) : signed.signature;
    return await verifySignature(algorithm, spki, signature, signed.tbs);
  } catch (error) {
    if (error instanceof DerError) return false;
    throw error;
  }
}

/** Basic constraints: may this certificate issue others? Throws DerError. */
export function isAuthority(certificate: Certificate): boolean {
  const constraints = certificate.extensions.get(BASIC_CONSTRAINTS);
  if (constraints === undefined) return false;
  const flag = new DerCursor(readDer(constraints.value, TAG.sequence)).optional(TAG.boolean);
  return flag !== undefined && booleanOf(flag);
}

/** Bit of KeyUsage (RFC 5280 §4.2.1.3), counted from the left: 0 digitalSignature, 5 keyCertSign, 6 cRLSign; true without the extension. */
export function hasKeyUsage(certificate: Certificate, bit: number): boolean {
  const usage = certificate.extensions.get(KEY_USAGE);
  if (usage === undefined) return true;
  const { body } = readDer(usage.value, TAG.bitString);
  return body.length > 1 + (bit >> 3) && (body[1 + (bit >> 3)] & (0x80 >> (bit & 7))) !== 0;
}

/** Critical extensions beyond those of a vendor's chain; a certificate with one must not be used. */
export function unknownCritical(certificate: Certificate, known: readonly string[] = []): string | undefined {
  for (const [id, { critical }] of certificate.extensions) if (critical && id !== BASIC_CONSTRAINTS && id !== KEY_USAGE && !known.includes(id)) return id;
  return undefined;
}
