/** Makes evidence of one enclave, or of one broker: the only place that asks a TEE for quotes. */

import { sha384 } from '../crypto/index.ts';
import { evidenceEnvelope, type EvidenceEnvelope } from './envelope.ts';
import { reportDataOf } from './report-data.ts';
import { type BrokerClaims, type Channel, claimsBytes, evidenceStatement, guestStatement, type ImageKind, type Stated, type StatedClaims, statedClaims } from './statement.ts';
import type { Tee } from './tee.ts';
import { diceExtension } from './tls/dice.ts';

/** Where evidence comes from: the enclave's own thread, the broker's, or a call to one. */
export interface EvidenceSource {
  /** Over a nonce (hexadecimal, 8 to 64 bytes), and a connection if one is given. Rejects with RangeError, TeeError. */
  evidence(nonce: string, channel?: Channel): Promise<EvidenceEnvelope>;
  /** Value of the extension 2.23.133.5.4.9 for a key (SubjectPublicKeyInfo, DER). */
  certificate(spki: Uint8Array): Promise<Uint8Array>;
}

/** Evidence over what is stated. */
class StatingAttester implements EvidenceSource {
  readonly tee: Tee;
  readonly #stated: Stated;

  constructor(tee: Tee, stated: Stated) {
    this.tee = tee;
    this.#stated = stated;
  }

  /** Extends the run-time register, where there is one, by SHA-384 of the claims. Once, at the start. */
  record(): void {
    const stated = this.#stated;
    this.tee.extend(sha384(claimsBytes('broker' in stated ? stated.broker : stated.cloister)));
  }

  envelope(runtimeData: Uint8Array): EvidenceEnvelope {
    return evidenceEnvelope(this.tee.type, this.tee.evidence(reportDataOf(runtimeData)), runtimeData);
  }

  overNonce(nonce: string, channel?: Channel): EvidenceEnvelope {
    return this.envelope(evidenceStatement(this.#stated, nonce, channel));
  }

  forKey(spki: Uint8Array): Uint8Array {
    return diceExtension(this.tee, this.#stated, spki);
  }

  async evidence(nonce: string, channel?: Channel): Promise<EvidenceEnvelope> {
    return this.overNonce(nonce, channel);
  }

  async certificate(spki: Uint8Array): Promise<Uint8Array> {
    return this.forKey(spki);
  }
}

export class Attester extends StatingAttester {
  readonly claims: StatedClaims;

  constructor(tee: Tee, imageKind: ImageKind) {
    const claims = statedClaims(tee.measurements(), imageKind);
    super(tee, { cloister: claims });
    this.claims = claims;
  }

  /** For a program inside, over 64 bytes of its choice. */
  forGuest(data: Uint8Array): EvidenceEnvelope {
    return this.envelope(guestStatement(this.claims, data));
  }
}

export class BrokerAttester extends StatingAttester {
  constructor(tee: Tee, claims: BrokerClaims) {
    super(tee, { broker: claims });
  }
}
