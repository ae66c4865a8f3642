/**
 * JSON Web Encryption (RFC 7516, flattened) to a key that an enclave made: ECDH-ES+A256KW on P-256 and P-521, and
 * RSA-OAEP-256, with A256GCM (RFC 7518 §4.3, §4.6, §5.3).
 *
 * The header is put together here and not by a library because of its order. Clients of the KBS protocol parse
 * `protected`, write it anew and authenticate what they wrote: `alg`, `enc`, then the other members by name, those of
 * `epk` by name too, no white space. A header in any other order cannot be opened by them.
 */

import { constants, createCipheriv, createDecipheriv, createECDH, createHash, createPublicKey, type KeyObject, publicEncrypt } from 'node:crypto';
import { concat, toHex } from '../base/bytes.ts';
import { randomBytes, wipe } from './random.ts';

export type EcCurve = 'P-256' | 'P-521';

export interface EcPublicJwk {
  readonly kty: 'EC';
  readonly crv: EcCurve;
  readonly alg: 'ECDH-ES+A256KW';
  readonly x: string;
  readonly y: string;
}

export interface RsaPublicJwk {
  readonly kty: 'RSA';
  readonly alg: 'RSA-OAEP-256';
  readonly n: string;
  readonly e: string;
}

export type RecipientJwk = EcPublicJwk | RsaPublicJwk;

/** RFC 7516 §7.2.2; all members are base64url. */
export interface FlattenedJwe {
  readonly protected: string;
  readonly encrypted_key: string;
  readonly iv: string;
  readonly ciphertext: string;
  readonly tag: string;
}

export class JweError extends Error {
  override readonly name = 'JweError';
}

// SP 800-186 §3.2.1: y² = x³ - 3x + b (mod p).
// biome-ignore format: a table
const EQUATIONS: Readonly<Record<EcCurve, readonly [p: bigint, b: bigint]>> = {
  'P-256': [2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n, 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn],
  'P-521': [2n ** 521n - 1n, 0x051953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e156193951ec7e937b1652c0bd3bb1bf073573df883d2c34f1ef451fd46b503f00n],
};

// biome-ignore format: a table
const CURVES: Readonly<Record<EcCurve, readonly [openssl: string, coordinateBytes: number]>> = {
  'P-256': ['prime256v1', 32],
  'P-521': ['secp521r1',  66],
};
const ECDH = 'ECDH-ES+A256KW';
const RSA = 'RSA-OAEP-256';
const ENC = 'A256GCM';
const WRAP_IV = new Uint8Array(8).fill(0xa6);
const MIN_RSA_BITS = 2048;
const MAX_RSA_BITS = 8192;
const ascii = new TextEncoder();

export const base64url = (bytes: Uint8Array): string => bytes.toBase64({ alphabet: 'base64url', omitPadding: true });

/** Strict: no padding, no white space, no left-over bits. Throws JweError. */
export function fromBase64url(text: string): Uint8Array {
  let bytes: Uint8Array;
  try {
    bytes = Uint8Array.fromBase64(text, { alphabet: 'base64url' });
  } catch {
    throw new JweError('not base64url');
  }
  if (base64url(bytes) !== text) throw new JweError('not base64url');
  return bytes;
}

/** Concat KDF with SHA-256 for one block (NIST SP 800-56A §5.8.1 as RFC 7518 §4.6.2 uses it), without party info. */
function wrappingKey(shared: Uint8Array): Uint8Array {
  const u32 = (value: number): Uint8Array => new Uint8Array([value >>> 24, value >>> 16, value >>> 8, value]);
  const info = concat([u32(ECDH.length), ascii.encode(ECDH), u32(0), u32(0), u32(256)]);
  return createHash('sha256').update(u32(1)).update(shared).update(info).digest();
}

function pointOf({ crv, x, y }: Pick<EcPublicJwk, 'crv' | 'x' | 'y'>): Uint8Array {
  const bytes = CURVES[crv][1];
  const [left, right] = [fromBase64url(x), fromBase64url(y)];
  if (left.length !== bytes || right.length !== bytes) throw new JweError(`a coordinate on ${crv} has ${bytes} bytes`);
  return concat([new Uint8Array([4]), left, right]);
}

/** Throws JweError. Public values only. */
function requireOnCurve(key: EcPublicJwk): void {
  const point = pointOf(key);
  const [p, b] = EQUATIONS[key.crv];
  const half = (point.length + 1) / 2;
  const [x, y] = [point.subarray(1, half), point.subarray(half)].map((coordinate) => BigInt(`0x${toHex(coordinate)}`));
  if (x >= p || y >= p || (y * y - x * x * x + 3n * x - b) % p !== 0n) throw new JweError('the point of the key is not on its curve');
}

/** Shared secret of our private key and their point; OpenSSL refuses points off the curve. */
function agree(ecdh: ReturnType<typeof createECDH>, point: Uint8Array): Uint8Array {
  try {
    return ecdh.computeSecret(point);
  } catch {
    throw new JweError('the point of the key is not on its curve');
  }
}

function rsaKey({ n, e }: RsaPublicJwk): KeyObject {
  let key: KeyObject;
  try {
    key = createPublicKey({ format: 'jwk', key: { kty: 'RSA', n, e } });
  } catch {
    throw new JweError('not an RSA key');
  }
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  if (bits < MIN_RSA_BITS || bits > MAX_RSA_BITS) throw new JweError(`an RSA key has ${MIN_RSA_BITS} to ${MAX_RSA_BITS} bits, this one has ${bits}`);
  return key;
}

/** Throws JweError; also for numbers that have the size of a key and are none. */
function encryptToRsa(recipient: RsaPublicJwk, contentKey: Uint8Array): Uint8Array {
  const key = rsaKey(recipient);
  try {
    return publicEncrypt({ key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' }, contentKey);
  } catch {
    throw new JweError('nothing can be encrypted to this RSA key');
  }
}

/** Reads a recipient's key as untrusted JSON, and checks that something can be encrypted to it. Throws JweError. */
export function recipientOf(value: unknown): RecipientJwk {
  if (typeof value !== 'object' || value === null) throw new JweError('the key is not a JSON object');
  const jwk = value as Readonly<Record<string, unknown>>;
  const text = (name: string): string => {
    const member = jwk[name];
    if (typeof member !== 'string' || member.length > 2048) throw new JweError(`the key has no ${name}`);
    return member;
  };
  if (jwk.kty === 'EC') {
    const crv = text('crv');
    if (!Object.hasOwn(CURVES, crv)) throw new JweError(`keys on ${crv.slice(0, 20)} are not supported: P-256 or P-521`);
    if (text('alg') !== ECDH) throw new JweError(`the algorithm of an EC key is ${ECDH}`);
    const key: EcPublicJwk = { kty: 'EC', crv: crv as EcCurve, alg: ECDH, x: text('x'), y: text('y') };
    requireOnCurve(key);
    return key;
  }
  if (jwk.kty === 'RSA') {
    if (text('alg') !== RSA) throw new JweError(`the algorithm of an RSA key is ${RSA}`);
    const key: RsaPublicJwk = { kty: 'RSA', alg: RSA, n: text('n'), e: text('e') };
    encryptToRsa(key, new Uint8Array(32));
    return key;
  }
  throw new JweError('the key is neither EC nor RSA');
}

/** The content key, encrypted to the recipient, and the header that says how. */
function encryptKey(recipient: RecipientJwk, contentKey: Uint8Array): { header: string; encrypted: Uint8Array } {
  if (recipient.kty === 'RSA') {
    return { header: `{"alg":"${RSA}","enc":"${ENC}"}`, encrypted: encryptToRsa(recipient, contentKey) };
  }
  const [curve, bytes] = CURVES[recipient.crv];
  const ephemeral = createECDH(curve);
  const point = ephemeral.generateKeys();
  const shared = agree(ephemeral, pointOf(recipient));
  const wrapping = wrappingKey(shared);
  const cipher = createCipheriv('id-aes256-wrap', wrapping, WRAP_IV);
  const encrypted = concat([cipher.update(contentKey), cipher.final()]);
  wipe(shared, wrapping);
  const [x, y] = [base64url(point.subarray(1, 1 + bytes)), base64url(point.subarray(1 + bytes))];
  return { header: `{"alg":"${ECDH}","enc":"${ENC}","epk":{"crv":"${recipient.crv}","kty":"EC","x":"${x}","y":"${y}"}}`, encrypted };
}

/** Throws JweError for a key that `recipientOf` would not take. */
export function encryptJwe(recipient: RecipientJwk, plaintext: Uint8Array): FlattenedJwe {
  // One key for one message, so any nonce will do.
  const [contentKey, iv] = [randomBytes(32), randomBytes(12)];
  const { header, encrypted } = encryptKey(recipient, contentKey);
  const protectedHeader = base64url(ascii.encode(header));
  const cipher = createCipheriv('aes-256-gcm', contentKey, iv);
  cipher.setAAD(ascii.encode(protectedHeader));
  const ciphertext = concat([cipher.update(plaintext), cipher.final()]);
  wipe(contentKey);
  return { protected: protectedHeader, encrypted_key: base64url(encrypted), iv: base64url(iv), ciphertext: base64url(ciphertext), tag: base64url(cipher.getAuthTag()) };
}

/** The key that a client makes for one handshake; the private half never leaves it. */
export class RecipientKey {
  readonly publicJwk: EcPublicJwk;
  readonly #ecdh: ReturnType<typeof createECDH>;

  constructor(crv: EcCurve = 'P-256') {
    const [curve, bytes] = CURVES[crv];
    this.#ecdh = createECDH(curve);
    const point = this.#ecdh.generateKeys();
    this.publicJwk = { kty: 'EC', crv, alg: ECDH, x: base64url(point.subarray(1, 1 + bytes)), y: base64url(point.subarray(1 + bytes)) };
  }

  /** Throws JweError, which does not say what was wrong with a ciphertext. */
  decrypt(jwe: FlattenedJwe): Uint8Array {
    let header: { alg?: unknown; enc?: unknown; epk?: { crv?: unknown; x?: unknown; y?: unknown } };
    try {
      header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(fromBase64url(jwe.protected)));
    } catch {
      throw new JweError('not a JWE');
    }
    const { alg, enc, epk } = header ?? {};
    const { crv } = this.publicJwk;
    if (alg !== ECDH || enc !== ENC || epk?.crv !== crv || typeof epk.x !== 'string' || typeof epk.y !== 'string') throw new JweError('the JWE was not made for this key');
    const shared = agree(this.#ecdh, pointOf({ crv, x: epk.x, y: epk.y }));
    const wrapping = wrappingKey(shared);
    let contentKey: Uint8Array | undefined;
    try {
      const unwrap = createDecipheriv('id-aes256-wrap', wrapping, WRAP_IV);
      contentKey = concat([unwrap.update(fromBase64url(jwe.encrypted_key)), unwrap.final()]);
      const tag = fromBase64url(jwe.tag);
      if (tag.length !== 16 || contentKey.length !== 32) throw new JweError('length');
      const decipher = createDecipheriv('aes-256-gcm', contentKey, fromBase64url(jwe.iv), { authTagLength: 16 });
      decipher.setAAD(ascii.encode(jwe.protected));
      decipher.setAuthTag(tag);
      const parts = [decipher.update(fromBase64url(jwe.ciphertext)), decipher.final()];
      return concat(parts);
    } catch {
      throw new JweError('the JWE cannot be decrypted');
    } finally {
      wipe(shared, wrapping, ...(contentKey === undefined ? [] : [contentKey]));
    }
  }
}
