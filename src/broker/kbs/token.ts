/**
 * Attestation tokens: the EAR of `attestation/token`, under the profile and with the annotated evidence in which relying
 * parties of Confidential Containers find their claims, the enclave's key among them.
 */

import { type EarJwk, type EarKey, earJwk, earPayload, jwks, signEar, verifyEar } from '../../attestation/token/index.ts';
import type { Claims } from '../../attestation/verifier/index.ts';
import { toHex } from '../../base/bytes.ts';
import { type PrivateKey, recipientOf, type RecipientJwk } from '../../crypto/index.ts';
import { Problem } from '../errors.ts';
import type { Services } from '../services.ts';
import type { EvidenceContext, Verdict } from './appraise.ts';

export const TOKEN_PROFILE = 'tag:github.com,2024:confidential-containers/Trustee';
const ISSUER = 'cloister-broker';
/** Clocks of brokers that share a database may differ by this. */
const TOLERANCE_S = 5;

/** What an attested client is known by. */
export interface Attested {
  readonly context: EvidenceContext;
  readonly key: RecipientJwk;
}

/** Version 4 (RFC 9562 §5.4). */
function uuid(bytes: Uint8Array): string {
  const marked = bytes.map((byte, at) => (at === 6 ? (byte & 0x0f) | 0x40 : at === 8 ? (byte & 0x3f) | 0x80 : byte));
  return toHex(marked).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

interface Surroundings extends Pick<Services, 'now' | 'random'> {
  /** Of the broker. */
  readonly version: string;
}

export class Tokens {
  readonly #key: EarKey;
  readonly #now: () => number;
  readonly #random: (bytes: number) => Uint8Array;
  readonly #version: string;

  private constructor(key: EarKey, { now, random, version }: Surroundings) {
    this.#key = key;
    this.#now = now;
    this.#random = random;
    this.#version = version;
  }

  static async with(key: PrivateKey, surroundings: Surroundings): Promise<Tokens> {
    const { x, y } = key.publicKey.jwk() as { x: string; y: string };
    // Signed at once: WebCrypto's keys sign on another thread, and a handshake would take a tenth longer.
    return new Tokens({ jwk: await earJwk(x, y), sign: (message) => key.sign(message) }, surroundings);
  }

  /** RFC 7517 §5. */
  jwks(): { readonly keys: readonly EarJwk[] } {
    return jwks(this.#key);
  }

  /** `expires` in milliseconds. */
  issue(verdict: Verdict, { context, key }: Attested, nonce: string, expires: number): Promise<string> {
    const issuedAt = new Date(this.#now());
    const iat = Math.floor(issuedAt.getTime() / 1000);
    const payload = earPayload(verdict, {
      verifier: { developer: 'cloister', build: this.#version },
      policyId: 'default',
      issuedAt,
      lifetime: Math.floor(expires / 1000) - iat,
      profile: TOKEN_PROFILE,
      more: { iss: ISSUER, jti: uuid(this.#random(16)), nbf: iat },
      annotated: { [context.tee]: { ...context } as unknown as Claims, runtime_data_claims: { nonce, 'tee-pubkey': { ...key } } },
    });
    return signEar(payload, this.#key);
  }

  /** Throws Problem for anything but a token of this broker that is valid now. */
  async read(token: string): Promise<Attested> {
    const refuse = (why: string): Problem => new Problem('TokenVerifierError', `a token was not accepted: ${why}`);
    const opened = await verifyEar(token, this.jwks(), new Date(this.#now()), { profile: TOKEN_PROFILE, aheadS: TOLERANCE_S, graceS: TOLERANCE_S });
    if ('fault' in opened) throw refuse(opened.fault);
    const { iss, submods } = opened.payload as Claims & { submods?: { cpu0?: Claims } };
    if (iss !== ISSUER) throw refuse('issuer');
    const evidence = submods?.cpu0?.['ear.veraison.annotated-evidence'] as Claims | undefined;
    const runtime = evidence?.runtime_data_claims as Claims | undefined;
    const context = Object.entries(evidence ?? {}).find(([name]) => name !== 'runtime_data_claims')?.[1] as EvidenceContext | undefined;
    if (context === undefined) throw refuse('it has no evidence in it');
    return { context, key: recipientOf(runtime?.['tee-pubkey']) };
  }
}
