/**
 * Verdicts as EAR tokens (draft-ietf-rats-ear): a JWT with an AR4SI trustworthiness vector (draft-ietf-rats-ar4si),
 * signed with ES256, and the JWKS that verifies it.
 *
 * The vector says what the verdict shows and no more: what the policy left unchecked is 0, "no claim".
 */

import { type FailureCode, groupOf } from '../verifier/codes.ts';
import type { Claims, Verdict } from '../verifier/verdict.ts';
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

export function trustVector({ tee, failures, claims, tcbStatus }: Verdict): TrustVector {
  const has = (...codes: readonly FailureCode[]): boolean => failures.some(({ code }) => codes.includes(code));
  const inGroup = (group: ReturnType<typeof groupOf>): boolean => failures.some(({ code }) => groupOf(code) === group);
  const unchecked = Array.isArray(claims.unchecked) ? (claims.unchecked as readonly string[]) : [];
  const genuine = !inGroup('evidence') && !inGroup('chain');
  const hardware = tee === 'sim' ? UNRECOGNISED_HARDWARE : !genuine ? UNRECOGNISED_HARDWARE : inGroup('collateral') || tcbStatus === 'Revoked' || tcbStatus === 'NotSupported' ? CONTRAINDICATED : inGroup('tcb') ? OUT_OF_DATE : AFFIRMED;
  const configuration = has('debug') ? CONTRAINDICATED : failures.some(({ code }) => groupOf(code) === 'policy' && !EXECUTABLE_CODES.includes(code) && !DATA_CODES.includes(code)) ? UNSAFE_CONFIGURATION : AFFIRMED;
  const executables = has(...EXECUTABLE_CODES) ? UNRECOGNISED_EXECUTABLES : unchecked.includes('measurement') ? NO_CLAIM : AFFIRMED;
  const sourced = has(...DATA_CODES) ? CONTRAINDICATED : unchecked.includes('reportData') ? NO_CLAIM : AFFIRMED;
  return {
    'instance-identity': genuine ? AFFIRMED : CRYPTOGRAPHIC_FAILURE,
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
}

export type EarPayload = Claims;

export function earPayload(verdict: Verdict, { verifier, policyId, issuedAt, lifetime, nonce }: EarOptions): EarPayload {
  const vector = trustVector(verdict);
  const iat = Math.floor(issuedAt.getTime() / 1000);
  return {
    eat_profile: EAR_PROFILE,
    iat,
    exp: iat + lifetime,
    ...(nonce !== undefined && { eat_nonce: nonce }),
    'ear.verifier-id': { build: verifier.build, developer: verifier.developer },
    submods: {
      cpu0: {
        'ear.status': statusOf(vector, verdict.accepted),
        'ear.trustworthiness-vector': { ...vector },
        'ear.appraisal-policy-id': policyId,
        'ear.veraison.annotated-evidence': {
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
  readonly privateKey: CryptoKey;
  readonly jwk: EarJwk;
}

/** The thumbprint (RFC 7638) names the key. */
async function publicJwk(key: CryptoKey): Promise<EarJwk> {
  const { x = '', y = '' } = await subtle.exportKey('jwk', key);
  const kid = toBase64url(new Uint8Array(await subtle.digest('SHA-256', utf8.encode(`{"crv":"P-256","kty":"EC","x":"${x}","y":"${y}"}`))));
  return { kty: 'EC', crv: 'P-256', x, y, kid, alg: 'ES256', use: 'sig' };
}

export async function generateEarKey(): Promise<EarKey> {
  const { privateKey, publicKey } = await subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
  return { privateKey, jwk: await publicJwk(publicKey) };
}

/** From PKCS #8. */
export async function importEarKey(pkcs8: Uint8Array): Promise<EarKey> {
  const privateKey = await subtle.importKey('pkcs8', pkcs8 as Uint8Array<ArrayBuffer>, { name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign']);
  const { d: _, key_ops: __, ...rest } = await subtle.exportKey('jwk', privateKey);
  const publicKey = await subtle.importKey('jwk', rest, { name: 'ECDSA', namedCurve: 'P-256' }, true, ['verify']);
  return { privateKey, jwk: await publicJwk(publicKey) };
}

export const jwks = (...keys: readonly EarKey[]): { readonly keys: readonly EarJwk[] } => ({ keys: keys.map(({ jwk }) => jwk) });

/** Compact serialisation (RFC 7515). */
export async function signEar(payload: EarPayload, key: EarKey): Promise<string> {
  const header = { alg: 'ES256', typ: 'JWT', kid: key.jwk.kid };
  const signed = `${toBase64url(utf8.encode(JSON.stringify(header)))}.${toBase64url(utf8.encode(JSON.stringify(payload)))}`;
  const signature = new Uint8Array(await subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, key.privateKey, utf8.encode(signed)));
  return `${signed}.${toBase64url(signature)}`;
}

export type EarFault = 'format' | 'algorithm' | 'key' | 'signature' | 'profile' | 'expired' | 'not-yet-valid';

/**
 * The payload of a token that a key of the set signed, or what is wrong with it. ES256 alone is taken, whatever the
 * header says; the header's own keys and addresses of keys are never looked at.
 */
export async function verifyEar(token: string, set: { readonly keys: readonly EarJwk[] }, at: Date): Promise<{ readonly payload: EarPayload } | { readonly fault: EarFault }> {
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
  if (header.alg !== 'ES256' || header.crit !== undefined) return { fault: 'algorithm' };
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
  if (payload.eat_profile !== EAR_PROFILE) return { fault: 'profile' };
  const now = at.getTime() / 1000;
  if (typeof payload.exp !== 'number' || payload.exp <= now) return { fault: 'expired' };
  if (typeof payload.iat !== 'number' || payload.iat > now + 60) return { fault: 'not-yet-valid' };
  return { payload: payload as EarPayload };
}
