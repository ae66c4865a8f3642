/**
 * The Request-Challenge-Attestation-Response handshake of the KBS protocol, version 0.4.0: `POST /kbs/v0/auth` gives a nonce
 * and a session, `POST /kbs/v0/attest` takes evidence over them and gives a token. Sessions are rows of the database, so
 * that any broker on it can go on with them. A nonce is used once, whatever comes of it.
 */

import { type Canonical, canonicalBytes } from '../../attestation/index.ts';
import { equalSecret, toHex } from '../../base/bytes.ts';
import { JweError, recipientOf, type RecipientJwk, sha256, sha384 } from '../../crypto/index.ts';
import type { AuditEvent, AuditRecord } from '../audit/log.ts';
import { Problem } from '../errors.ts';
import { bearer, cookie, type HttpRequest, type HttpResponse, json, jsonBody } from '../http.ts';
import type { Services } from '../services.ts';
import { numberOf, type SqlRow, textOf } from '../sql.ts';
import { contextOf, type EvidenceContext, type Verdict } from './appraise.ts';
import { challengeParams } from './extra-params.ts';
import type { Attested } from './token.ts';

export const PROTOCOL_VERSION = '0.4.0';
export const SESSION_COOKIE = 'kbs-session-id';
const NONCE_BYTES = 32;
const SESSION_BYTES = 16;

/** The database holds no session that can be taken over by whoever reads it. */
const sessionKey = (id: string): string => toHex(sha256(new TextEncoder().encode(id)));

const setCookie = (id: string, expires: number): Readonly<Record<string, string>> => ({ 'set-cookie': `${SESSION_COOKIE}=${id}; HttpOnly; Expires=${new Date(expires).toUTCString()}` });

export async function auth({ database, metrics, now, random, appraisers, options }: Services, request: HttpRequest): Promise<HttpResponse> {
  metrics.count('kbs_auth_requests_total');
  try {
    const { version, tee, 'extra-params': offered } = jsonBody(request);
    if (typeof version !== 'string' || typeof tee !== 'string') throw Problem.open('AttestationError', 'the request needs version and tee');
    if (version !== PROTOCOL_VERSION) throw Problem.open('AttestationError', `KBS Client Protocol Version Mismatch: expect =${PROTOCOL_VERSION} while the request is ${version.slice(0, 32)}`);
    if (!appraisers.has(tee)) throw Problem.open('AttestationError', `this broker does not take evidence of ${tee.slice(0, 32)}`);
    const [id, nonce] = [toHex(random(SESSION_BYTES)), random(NONCE_BYTES).toBase64()];
    const expires = now() + options.sessionMs;
    await database.run("INSERT INTO sessions (id, tee, nonce, state, expires) VALUES ($1, $2, $3, 'challenged', $4)", sessionKey(id), tee, nonce, expires);
    metrics.count('kbs_auth_successes_total');
    return json({ nonce, 'extra-params': challengeParams(offered) }, setCookie(id, expires));
  } catch (error) {
    metrics.count('kbs_auth_errors_total');
    throw error;
  }
}

interface Attestation {
  readonly nonce: string;
  readonly key: RecipientJwk;
  readonly evidence: unknown;
  /** Each form in which clients of this version hash the runtime data; the usual one first. */
  readonly forms: readonly (() => Uint8Array)[];
  /** The runtime data says what the enclave is. */
  readonly hasStatement: boolean;
}

function canonical(value: Canonical): Uint8Array {
  try {
    return canonicalBytes(value);
  } catch (error) {
    // Null, fractions, and what is nested too deep.
    throw error instanceof RangeError || error instanceof TypeError ? Problem.open('AttestationError', 'the runtime data has no canonical form') : error;
  }
}

function readAttestation(body: Readonly<Record<string, unknown>>): Attestation {
  const runtime = body['runtime-data'] as Readonly<Record<string, unknown>> | undefined;
  const composite = body['tee-evidence'] as Readonly<Record<string, unknown>> | undefined;
  const nonce = runtime?.nonce;
  const given = runtime?.['tee-pubkey'];
  if (typeof runtime !== 'object' || typeof nonce !== 'string' || typeof composite !== 'object' || composite === null) throw Problem.open('AttestationError', 'the request needs runtime-data with nonce and tee-pubkey, and tee-evidence');
  let key: RecipientJwk;
  try {
    key = recipientOf(given);
  } catch (error) {
    if (!(error instanceof JweError)) throw error;
    throw Problem.open('AttestationError', `tee-pubkey: ${error.message}`);
  }
  // What is hashed is what was sent, so it must be all text.
  const pubkey = given as Readonly<Record<string, string>>;
  if (!Object.values(pubkey).every((value) => typeof value === 'string' && value.isWellFormed()) || !nonce.isWellFormed()) throw Problem.open('AttestationError', 'tee-pubkey: members are text');
  const wrapped = Object.hasOwn(composite, 'primary_evidence');
  const additional = wrapped ? (composite.additional_evidence ?? '') : '';
  // Evidence of devices that nobody verifies must not count as verified.
  if (additional !== '' && additional !== '{}') throw Problem.open('AttestationError', 'additional_evidence is not supported: leave out the devices');
  const { cloister } = runtime;
  const data = { ...(cloister !== undefined && { cloister: cloister as Canonical }), nonce, 'tee-pubkey': pubkey };
  // Without devices, earlier clients of this version hash the key and the nonce alone.
  const forms = [{ ...data, 'additional-evidence': additional as string }, data].map((form) => () => canonical(form));
  return { nonce, key, evidence: wrapped ? composite.primary_evidence : composite, forms, hasStatement: cloister !== undefined };
}

/** Of several attestations with one nonce, on any broker, the first to be settled is the one. */
const SETTLE = "UPDATE sessions SET state = $1, result = $2 WHERE id = $3 AND state = 'challenged'";
const ONCE_MORE = 'nonce-used';

function isNonceOf(session: SqlRow, nonce: string): boolean {
  const utf8 = new TextEncoder();
  return equalSecret(utf8.encode(nonce), utf8.encode(textOf(session, 'nonce')));
}

export async function attest(services: Services, request: HttpRequest): Promise<HttpResponse> {
  const { database, metrics, now, tokens, audit } = services;
  metrics.count('kbs_attestation_requests_total');
  const id = cookie(request, SESSION_COOKIE);
  if (id === undefined) throw countError(services, Problem.open('AttestationError', 'cookie not found'));
  const key = sessionKey(id);
  const [session] = await database.query('SELECT tee, nonce, state, expires FROM sessions WHERE id = $1', key);
  if (session === undefined) throw countError(services, Problem.open('AttestationError', 'session not found'));
  const [tee, expires] = [textOf(session, 'tee'), numberOf(session, 'expires')];
  if (expires <= now()) throw countError(services, Problem.open('AttestationError', 'session expired'));
  const { remote } = request;
  const record = (event: AuditEvent, detail: AuditRecord['detail']): AuditRecord => ({ event, owner: '', subject: tee, detail: { ...detail, remote } });
  const again = record('attestation-refused', { code: ONCE_MORE, message: 'a second attestation with the nonce of a session' });
  /** The nonce is used up together with the entry that says what for. */
  async function settle(state: 'used' | 'attested', result: string | null, what: AuditRecord): Promise<void> {
    const { detail } = await audit.append(async (sql) => ((await sql.run(SETTLE, state, result, key)) === 1 ? what : again));
    if (detail.code === ONCE_MORE) throw countError(services, Problem.open('AttestationError', 'the nonce of this session was used already'));
  }
  if (session.state !== 'challenged') await settle('used', null, again);
  let attestation: Attestation;
  let verdict: Verdict;
  let context: EvidenceContext;
  try {
    attestation = readAttestation(jsonBody(request));
    if (!isNonceOf(session, attestation.nonce)) {
      await settle('used', null, record('attestation-refused', { code: 'nonce', message: 'the nonce is not the one of the session' }));
      throw countError(services, Problem.open('AttestationError', 'the nonce in the handshake session is different from the one in the attestation'));
    }
    verdict = await appraise(services, tee, attestation);
    context = contextOf(verdict);
  } catch (error) {
    // Used up by what cannot be judged as well.
    await database.run(SETTLE, 'used', null, key);
    throw error;
  }
  const { measurement, enclave, signer, tcbStatus, debug } = context;
  if (!verdict.accepted) {
    metrics.count('kbs_attestation_failures_total', tee);
    await settle('used', null, record('attestation-refused', { failures: verdict.failures.map(({ code, message }) => `${code}: ${message}`), measurement }));
    throw new Problem('AttestationError', `evidence of ${tee} refused: ${verdict.failures.map(({ code }) => code).join(', ')}`, 'verify TEE evidence failed');
  }
  const attested: Attested = { context, key: attestation.key };
  const token = await tokens.issue(verdict, attested, attestation.nonce, expires);
  await settle('attested', JSON.stringify(attested), record('attestation-accepted', { measurement, ...(enclave && { enclave: enclave.measurement }), signer, tcbStatus, debug }));
  metrics.count('kbs_attestation_successes_total', tee);
  return json({ token }, setCookie(id, expires));
}

function countError({ metrics }: Services, problem: Problem): Problem {
  metrics.count('kbs_attestation_errors_total');
  return problem;
}

/** What evidence over another form of the runtime data is refused for. */
const BINDINGS: readonly string[] = ['report-data', 'vtpm-nonce', 'runtime-data'];

/** By the first form of the runtime data that the evidence is about; the verdict over the first one where it is none. */
async function appraise({ appraisers, now }: Services, tee: string, { evidence, forms, hasStatement }: Attestation): Promise<Verdict> {
  const appraiser = appraisers.get(tee);
  if (appraiser === undefined) throw Problem.open('AttestationError', `this broker does not take evidence of ${tee}`);
  let first: Verdict | undefined;
  for (const make of forms) {
    const form = make();
    const verdict = await appraiser({ tee, evidence, runtimeHash: sha384(form), ...(hasStatement && { runtimeData: form }), at: now() });
    if (!verdict.failures.some(({ code }) => BINDINGS.includes(code))) return verdict;
    first ??= verdict;
  }
  return first as Verdict;
}

/** Who asks: by session, or else by the token that it shows. Throws Problem. */
export async function identify({ database, now, tokens }: Services, request: HttpRequest): Promise<Attested> {
  const id = cookie(request, SESSION_COOKIE);
  if (id !== undefined) {
    const [row] = await database.query("SELECT result, expires FROM sessions WHERE id = $1 AND state = 'attested'", sessionKey(id));
    if (row !== undefined && numberOf(row, 'expires') > now()) return JSON.parse(textOf(row, 'result'));
  }
  const token = bearer(request);
  if (token === undefined) throw new Problem('TokenNotFound', 'no attested session and no token', 'Attestation Token not found');
  return tokens.read(token);
}
