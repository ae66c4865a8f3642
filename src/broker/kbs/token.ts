/**
 * Attestation tokens: EAR (draft-ietf-rats-ear) as a JWT, ES256, laid out so that relying parties of Confidential
 * Containers find their claims, the enclave's key among them. The only algorithm that is read is the one that is written.
 */

import { type CryptoKey, calculateJwkThumbprint, exportJWK, importSPKI, type JWK, jwtVerify } from 'jose';
import { base64url, type PrivateKey, recipientOf, type RecipientJwk } from '../../crypto/index.ts';
import { Problem } from '../errors.ts';
import type { EvidenceContext } from './appraise.ts';

export const TOKEN_PROFILE = 'tag:github.com,2024:confidential-containers/Trustee';
const ALGORITHM = 'ES256';
const ISSUER = 'cloister-broker';
/** Clocks of brokers that share a database may differ by this. */
const TOLERANCE_S = 5;
const utf8 = new TextEncoder();

/** What an attested client is known by. */
export interface Attested {
  readonly context: EvidenceContext;
  readonly key: RecipientJwk;
}

export class Tokens {
  readonly #private: PrivateKey;
  readonly #header: string;
  readonly #public: CryptoKey;
  readonly #jwk: JWK;
  readonly #now: () => number;
  readonly #version: string;

  private constructor(privateKey: PrivateKey, publicKey: CryptoKey, jwk: JWK, now: () => number, version: string) {
    this.#private = privateKey;
    this.#public = publicKey;
    this.#header = base64url(utf8.encode(JSON.stringify({ alg: ALGORITHM, typ: 'JWT', kid: jwk.kid })));
    this.#jwk = jwk;
    this.#now = now;
    this.#version = version;
  }

  static async with(key: PrivateKey, now: () => number, version: string): Promise<Tokens> {
    const publicKey = await importSPKI(key.publicKey.pem(), ALGORITHM, { extractable: true });
    const jwk = await exportJWK(publicKey);
    return new Tokens(key, publicKey, { ...jwk, kid: await calculateJwkThumbprint(jwk), alg: ALGORITHM, use: 'sig' }, now, version);
  }

  /** RFC 7517 §5. */
  jwks(): { keys: JWK[] } {
    return { keys: [this.#jwk] };
  }

  /** `expires` in milliseconds. */
  issue({ context, key }: Attested, nonce: string, expires: number): string {
    const { tee, simulated, tcbStatus } = context;
    const status = simulated ? 'none' : tcbStatus === 'UpToDate' || tcbStatus === 'NotPublished' ? 'affirming' : 'warning';
    // AR4SI (draft-ietf-rats-ar4si) §2.3.4: 2 affirming, 32 warning, 0 no claim.
    const trust = { none: 0, affirming: 2, warning: 32 }[status];
    const now = Math.floor(this.#now() / 1000);
    const claims = {
      iss: ISSUER,
      jti: crypto.randomUUID(),
      iat: now,
      nbf: now,
      exp: Math.floor(expires / 1000),
      eat_profile: TOKEN_PROFILE,
      'ear.verifier-id': { developer: 'cloister', build: this.#version },
      submods: {
        cpu0: {
          'ear.status': status,
          'ear.trustworthiness-vector': { 'instance-identity': trust, configuration: trust, executables: trust, hardware: trust },
          'ear.appraisal-policy-id': 'default',
          'ear.veraison.annotated-evidence': { [tee]: { ...context }, runtime_data_claims: { nonce, 'tee-pubkey': key } },
        },
      },
    };
    // RFC 7515 §3.1. Not by the library, whose keys sign on another thread: a handshake would take a tenth longer.
    const signed = `${this.#header}.${base64url(utf8.encode(JSON.stringify(claims)))}`;
    return `${signed}.${base64url(this.#private.sign(utf8.encode(signed)))}`;
  }

  /** Throws Problem for anything but a token of this broker that is valid now. */
  async read(token: string): Promise<Attested> {
    let claims: { submods?: { cpu0?: Readonly<Record<string, unknown>> } };
    try {
      const { payload } = await jwtVerify(token, this.#public, { algorithms: [ALGORITHM], issuer: ISSUER, typ: 'JWT', requiredClaims: ['exp', 'nbf', 'iat'], currentDate: new Date(this.#now()), clockTolerance: TOLERANCE_S });
      claims = payload as typeof claims;
    } catch (error) {
      throw new Problem('TokenVerifierError', `a token was not accepted: ${(error as Error).message}`);
    }
    const evidence = claims.submods?.cpu0?.['ear.veraison.annotated-evidence'] as Readonly<Record<string, unknown>> | undefined;
    const runtime = evidence?.runtime_data_claims as { 'tee-pubkey'?: unknown } | undefined;
    const context = Object.entries(evidence ?? {}).find(([name]) => name !== 'runtime_data_claims')?.[1] as EvidenceContext | undefined;
    if (context === undefined) throw new Problem('TokenVerifierError', 'a token has no evidence in it');
    return { context, key: recipientOf(runtime?.['tee-pubkey']) };
  }
}
