/**
 * Verdicts as EAR tokens (draft-ietf-rats-ear): a JWT with an AR4SI trustworthiness vector (draft-ietf-rats-ar4si),
 * signed with ES256, and the JWKS that verifies it.
 *
 * The vector says what the verdict shows and no more: what the policy left unchecked is 0, "no claim".
 */

import { type FailureCode, groupOf } from '../verifier/codes.ts';
import type { Claim, Claims } from '../verifier/verdict.ts';
import { fromBase64, toBase64url } from '../verifier/x509/pem.ts';

const { subtle } = globalThis.crypto;
const utf8 = new TextEncoder();

export type EarStatus = 'none' | 'affirming' | 'warning' | 'contraindicated';

export type TrustVector = Readonly<Record<'instance-identity' | 'configuration' | 'executables' | 'file-system' | 'hardware' | 'runtime-opaque' | 'storage-opaque' | 'sourced-data', number>>;

/** AR4SI §2.3: values of claims that are used here. */
const NO_CLAIM = 0;
const AFFIRMED = 2;
const UNSAFE_CONFIGURATION = 32;
const OUT_OF_DATE = 32;
const UNRECOGNISED_EXECUTABLES = 33;
const CONTRAINDICATED = 96;
const UNRECOGNISED_HARDWARE = 97;
const CRYPTOGRAPHIC_FAILURE = 99;

const EXECUTABLE_CODES: readonly FailureCode[] = ['measurement', 'signer', 'product-id', 'security-version', 'tdx-rtmr', 'event-log-replay', 'snp-id-block'];
const DATA_CODES: readonly FailureCode[] = ['report-data', 'runtime-data', 'vtpm-nonce', 'certificate-binding'];

/** A verdict of the verifier, or of another appraiser of the same shape. */
export interface Appraised {
  readonly tee: string;
  readonly accepted: boolean;
  readonly tcbStatus: string | null;
  readonly tcbDate: string | null;
  readonly advisories: readonly string[];
  readonly failures: readonly { readonly code: string; readonly message: string }[];
  readonly claims: Claims;
}

/** Environments that protect nothing: no hardware vouches for them. */
const SIMULATED: readonly string[] = ['sim', 'sample'];

export function trustVector({ tee, failures, claims, tcbStatus }: Appraised): TrustVector {
  const has = (...codes: readonly string[]): boolean => failures.some(({ code }) => codes.includes(code));
  const inGroup = (group: ReturnType<typeof groupOf>): boolean => failures.some(({ code }) => groupOf(code as FailureCode) === group);
  const unchecked = Array.isArray(claims.unchecked) ? (claims.unchecked as readonly string[]) : [];
  const genuine = !inGroup('evidence') && !inGroup('chain');
  const hardware = SIMULATED.includes(tee)
    ? UNRECOGNISED_HARDWARE
    : !genuine
      ? UNRECOGNISED_HARDWARE
      : inGroup('collateral') || tcbStatus === 'Revoked' || tcbStatus === 'NotSupported'
        ? CONTRAINDICATED
        : inGroup('tcb')
          ? OUT_OF_DATE
          : AFFIRMED;
  const configuration = has('debug') ? CONTRAINDICATED : failures.some(({ code }) => groupOf(code as FailureCode) === 'policy' && ![...EXECUTABLE_CODES, ...DATA_CODES].includes(code as FailureCode)) ? UNSAFE_CONFIGURATION : AFFIRMED;
  const executables = has(...EXECUTABLE_CODES) ? UNRECOGNISED_EXECUTABLES : unchecked.includes('measurement') ? NO_CLAIM : AFFIRMED;
  const sourced = has(...DATA_CODES) ? CONTRAINDICATED : unchecked.includes('reportData') ? NO_CLAIM : AFFIRMED;
  return {
    // AR4SI affirms an instance that is "not known to be compromised": without a revocation list nobody knows.
    'instance-identity': !genuine ? CRYPTOGRAPHIC_FAILURE : unchecked.includes('snp.revocation') ? NO_CLAIM : AFFIRMED,
    configuration,
    executables,
    'file-system': NO_CLAIM,
    hardware,
    'runtime-opaque': configuration === AFFIRMED && hardware === AFFIRMED ? AFFIRMED : NO_CLAIM,
    'storage-opaque': NO_CLAIM,
    'sourced-data': sourced,
  };
}

/** The worst tier of the vector (AR4SI §2.3.2); a refused verdict is never better than a warning. */
export function statusOf(vector: TrustVector, accepted: boolean): EarStatus {
  const worst = Math.max(...Object.values(vector));
  if (worst >= 96) return 'contraindicated';
  if (worst >= 32 || !accepted) return 'warning';
  return worst >= 2 ? 'affirming' : 'none';
}

export const EAR_PROFILE = 'tag:github.com,2023:veraison/ear';

export interface EarOptions {
  readonly verifier: { readonly build: string; readonly developer: string };
  readonly policyId: string;
  readonly issuedAt: Date;
  /** Seconds. */
  readonly lifetime: number;
  readonly nonce?: string;
  /** Of relying parties that know the claims by another profile; `EAR_PROFILE` otherwise. */
  readonly profile?: string;
  /** Claims of the token besides EAR's own (RFC 7519 §4). */
  readonly more?: Claims;
  /** What the profile has in `ear.veraison.annotated-evidence`; the whole verdict otherwise. */
  readonly annotated?: Claim;
}

export type EarPayload = Claims;

export function earPayload(verdict: Appraised, { verifier, policyId, issuedAt, lifetime, nonce, profile = EAR_PROFILE, more = {}, annotated }: EarOptions): EarPayload {
  const vector = trustVector(verdict);
  const iat = Math.floor(issuedAt.getTime() / 1000);
  return {
    ...more,
    eat_profile: profile,
    iat,
    exp: iat + lifetime,
    ...(nonce !== undefined && { eat_nonce: nonce }),
    'ear.verifier-id': { build: verifier.build, developer: verifier.developer },
    submods: {
      cpu0: {
        'ear.status': statusOf(vector, verdict.accepted),
        'ear.trustworthiness-vector': { ...vector },
        'ear.appraisal-policy-id': policyId,
        'ear.veraison.annotated-evidence': annotated ?? {
          tee: verdict.tee,
          accepted: verdict.accepted,
          tcbStatus: verdict.tcbStatus,
          tcbDate: verdict.tcbDate,
          advisories: verdict.advisories,
          failures: verdict.failures.map(({ code, message }) => ({ code, message })),
          claims: verdict.claims,
        },
      },
    },
  };
}

export interface EarJwk {
  readonly kty: 'EC';
  readonly crv: 'P-256';
  readonly x: string;
  readonly y: string;
  readonly kid: string;
  readonly alg: 'ES256';
  readonly use: 'sig';
}

export interface EarKey {
  readonly jwk: EarJwk;
  /** ES256: r ‖ s, 64 bytes. */
  sign(message: Uint8Array): Promise<Uint8Array> | Uint8Array;
}

/** A P-256 key by its coordinates, base64url; the thumbprint (RFC 7638) names it. */
export async function earJwk(x: string, y: string): Promise<EarJwk> {
  const kid = toBase64url(new Uint8Array(await subtle.digest('SHA-256', utf8.encode(`{"crv":"P-256","kty":"EC","x":"${x}","y":"${y}"}`))));
  return { kty: 'EC', crv: 'P-256', x, y, kid, alg: 'ES256', use: 'sig' };
}

async function earKeyOf(privateKey: CryptoKey): Promise<EarKey> {
  const { x = '', y = '' } = await subtle.exportKey('jwk', privateKey);
  return { jwk: await earJwk(x, y), sign: async (message) => new Uint8Array(await subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, privateKey, message as Uint8Array<ArrayBuffer>)) };
}

export async function generateEarKey(): Promise<EarKey> {
  const { privateKey } = await subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
  return earKeyOf(privateKey);
}

/** From PKCS #8. */
export async function importEarKey(pkcs8: Uint8Array): Promise<EarKey> {
  return earKeyOf(await subtle.importKey('pkcs8', pkcs8 as Uint8Array<ArrayBuffer>, { name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign']));
}

export const jwks = (...keys: readonly EarKey[]): { readonly keys: readonly EarJwk[] } => ({ keys: keys.map(({ jwk }) => jwk) });

/** Compact serialisation (RFC 7515). */
export async function signEar(payload: EarPayload, key: EarKey): Promise<string> {
  const header = { alg: 'ES256', typ: 'JWT', kid: key.jwk.kid };
  const signed = `${toBase64url(utf8.encode(JSON.stringify(header)))}.${toBase64url(utf8.encode(JSON.stringify(payload)))}`;
  return `${signed}.${toBase64url(await key.sign(utf8.encode(signed)))}`;
}

export type EarFault = 'format' | 'algorithm' | 'key' | 'signature' | 'profile' | 'expired' | 'not-yet-valid';

export interface EarChecks {
  /** `EAR_PROFILE`, unless given. */
  readonly profile?: string;
  /** By how many seconds the clock of whoever issued the token may be ahead: 60, unless given. */
  readonly aheadS?: number;
  /** For how many seconds after its expiry a token is still taken: none, unless given. */
  readonly graceS?: number;
}

/**
 * The payload of a token that a key of the set signed, or what is wrong with it. ES256 alone is taken, whatever the
 * header says; the header's own keys and addresses of keys are never looked at.
 */
export async function verifyEar(
  token: string,
  set: { readonly keys: readonly EarJwk[] },
  at: Date,
  { profile = EAR_PROFILE, aheadS = 60, graceS = 0 }: EarChecks = {},
): Promise<{ readonly payload: EarPayload } | { readonly fault: EarFault }> {
  const parts = token.split('.');
  const [header, payload] = parts.slice(0, 2).map((part) => {
    try {
      return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(fromBase64(part))) as Record<string, unknown>;
    } catch {
      return undefined;
    }
  });
  const signature = parts.length === 3 && !parts[2].includes('=') ? fromBase64(parts[2]) : undefined;
  if (header === undefined || header === null || payload === undefined || payload === null || signature?.length !== 64) return { fault: 'format' };
  if (header.alg !== 'ES256' || header.crit !== undefined || (header.typ ?? 'JWT') !== 'JWT') return { fault: 'algorithm' };
  const jwk = set.keys.find(({ kid }) => kid === header.kid);
  if (jwk === undefined) return { fault: 'key' };
  let holds: boolean;
  try {
    const { kty, crv, x, y } = jwk;
    const key = await subtle.importKey('jwk', { kty, crv, x, y }, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['verify']);
    holds = await subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, key, signature as Uint8Array<ArrayBuffer>, utf8.encode(`${parts[0]}.${parts[1]}`));
  } catch {
    return { fault: 'key' };
  }
  if (!holds) return { fault: 'signature' };
  if (payload.eat_profile !== profile) return { fault: 'profile' };
  const now = at.getTime() / 1000;
  if (typeof payload.exp !== 'number' || payload.exp + graceS <= now) return { fault: 'expired' };
  for (const since of [payload.iat, payload.nbf ?? payload.iat]) if (typeof since !== 'number' || since > now + aheadS) return { fault: 'not-yet-valid' };
  return { payload: payload as EarPayload };
}
