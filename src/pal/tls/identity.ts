/** A key and a certificate that carries evidence of this enclave, for servers and for clients. */

import type { TLSSocket } from 'node:tls';
import type { EvidenceSource } from '../../attestation/attester.ts';
import { DICE_EVIDENCE } from '../../attestation/formats.ts';
import type { Channel } from '../../attestation/statement.ts';
import { CHANNEL_BYTES, CHANNEL_LABEL } from '../../attestation/tls/appraise.ts';
import { toHex } from '../../base/bytes.ts';
import { PrivateKey, sha256 } from '../../crypto/index.ts';
import { selfSignedCertificate } from '../../crypto/self-signed.ts';

/** PEM: options of `tls`, `https`, `http2` and gRPC as they are. */
export interface AttestedIdentity {
  readonly key: string;
  readonly cert: string;
  /** SHA-256 of the SubjectPublicKeyInfo, hexadecimal. */
  readonly keyHash: string;
  /** Milliseconds since 1970. */
  readonly notAfter: number;
}

export interface IdentityOptions {
  readonly commonName?: string;
  /** Host names and addresses. */
  readonly names?: readonly string[];
  readonly lifetimeMs?: number;
}

/** Clocks differ. */
const EARLY_MS = 5 * 60_000;
const LIFETIME_MS = 24 * 3_600_000;

/** The key is new and stays in this process. Rejects with TeeError. */
export async function attestedIdentity(source: Pick<EvidenceSource, 'certificate'>, { commonName = 'Cloister enclave', names = ['localhost'], lifetimeMs = LIFETIME_MS }: IdentityOptions = {}): Promise<AttestedIdentity> {
  const key = PrivateKey.generate('ES256');
  const spki = key.publicKey.spki();
  const now = Date.now();
  const cert = selfSignedCertificate(key, {
    commonName,
    names,
    notBefore: now - EARLY_MS,
    notAfter: now + lifetimeMs,
    usages: ['server', 'client'],
    extensions: [[DICE_EVIDENCE, await source.certificate(spki)]],
  });
  return { key: key.pem(), cert, keyHash: toHex(sha256(spki)), notAfter: now + lifetimeMs };
}

/** Exported values of earlier versions of TLS are tied to the connection only with an extension. */
export const TLS_OPTIONS = { minVersion: 'TLSv1.3' } as const;

/** Of an established connection; `keyHash` is that of its server. */
export const channelOf = (socket: TLSSocket, keyHash: string): Channel => ({ key: keyHash, binding: toHex(socket.exportKeyingMaterial(CHANNEL_BYTES, CHANNEL_LABEL, Buffer.alloc(0))) });
