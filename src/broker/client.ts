/**
 * The client's side of the KBS protocol: makes a key, has evidence made over it and the broker's nonce, and opens what
 * comes back. Carried by whatever `send` is.
 */

import { canonicalBytes } from '../attestation/canonical.ts';
import { type FlattenedJwe, RecipientKey, sha384 } from '../crypto/index.ts';
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
  /** `primary_evidence` over 64 bytes of report data. */
  evidence(reportData: Uint8Array): unknown;
}

export type BrokerClientErrorCode = 'broker-refused' | 'broker-not-found' | 'broker-answer';

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

function failure(what: string, { status, body }: ClientResponse): BrokerClientError {
  let detail = '';
  try {
    detail = `: ${String(parse(body).detail).slice(0, 300)}`;
  } catch {
    // The status must do.
  }
  return new BrokerClientError(status === 404 ? 'broker-not-found' : status === 401 ? 'broker-refused' : 'broker-answer', `the broker refused ${what} (status ${status})${detail}`);
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
    const challenge = await this.#send('POST', '/kbs/v0/auth', json, JSON.stringify({ version: '0.4.0', tee, 'extra-params': {} }));
    if (challenge.status !== 200) throw failure('the handshake', challenge);
    const { nonce } = parse(challenge.body);
    if (typeof nonce !== 'string' || challenge.cookie === undefined) throw new BrokerClientError('broker-answer', 'the broker gave no nonce or no session');
    const runtime = { nonce, 'tee-pubkey': { ...this.#key.publicJwk } };
    const reportData = expectedReportData(sha384(canonicalBytes({ ...runtime, 'additional-evidence': '' })));
    const body = JSON.stringify({ 'init-data': null, 'runtime-data': runtime, 'tee-evidence': { primary_evidence: this.#attester.evidence(reportData), additional_evidence: '' } });
    const answer = await this.#send('POST', '/kbs/v0/attest', { ...json, cookie: challenge.cookie }, body);
    if (answer.status !== 200) throw failure('the evidence', answer);
    const { token } = parse(answer.body);
    if (typeof token !== 'string') throw new BrokerClientError('broker-answer', 'the broker gave no token');
    this.#cookie = challenge.cookie;
    return token;
  }

  /** `repository/type/tag`. Wipe what it resolves with. Throws BrokerClientError, JweError. */
  async resource(path: string): Promise<Uint8Array> {
    if (this.#cookie === undefined) await this.attest();
    const answer = await this.#send('GET', `/kbs/v0/resource/${path}`, { cookie: this.#cookie as string });
    if (answer.status !== 200) throw failure(path, answer);
    const jwe = parse(answer.body);
    for (const name of ['protected', 'encrypted_key', 'iv', 'ciphertext', 'tag']) if (typeof jwe[name] !== 'string') throw new BrokerClientError('broker-answer', 'the broker answered something that is no JWE');
    return this.#key.decrypt(jwe as unknown as FlattenedJwe);
  }
}

const URI = /^kbs:\/\/([^/?#]*)\/([A-Za-z0-9_-][A-Za-z0-9._-]{0,127}\/[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}\/[A-Za-z0-9_-][A-Za-z0-9._-]{0,127})$/;

/** `kbs:///repository/type/tag`, or with the broker's host and port. `undefined` for anything else. */
export function parseKbsUri(text: string): { readonly host: string; readonly path: string } | undefined {
  const match = URI.exec(text);
  return match === null ? undefined : { host: match[1], path: match[2] };
}
