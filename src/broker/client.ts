/**
 * The client's side of the KBS protocol: makes a key, has evidence made over it and the broker's nonce, and opens what
 * comes back. Carried by whatever `send` is.
 */

import { type Canonical, canonicalBytes } from '../attestation/canonical.ts';
import { type FlattenedJwe, RecipientKey, sha384 } from '../crypto/index.ts';
import { choosesStatement, OFFERS_STATEMENT } from './kbs/extra-params.ts';
import { expectedReportData } from './kbs/report-data.ts';

export interface ClientResponse {
  readonly status: number;
  /** Of the session, as `name=value`, where the answer sets one. */
  readonly cookie?: string;
  readonly body: string;
}

export type Send = (method: 'GET' | 'POST', path: string, headers: Readonly<Record<string, string>>, body?: string) => Promise<ClientResponse>;

export interface Attester {
  /** The TEE's name in the KBS protocol. */
  readonly tee: string;
  /** Claims of the enclave that the hardware's measurement does not cover: part of the runtime data, and so of what the evidence is over; stated to brokers that read them. */
  readonly cloister?: { readonly [name: string]: Canonical };
  /** `primary_evidence` over 64 bytes of report data. */
  evidence(reportData: Uint8Array): unknown;
}

export type BrokerClientErrorCode = 'broker-refused' | 'broker-not-found' | 'broker-conflict' | 'broker-answer';

const CODES: Readonly<Record<number, BrokerClientErrorCode>> = { 401: 'broker-refused', 404: 'broker-not-found', 409: 'broker-conflict' };

export class BrokerClientError extends Error {
  override readonly name = 'BrokerClientError';
  readonly code: BrokerClientErrorCode;

  constructor(code: BrokerClientErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

function parse(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value as Readonly<Record<string, unknown>>;
  } catch {
    // Told below.
  }
  throw new BrokerClientError('broker-answer', 'the broker answered something that is not of the KBS protocol');
}

/** RFC 9457; undefined where the body is none. */
function problemOf({ body }: ClientResponse): { readonly type?: unknown; readonly detail?: unknown } | undefined {
  try {
    return parse(body);
  } catch {
    return undefined;
  }
}

function failure(what: string, answer: ClientResponse): BrokerClientError {
  const problem = problemOf(answer);
  const detail = problem === undefined ? '' : `: ${String(problem.detail).slice(0, 300)}`;
  const { status } = answer;
  return new BrokerClientError(CODES[status] ?? 'broker-answer', `the broker refused ${what} (status ${status})${detail}`);
}

export class BrokerClient {
  readonly #send: Send;
  readonly #attester: Attester;
  readonly #key = new RecipientKey();
  #cookie: string | undefined;

  constructor(send: Send, attester: Attester) {
    this.#send = send;
    this.#attester = attester;
  }

  /** Throws BrokerClientError. Resolves with the token. */
  async attest(): Promise<string> {
    const { tee } = this.#attester;
    const json = { 'content-type': 'application/json' };
    const { cloister } = this.#attester;
    const challenge = await this.#send('POST', '/kbs/v0/auth', json, JSON.stringify({ version: '0.4.0', tee, 'extra-params': cloister === undefined ? {} : OFFERS_STATEMENT }));
    if (challenge.status !== 200) throw failure('the handshake', challenge);
    const { nonce, 'extra-params': chosen } = parse(challenge.body);
    if (typeof nonce !== 'string' || challenge.cookie === undefined) throw new BrokerClientError('broker-answer', 'the broker gave no nonce or no session');
    const runtime = { ...(cloister !== undefined && choosesStatement(chosen) && { cloister }), nonce, 'tee-pubkey': { ...this.#key.publicJwk } };
    const reportData = expectedReportData(sha384(canonicalBytes({ ...runtime, 'additional-evidence': '' })));
    const body = JSON.stringify({ 'init-data': null, 'runtime-data': runtime, 'tee-evidence': { primary_evidence: this.#attester.evidence(reportData), additional_evidence: '' } });
    const answer = await this.#send('POST', '/kbs/v0/attest', { ...json, cookie: challenge.cookie }, body);
    if (answer.status !== 200) throw failure('the evidence', answer);
    const { token } = parse(answer.body);
    if (typeof token !== 'string') throw new BrokerClientError('broker-answer', 'the broker gave no token');
    this.#cookie = challenge.cookie;
    return token;
  }

  /** With a session; a new one where the broker knows it no longer. */
  async #ask(method: 'GET' | 'POST', path: string, what: string, body?: string): Promise<ClientResponse> {
    const isNew = this.#cookie === undefined;
    if (isNew) await this.attest();
    const answer = await this.#send(method, path, { cookie: this.#cookie as string, ...(body !== undefined && { 'content-type': 'application/json' }) }, body);
    if (answer.status === 200) return answer;
    if (!isNew && answer.status === 401 && /\/Token(NotFound|VerifierError)$/.test(String(problemOf(answer)?.type))) {
      this.#cookie = undefined;
      return this.#ask(method, path, what, body);
    }
    throw failure(what, answer);
  }

  /** `repository/type/tag`, the newest version unless one is named. Wipe what it resolves with. Throws BrokerClientError, JweError. */
  async resource(path: string, version?: number): Promise<Uint8Array> {
    const answer = await this.#ask('GET', `/kbs/v0/resource/${path}${query(version)}`, path);
    const jwe = parse(answer.body);
    for (const name of ['protected', 'encrypted_key', 'iv', 'ciphertext', 'tag']) if (typeof jwe[name] !== 'string') throw new BrokerClientError('broker-answer', 'the broker answered something that is no JWE');
    return this.#key.decrypt(jwe as unknown as FlattenedJwe);
  }

  /** Where the storage stands whose key the resource is, and which version of the resource that is. Throws BrokerClientError. */
  async counter(path: string): Promise<{ readonly value: number; readonly version: number }> {
    const { value, version } = parse((await this.#ask('GET', `/cloister/v0/counter/${path}`, `the counter of ${path}`)).body);
    if (!Number.isSafeInteger(value) || !Number.isSafeInteger(version)) throw new BrokerClientError('broker-answer', 'the broker answered something that is no counter');
    return { value: value as number, version: version as number };
  }

  /** `from` is what `counter` gave when the storage was opened; `holder`: 32 hexadecimal digits, one choice for one opening. Throws BrokerClientError; `broker-conflict` where somebody else has it. */
  async advance(path: string, version: number, { from, value, holder }: { readonly from: number; readonly value: number; readonly holder: string }): Promise<void> {
    await this.#ask('POST', `/cloister/v0/counter/${path}${query(version)}`, `to advance the counter of ${path}`, JSON.stringify({ value, from, holder }));
  }
}

const query = (version: number | undefined): string => (version === undefined ? '' : `?version=${version}`);

const URI = /^kbs:\/\/([^/?#]*)\/([A-Za-z0-9_-][A-Za-z0-9._-]{0,127}\/[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}\/[A-Za-z0-9_-][A-Za-z0-9._-]{0,127})$/;

/** `kbs:///repository/type/tag`, or with the broker's host and port. `undefined` for anything else. */
export function parseKbsUri(text: string): { readonly host: string; readonly path: string } | undefined {
  const match = URI.exec(text);
  return match === null ? undefined : { host: match[1], path: match[2] };
}
