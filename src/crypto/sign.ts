/**
 * Signatures with P-256 (ECDSA over SHA-256, IEEE P1363 encoding: r ‖ s, 64 bytes) and Ed25519 (RFC 8032), and the
 * PEM files that hold the keys: PKCS #8 or SEC 1 for private ones, SPKI for public ones.
 */

import { createPrivateKey, createPublicKey, generateKeyPairSync, sign as signBytes, verify as verifyBytes, type KeyObject } from 'node:crypto';

export type SignatureAlgorithm = 'ES256' | 'EdDSA';

export class KeyError extends Error {
  override readonly name = 'KeyError';
}

function algorithmOf(key: KeyObject): SignatureAlgorithm {
  if (key.asymmetricKeyType === 'ed25519') return 'EdDSA';
  if (key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return 'ES256';
  const curve = key.asymmetricKeyDetails?.namedCurve;
  throw new KeyError(`a P-256 or Ed25519 key is needed, this is ${key.asymmetricKeyType}${curve === undefined ? '' : ` on ${curve}`}`);
}

export class PublicKey {
  readonly algorithm: SignatureAlgorithm;
  readonly #key: KeyObject;

  private constructor(key: KeyObject) {
    this.algorithm = algorithmOf(key);
    this.#key = key;
  }

  /** Throws KeyError. */
  static fromSpki(spki: Uint8Array): PublicKey {
    let key: KeyObject;
    try {
      key = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
    } catch {
      throw new KeyError('not a public key (SubjectPublicKeyInfo)');
    }
    const result = new PublicKey(key);
    // One key, one encoding: otherwise the signer's hash would not be unique.
    if (Buffer.compare(result.spki(), spki) !== 0) throw new KeyError('public key is not in canonical encoding');
    return result;
  }

  /** SPKI in PEM. Throws KeyError. */
  static fromPem(pem: string): PublicKey {
    if (/PRIVATE KEY/.test(pem)) throw new KeyError('this is a private key; the public key is needed');
    try {
      return new PublicKey(createPublicKey(pem));
    } catch (error) {
      throw error instanceof KeyError ? error : new KeyError('not a public key in PEM');
    }
  }

  static of(key: KeyObject): PublicKey {
    return new PublicKey(key);
  }

  /** DER. */
  spki(): Uint8Array {
    return this.#key.export({ format: 'der', type: 'spki' });
  }

  pem(): string {
    return this.#key.export({ format: 'pem', type: 'spki' });
  }

  /** RFC 7517, without `alg`. */
  jwk(): Readonly<Record<string, unknown>> {
    return this.#key.export({ format: 'jwk' }) as Readonly<Record<string, unknown>>;
  }

  verify(message: Uint8Array, signature: Uint8Array): boolean {
    if (signature.length !== 64) return false;
    return this.algorithm === 'ES256' ? verifyBytes('sha256', message, { key: this.#key, dsaEncoding: 'ieee-p1363' }, signature) : verifyBytes(null, message, this.#key, signature);
  }
}

export class PrivateKey {
  readonly publicKey: PublicKey;
  readonly #key: KeyObject;

  private constructor(key: KeyObject) {
    this.publicKey = PublicKey.of(createPublicKey(key));
    this.#key = key;
  }

  static generate(algorithm: SignatureAlgorithm): PrivateKey {
    const { privateKey } = algorithm === 'ES256' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('ed25519');
    return new PrivateKey(privateKey);
  }

  /** Throws KeyError; the message never holds key material. */
  static fromPem(pem: string): PrivateKey {
    if (/BEGIN ENCRYPTED PRIVATE KEY|Proc-Type: 4,ENCRYPTED/.test(pem)) throw new KeyError('the key is encrypted with a passphrase: decrypt it first (openssl pkey -in KEY -out PLAIN)');
    if (/BEGIN (PUBLIC KEY|CERTIFICATE)/.test(pem) && !/PRIVATE KEY/.test(pem)) throw new KeyError('this is a public key or certificate; the private key is needed to sign');
    let key: KeyObject;
    try {
      key = createPrivateKey(pem);
    } catch {
      throw new KeyError('not a private key in PEM');
    }
    return new PrivateKey(key);
  }

  /** PKCS #8 PEM. */
  pem(): string {
    return this.#key.export({ format: 'pem', type: 'pkcs8' }) as string;
  }

  sign(message: Uint8Array): Uint8Array {
    return this.publicKey.algorithm === 'ES256' ? signBytes('sha256', message, { key: this.#key, dsaEncoding: 'ieee-p1363' }) : signBytes(null, message, this.#key);
  }
}
