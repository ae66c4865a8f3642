/**
 * What an enclave is: the claims that are measured, the measurement over them (as MRENCLAVE) and the hash of the
 * signer's key (as MRSIGNER). Nothing here comes from the host's environment.
 *
 *     measurement = SHA-384("cloister measurement v1" ‖ 0 ‖ canonical JSON of the claims)
 *     signer      = SHA-384(SubjectPublicKeyInfo of the signing key, DER)
 */

import { concat } from '../base/bytes.ts';
import { type PublicKey, sha384 } from '../crypto/index.ts';
import { canonicalBytes } from './canonical.ts';

export interface EnclaveClaims {
  /** Root hash of the image, hexadecimal SHA-384. */
  readonly imageRoot: string;
  readonly imageKind: 'integrity' | 'encrypted';
  /** Hexadecimal SHA-384 of the configuration as it is used. */
  readonly configuration: string;
  readonly productId: number;
  readonly securityVersion: number;
  readonly debuggable: boolean;
  /** Path prefixes under which programs may be started from outside. */
  readonly entryPoints: readonly string[];
  /** Version of translator and kernel. */
  readonly runtime: string;
}

const DOMAIN = new TextEncoder().encode('cloister measurement v1\0');

/** 48 bytes. */
export function measure(claims: EnclaveClaims): Uint8Array {
  const { imageRoot, imageKind, configuration, productId, securityVersion, debuggable, entryPoints, runtime } = claims;
  return sha384(concat([DOMAIN, canonicalBytes({ imageRoot, imageKind, configuration, productId, securityVersion, debuggable, entryPoints, runtime })]));
}

/** 48 bytes. */
export const signerOf = (key: PublicKey): Uint8Array => sha384(key.spki());

export interface EnclaveIdentity {
  readonly measurement: Uint8Array;
  readonly signer: Uint8Array;
  readonly productId: number;
  readonly securityVersion: number;
  readonly debuggable: boolean;
}
