/**
 * The signed manifest of an instance (as SGX's SIGSTRUCT): claims, measurement, signer and signature in one JSON
 * file. Its bytes are canonical: a file that does not encode back to itself is refused, so no byte of it is free.
 */

import { concat, equalBytes, fromHex, toHex } from '../base/bytes.ts';
import { KeyError, type PrivateKey, PublicKey } from '../crypto/index.ts';
import { type Canonical, canonicalJson } from './canonical.ts';
import { type EnclaveClaims, type EnclaveIdentity, measure, signerOf } from './measurement.ts';

export type ManifestErrorCode = 'manifest-format' | 'manifest-measurement' | 'manifest-signature' | 'manifest-signer';

export class ManifestError extends Error {
  override readonly name = 'ManifestError';
  readonly code: ManifestErrorCode;

  constructor(code: ManifestErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

export interface Manifest {
  readonly claims: EnclaveClaims;
  readonly identity: EnclaveIdentity;
  readonly signerKey: PublicKey;
}

const DOMAIN = new TextEncoder().encode('cloister manifest v1\0');

interface ManifestFile {
  readonly format: string;
  readonly claims: EnclaveClaims;
  readonly measurement: string;
  readonly signer: string;
  readonly algorithm: string;
  readonly publicKey: string;
  readonly signature: string;
}

const encode = (file: ManifestFile): Uint8Array => new TextEncoder().encode(`${canonicalJson(file as unknown as Canonical)}\n`);

const signedBytes = (measurement: Uint8Array, signer: Uint8Array): Uint8Array => concat([DOMAIN, measurement, signer]);

export function identityOf(claims: EnclaveClaims, key: PublicKey): EnclaveIdentity {
  const { productId, securityVersion, debuggable } = claims;
  return { measurement: measure(claims), signer: signerOf(key), productId, securityVersion, debuggable };
}

export function signManifest(claims: EnclaveClaims, key: PrivateKey): Uint8Array {
  const { measurement, signer } = identityOf(claims, key.publicKey);
  return encode({
    format: 'cloister-manifest-v1',
    claims,
    measurement: toHex(measurement),
    signer: toHex(signer),
    algorithm: key.publicKey.algorithm,
    publicKey: toHex(key.publicKey.spki()),
    signature: toHex(key.sign(signedBytes(measurement, signer))),
  });
}

const isHex = (value: unknown, bytes: number): boolean => typeof value === 'string' && new RegExp(`^[0-9a-f]{${bytes * 2}}$`).test(value);
const isU16 = (value: unknown): boolean => Number.isInteger(value) && (value as number) >= 0 && (value as number) < 65536;

function checkClaims(claims: EnclaveClaims | undefined): claims is EnclaveClaims {
  return (
    typeof claims === 'object' &&
    claims !== null &&
    isHex(claims.imageRoot, 48) &&
    (claims.imageKind === 'integrity' || claims.imageKind === 'encrypted') &&
    isHex(claims.configuration, 48) &&
    isU16(claims.productId) &&
    isU16(claims.securityVersion) &&
    typeof claims.debuggable === 'boolean' &&
    Array.isArray(claims.entryPoints) &&
    claims.entryPoints.every((path) => typeof path === 'string') &&
    typeof claims.runtime === 'string' &&
    Object.keys(claims).length === 8
  );
}

/** Verifies everything that the file says about itself. Throws ManifestError. */
export function verifyManifest(bytes: Uint8Array): Manifest {
  const damaged = (): ManifestError => new ManifestError('manifest-format', 'the manifest is damaged or not a manifest');
  let file: ManifestFile;
  try {
    file = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
    if (file?.format !== 'cloister-manifest-v1' || !checkClaims(file.claims) || !isHex(file.measurement, 48) || !isHex(file.signer, 48) || !isHex(file.signature, 64) || !/^(?:[0-9a-f]{2})+$/.test(file.publicKey)) throw damaged();
    if (!equalBytes(encode(file), bytes)) throw damaged();
  } catch {
    throw damaged();
  }
  let signerKey: PublicKey;
  try {
    signerKey = PublicKey.fromSpki(fromHex(file.publicKey));
  } catch (error) {
    throw error instanceof KeyError ? new ManifestError('manifest-format', `the manifest's signing key: ${error.message}`) : damaged();
  }
  const identity = identityOf(file.claims, signerKey);
  if (toHex(identity.measurement) !== file.measurement) throw new ManifestError('manifest-measurement', 'the manifest is damaged: its measurement is not that of its claims');
  if (toHex(identity.signer) !== file.signer || signerKey.algorithm !== file.algorithm) throw new ManifestError('manifest-signer', 'the manifest is damaged: its signer is not its key');
  if (!signerKey.verify(signedBytes(identity.measurement, identity.signer), fromHex(file.signature))) throw new ManifestError('manifest-signature', 'the signature of the manifest is wrong');
  return { claims: file.claims, identity, signerKey };
}
