/** SHA-256 and SHA-384 (FIPS 180-4), HMAC (RFC 2104), HKDF (RFC 5869). */

import { createHash, createHmac, hash, hkdfSync } from 'node:crypto';

export const SHA256_BYTES = 32;
export const SHA384_BYTES = 48;

export const sha256 = (bytes: Uint8Array): Uint8Array => hash('sha256', bytes, 'buffer');
export const sha384 = (bytes: Uint8Array): Uint8Array => hash('sha384', bytes, 'buffer');

/** For input that comes in pieces. */
export interface Hasher {
  update(bytes: Uint8Array): unknown;
  digest(): Uint8Array;
}

export const sha256Hasher = (): Hasher => createHash('sha256');

export const hmacSha256 = (key: Uint8Array, bytes: Uint8Array): Uint8Array => createHmac('sha256', key).update(bytes).digest();

/** `info` names the purpose: one key, one use. */
export function hkdfSha256(secret: Uint8Array, salt: Uint8Array, info: string, length: number): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', secret, salt, info, length));
}
