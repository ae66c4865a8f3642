/** Makes evidence of one enclave: the only place that asks its TEE for quotes. */

import { sha384 } from '../crypto/index.ts';
import { evidenceEnvelope, type EvidenceEnvelope } from './envelope.ts';
import { reportDataOf } from './report-data.ts';
import { type Channel, claimsBytes, evidenceStatement, guestStatement, type ImageKind, type StatedClaims, statedClaims } from './statement.ts';
import type { Tee } from './tee.ts';
import { diceExtension } from './tls/dice.ts';

/** Where evidence of an enclave comes from: the enclave's own thread, or a call to it. */
export interface EvidenceSource {
  /** Over a nonce (hexadecimal, 8 to 64 bytes), and a connection if one is given. Rejects with RangeError, TeeError. */
  evidence(nonce: string, channel?: Channel): Promise<EvidenceEnvelope>;
  /** Value of the extension 2.23.133.5.4.9 for a key (SubjectPublicKeyInfo, DER). */
  certificate(spki: Uint8Array): Promise<Uint8Array>;
}

export class Attester implements EvidenceSource {
  readonly tee: Tee;
  readonly claims: StatedClaims;

  constructor(tee: Tee, imageKind: ImageKind) {
    this.tee = tee;
    this.claims = statedClaims(tee.measurements(), imageKind);
  }

  /** Extends the run-time register, where there is one, by SHA-384 of the claims. Once, at the start. */
  record(): void {
    this.tee.extend(sha384(claimsBytes(this.claims)));
  }

  envelope(runtimeData: Uint8Array): EvidenceEnvelope {
    return evidenceEnvelope(this.tee.type, this.tee.evidence(reportDataOf(runtimeData)), runtimeData);
  }

  overNonce(nonce: string, channel?: Channel): EvidenceEnvelope {
    return this.envelope(evidenceStatement(this.claims, nonce, channel));
  }

  /** For a program inside, over 64 bytes of its choice. */
  forGuest(data: Uint8Array): EvidenceEnvelope {
    return this.envelope(guestStatement(this.claims, data));
  }

  forKey(spki: Uint8Array): Uint8Array {
    return diceExtension(this.tee, this.claims, spki);
  }

  async evidence(nonce: string, channel?: Channel): Promise<EvidenceEnvelope> {
    return this.overNonce(nonce, channel);
  }

  async certificate(spki: Uint8Array): Promise<Uint8Array> {
    return this.forKey(spki);
  }
}
