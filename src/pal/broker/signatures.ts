/**
 * Signatures by Node's own functions: a broker verifies many at a time, and through WebCrypto, which hands each one to another
 * thread, each costs twice the processor time. Gives what WebCrypto gives: a key or signature that cannot be read is one that does not verify.
 */

import { constants, createPublicKey, type KeyObject, verify } from 'node:crypto';
import type { Algorithm, VerifySignature } from '../../attestation/verifier/x509/subtle.ts';
import { byteString } from '../../base/bytes.ts';

/** Importing a key costs as much as verifying with it; the same few authorities come again and again. */
const keys = new Map<string, KeyObject | undefined>();
const KEPT_KEYS = 64;

const CURVES = { 'P-256': 'prime256v1', 'P-384': 'secp384r1' } as const;

function importKey(algorithm: Algorithm, spki: Uint8Array): KeyObject | undefined {
  try {
    const key = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
    const fits = algorithm.name === 'ECDSA' ? key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === CURVES[algorithm.curve] : key.asymmetricKeyType === 'rsa';
    return fits ? key : undefined;
  } catch {
    return undefined;
  }
}

function keyOf(algorithm: Algorithm, spki: Uint8Array): KeyObject | undefined {
  const id = `${algorithm.name === 'ECDSA' ? algorithm.curve : 'RSA'} ${byteString(spki)}`;
  if (keys.has(id)) return keys.get(id);
  const key = importKey(algorithm, spki);
  if (keys.size >= KEPT_KEYS) keys.delete(keys.keys().next().value as string);
  keys.set(id, key);
  return key;
}

/** OpenSSL's names. */
const HASHES = { 'SHA-256': 'sha256', 'SHA-384': 'sha384', 'SHA-512': 'sha512' } as const;

export const verifySynchronously: VerifySignature = (algorithm, spki, signature, message) => {
  const key = keyOf(algorithm, spki);
  if (key === undefined) return false;
  const how =
    algorithm.name === 'ECDSA'
      ? { key, dsaEncoding: 'ieee-p1363' as const }
      : algorithm.name === 'RSA-PSS'
        ? { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: algorithm.saltLength }
        : { key, padding: constants.RSA_PKCS1_PADDING };
  try {
    return verify(HASHES[algorithm.hash], message, how, signature);
  } catch {
    return false;
  }
};
