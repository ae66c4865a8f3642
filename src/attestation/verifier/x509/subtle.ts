/**
 * The seam to WebCrypto: all that the verifier asks of cryptography, with verifying keys as SubjectPublicKeyInfo in
 * DER. Node and browsers have it alike. A key or signature that cannot be read is one that does not verify.
 */

import { byteString } from '../../../base/bytes.ts';
import { DerCursor, DerError, integerBytes, readDer, TAG } from './der.ts';

const { subtle } = globalThis.crypto;
type Bytes = Uint8Array<ArrayBuffer>;

export type HashName = 'SHA-256' | 'SHA-384' | 'SHA-512';

export const digest = async (hash: HashName, bytes: Uint8Array): Promise<Uint8Array> => new Uint8Array(await subtle.digest(hash, bytes as Bytes));

export type Algorithm =
  | { readonly name: 'ECDSA'; readonly curve: 'P-256' | 'P-384'; readonly hash: HashName }
  | { readonly name: 'RSA-PSS'; readonly hash: HashName; readonly saltLength: number }
  | { readonly name: 'RSASSA-PKCS1-v1_5'; readonly hash: HashName };

/** Importing a key costs as much as verifying with it; the same few authorities come again and again. */
const keys = new Map<string, Promise<CryptoKey>>();
const KEPT_KEYS = 64;

function importKey(algorithm: Algorithm, spki: Uint8Array): Promise<CryptoKey> {
  const params = algorithm.name === 'ECDSA' ? { name: 'ECDSA', namedCurve: algorithm.curve } : { name: algorithm.name, hash: algorithm.hash };
  const id = `${JSON.stringify(params)} ${byteString(spki)}`;
  let key = keys.get(id);
  if (key === undefined) {
    key = subtle.importKey('spki', spki as Bytes, params, false, ['verify']);
    key.catch(() => keys.delete(id));
    if (keys.size >= KEPT_KEYS) keys.delete(keys.keys().next().value as string);
    keys.set(id, key);
  }
  return key;
}

/** ECDSA signatures are r ‖ s (IEEE P1363), as WebCrypto wants them. */
export type VerifySignature = (algorithm: Algorithm, spki: Uint8Array, signature: Uint8Array, message: Uint8Array) => boolean | Promise<boolean>;

export async function verifyByWebCrypto(algorithm: Algorithm, spki: Uint8Array, signature: Uint8Array, message: Uint8Array): Promise<boolean> {
  try {
    const key = await importKey(algorithm, spki);
    const params = algorithm.name === 'ECDSA' ? { name: 'ECDSA', hash: algorithm.hash } : algorithm.name === 'RSA-PSS' ? { name: 'RSA-PSS', saltLength: algorithm.saltLength } : { name: algorithm.name };
    return await subtle.verify(params, key, signature as Bytes, message as Bytes);
  } catch {
    return false;
  }
}

let verifier: VerifySignature = verifyByWebCrypto;

/** For a host with a faster way to the same answers. */
export function verifySignaturesBy(other: VerifySignature): void {
  verifier = other;
}

export const verifySignature = async (algorithm: Algorithm, spki: Uint8Array, signature: Uint8Array, message: Uint8Array): Promise<boolean> => verifier(algorithm, spki, signature, message);

const FIELD_BYTES = { 'P-256': 32, 'P-384': 48 } as const;
const SPKI_PREFIX = {
  'P-256': Uint8Array.from([0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04]),
};

/** SubjectPublicKeyInfo (RFC 5480) of x ‖ y on P-256, 64 bytes. */
export function spkiOfPoint(point: Uint8Array): Uint8Array {
  const prefix = SPKI_PREFIX['P-256'];
  const spki = new Uint8Array(prefix.length + point.length);
  spki.set(prefix);
  spki.set(point, prefix.length);
  return spki;
}

/** From the SEQUENCE of two INTEGERs of RFC 3279 to r ‖ s; throws DerError for anything that is not its one encoding. */
export function ecdsaFromDer(der: Uint8Array, curve: 'P-256' | 'P-384'): Uint8Array {
  const cursor = new DerCursor(readDer(der, TAG.sequence));
  const size = FIELD_BYTES[curve];
  const out = new Uint8Array(size * 2);
  for (const at of [0, size]) {
    const bytes = integerBytes(cursor.next(TAG.integer));
    if (bytes[0] >= 0x80) throw new DerError('negative signature');
    const number = bytes[0] === 0 ? bytes.subarray(1) : bytes;
    if (number.length > size) throw new DerError('signature too long');
    out.set(number, at + size - number.length);
  }
  cursor.end();
  return out;
}

/** An RSA key as JWK gives it (RFC 7518 §6.3), base64url. */
export async function verifyWithJwk(jwk: { readonly n: string; readonly e: string }, signature: Uint8Array, message: Uint8Array): Promise<boolean> {
  try {
    const key = await subtle.importKey('jwk', { kty: 'RSA', n: jwk.n, e: jwk.e }, { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }, false, ['verify']);
    return await subtle.verify('RSASSA-PKCS1-v1_5', key, signature as Bytes, message as Bytes);
  } catch {
    return false;
  }
}
