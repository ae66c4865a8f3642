/**
 * Owners sign their requests: a JWT (RFC 7519) of at most five minutes by the key that the broker knows them by, ES256 or
 * EdDSA. For our own API it names the method, the path and the hash of the body, so that it is good for that request alone.
 */

import { decodeJwt, importJWK, type JWK, jwtVerify, SignJWT, importPKCS8 } from 'jose';
import { equalSecret } from '../../base/bytes.ts';
import { base64url, PublicKey, type PrivateKey, sha256 } from '../../crypto/index.ts';
import { appendTo } from '../audit/log.ts';
import { Problem } from '../errors.ts';
import { bearer, type HttpRequest } from '../http.ts';
import { ownerKey } from '../keys/ring.ts';
import type { Owner } from '../resources.ts';
import type { Services } from '../services.ts';
import { numberOf, type Sql, type SqlRow, textOf } from '../sql.ts';

const AUDIENCE = 'cloister-broker';
const MAX_AGE_S = 300;
const TOLERANCE_S = 30;
export const OWNER_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

export interface OwnerInfo extends Owner {
  /** SPKI in PEM. */
  readonly publicKey: string;
  readonly created: number;
}

const ownerOf = (row: SqlRow): OwnerInfo => ({ id: textOf(row, 'id'), tenant: textOf(row, 'tenant'), role: textOf(row, 'role') as Owner['role'], publicKey: textOf(row, 'public_key'), created: numberOf(row, 'created') });

export async function listOwners(sql: Sql): Promise<OwnerInfo[]> {
  return (await sql.query('SELECT id, tenant, role, public_key, created FROM owners ORDER BY id')).map(ownerOf);
}

export async function addOwner({ database, auditKey, ring, now }: Services, by: string, owner: Owner, publicKeyPem: string): Promise<void> {
  if (!OWNER_NAME.test(owner.id) || !OWNER_NAME.test(owner.tenant)) throw Problem.open('InvalidRequest', 'names of owners and tenants are letters, digits, dot, dash and underscore');
  if (owner.role !== 'admin' && owner.role !== 'owner') throw Problem.open('InvalidRequest', 'the role is owner or admin');
  const pem = PublicKey.fromPem(publicKeyPem).pem();
  await database.transaction(async (sql) => {
    const [present] = await sql.query('SELECT id FROM owners WHERE id = $1', owner.id);
    if (present !== undefined) throw Problem.open('Conflict', `there is an owner ${owner.id} already`);
    await sql.run('INSERT INTO owners (id, tenant, role, public_key, created) VALUES ($1, $2, $3, $4, $5)', owner.id, owner.tenant, owner.role, pem, now());
    await ring.current(sql, ownerKey(owner.id), 'root');
    await appendTo(sql, [{ event: 'owner-added', owner: owner.id, subject: owner.id, detail: { by, tenant: owner.tenant, role: owner.role } }], auditKey, now());
  });
}

async function verifies(token: string, { publicKey }: OwnerInfo, now: number): Promise<Readonly<Record<string, unknown>> | undefined> {
  const key = PublicKey.fromPem(publicKey);
  try {
    const jwk = { ...(key.jwk() as JWK), alg: key.algorithm };
    const { payload } = await jwtVerify(token, await importJWK(jwk, key.algorithm), { algorithms: [key.algorithm], requiredClaims: ['exp'], currentDate: new Date(now), clockTolerance: TOLERANCE_S });
    return payload as Readonly<Record<string, unknown>>;
  } catch {
    return undefined;
  }
}

/** Who has signed the request; `bound` where the token must be for it alone. Throws Problem. */
export async function authenticateOwner({ database, now }: Services, request: HttpRequest, bound: 'bound' | 'free'): Promise<Owner> {
  const refuse = (why: string): Problem => new Problem('AdminAuth', `an owner's request was refused: ${why}`);
  const token = bearer(request);
  if (token === undefined) throw refuse('no token');
  let issuer: string | undefined;
  try {
    issuer = decodeJwt(token).iss;
  } catch {
    throw refuse('the token is no JWT');
  }
  // Tokens of other tools for the KBS protocol do not say whose they are.
  const candidates = (await listOwners(database)).filter(({ id }) => issuer === undefined || issuer === id);
  for (const owner of candidates) {
    const claims = await verifies(token, owner, now());
    if (claims === undefined) continue;
    const seconds = Math.floor(now() / 1000);
    if (Number(claims.exp) - seconds > MAX_AGE_S + TOLERANCE_S) throw refuse('the token is good for longer than five minutes');
    if (claims.aud !== undefined && claims.aud !== AUDIENCE) throw refuse('the token is for somebody else');
    const named = [claims.htm, claims.htp, claims.bsh];
    const actual = bindingOf(request);
    if (named.some((each) => each !== undefined) || bound === 'bound') {
      const text = new TextEncoder();
      if (claims.aud !== AUDIENCE || !named.every((each, at) => typeof each === 'string' && equalSecret(text.encode(each), text.encode(actual[at])))) throw refuse('the token is for another request');
    }
    return { id: owner.id, tenant: owner.tenant, role: owner.role };
  }
  throw refuse('the token is not signed by a known owner, or has expired');
}

const bindingOf = ({ method, path, query, body }: Pick<HttpRequest, 'method' | 'path' | 'query' | 'body'>): [string, string, string] => [method, query.size === 0 ? path : `${path}?${query.toString()}`, base64url(sha256(body))];

/** The client's side. `nowMs` by its own clock: half a minute of difference is allowed. */
export async function signRequest(owner: string, key: PrivateKey, request: Pick<HttpRequest, 'method' | 'path' | 'query' | 'body'>, nowMs: number): Promise<string> {
  const { algorithm } = key.publicKey;
  const [htm, htp, bsh] = bindingOf(request);
  const now = Math.floor(nowMs / 1000);
  return new SignJWT({ htm, htp, bsh })
    .setProtectedHeader({ alg: algorithm, typ: 'JWT' })
    .setIssuer(owner)
    .setAudience(AUDIENCE)
    .setIssuedAt(now)
    .setExpirationTime(now + 60)
    .sign(await importPKCS8(key.pem(), algorithm));
}
