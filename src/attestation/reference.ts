/**
 * Reference values (RFC 9334 §8.3) that a build gives out: what its evidence will say, signed by the build's key as a JWS
 * (RFC 7515, flattened). Their bytes are canonical, so the same build by the same Ed25519 key gives the same file.
 */

import { toHex } from '../base/bytes.ts';
import { base64url, fromBase64url, KeyError, type PrivateKey, PublicKey } from '../crypto/index.ts';
import { type Canonical, canonicalBytes, canonicalJson } from './canonical.ts';
import { type EnclaveClaims, measure, signerOf } from './measurement.ts';

export interface ReferenceValues {
  readonly format: 'cloister-reference-v1';
  /** What the publisher calls the program. */
  readonly name: string;
  /** Hexadecimal, as evidence has it. */
  readonly measurement: string;
  readonly signer: string;
  readonly productId: number;
  readonly securityVersion: number;
  readonly debug: boolean;
  readonly imageKind: 'integrity' | 'encrypted';
  readonly runtime: string;
}

export class ReferenceError extends Error {
  override readonly name = 'ReferenceError';
  readonly code = 'reference-format';
}

const TYPE = 'cloister-reference+jws';
const utf8 = new TextEncoder();

export function signReferenceValues(name: string, claims: EnclaveClaims, key: PrivateKey): Uint8Array {
  const { productId, securityVersion, debuggable, imageKind, runtime } = claims;
  const values: ReferenceValues = { format: 'cloister-reference-v1', name, measurement: toHex(measure(claims)), signer: toHex(signerOf(key.publicKey)), productId, securityVersion, debug: debuggable, imageKind, runtime };
  const header = base64url(canonicalBytes({ alg: key.publicKey.algorithm, spki: base64url(key.publicKey.spki()), typ: TYPE }));
  const payload = base64url(canonicalBytes(values as unknown as Canonical));
  return utf8.encode(`${canonicalJson({ payload, protected: header, signature: base64url(key.sign(utf8.encode(`${header}.${payload}`))) })}\n`);
}

export interface SignedReferenceValues {
  readonly values: ReferenceValues;
  /** Whose key it is decides whether the values count; the caller must know. */
  readonly publisher: PublicKey;
}

// biome-ignore format: a table
const MEMBERS: Readonly<Record<keyof ReferenceValues, (value: unknown) => boolean>> = {
  format:          (value) => value === 'cloister-reference-v1',
  name:            (value) => typeof value === 'string' && /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(value),
  measurement:     (value) => typeof value === 'string' && /^[0-9a-f]{64}$|^[0-9a-f]{96}$/.test(value),
  signer:          (value) => typeof value === 'string' && /^[0-9a-f]{64}$|^[0-9a-f]{96}$/.test(value),
  productId:       (value) => Number.isInteger(value) && (value as number) >= 0,
  securityVersion: (value) => Number.isInteger(value) && (value as number) >= 0,
  debug:           (value) => typeof value === 'boolean',
  imageKind:       (value) => value === 'integrity' || value === 'encrypted',
  runtime:         (value) => typeof value === 'string',
};

/** Checks form and signature, by the key that is named in it. Throws ReferenceError. */
export function openReferenceValues(bytes: Uint8Array): SignedReferenceValues {
  const decode = (text: string): unknown => JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(fromBase64url(text)));
  let publisher: PublicKey;
  let values: ReferenceValues;
  try {
    const jws = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as { payload: string; protected: string; signature: string };
    const header = decode(jws.protected) as { alg?: unknown; spki?: unknown; typ?: unknown };
    publisher = PublicKey.fromSpki(fromBase64url(String(header.spki)));
    if (header.typ !== TYPE || header.alg !== publisher.algorithm) throw new ReferenceError('the header is not that of reference values');
    if (!publisher.verify(utf8.encode(`${jws.protected}.${jws.payload}`), fromBase64url(jws.signature))) throw new ReferenceError('the signature of the reference values is wrong');
    values = decode(jws.payload) as ReferenceValues;
  } catch (error) {
    if (error instanceof ReferenceError) throw error;
    throw new ReferenceError(error instanceof KeyError ? `the publisher's key: ${error.message}` : 'these are not reference values: cloister build writes them to build/reference-values.json');
  }
  const wrong = Object.keys(MEMBERS).find((name) => !MEMBERS[name as keyof ReferenceValues](values?.[name as keyof ReferenceValues]));
  if (wrong !== undefined || Object.keys(values).length !== Object.keys(MEMBERS).length) throw new ReferenceError(`the reference values are not complete: ${wrong ?? 'members that none has'}`);
  return { values, publisher };
}
