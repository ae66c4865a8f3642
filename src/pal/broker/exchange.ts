/** One request to a broker over HTTP or TLS, with a limit on everything the other side could make us wait for or hold. */

import type { Agent } from 'node:http';
import type { ConnectionOptions } from 'node:tls';
import type { Appraisal } from '../../attestation/tls/appraise.ts';

export interface ExchangeRequest {
  /** `http:` or `https:`; the path is appended. */
  readonly base: URL;
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** PEM. The one certificate that is believed, whatever name it has; without it, the authorities that Node knows. */
  readonly certificate?: string;
}

export interface ExchangeResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/** The broker cannot be reached, or its certificate is not the one that is believed. */
export class ExchangeError extends Error {
  override readonly name = 'ExchangeError';
  readonly code = 'broker-unreachable';
}

/** The broker has no evidence, or other evidence than is demanded, or nobody can tell: nothing was sent to it. */
export class UnattestedError extends Error {
  override readonly name = 'UnattestedError';
  readonly code = 'broker-unattested';
}

const TIMEOUT_MS = 30_000;
const MAX_BYTES = 256 << 20;

/** By name: modules that most enclaves do not load have these errors. */
const JUDGEMENTS = new Set(['AttestationRefused', 'CollateralError', 'UnreadableError']);

/** A certificate in PEM: the one that the broker must have. */
type AgentKind = 'http' | 'https' | 'attested' | `-----BEGIN CERTIFICATE-----${string}`;

/** A broker that is talked to several times. */
export class Exchange {
  readonly #agents = new Map<AgentKind, Promise<Agent>>();
  readonly #appraisal: Appraisal | undefined;

  /** With `appraisal`, every connection is verified by the broker's evidence, and bound to it, before a request goes over it; no certificate is believed. */
  constructor(appraisal?: Appraisal) {
    this.#appraisal = appraisal;
  }

  /** Rejects with ExchangeError, UnattestedError. */
  async send({ base, method, path, headers, body, certificate }: ExchangeRequest): Promise<ExchangeResponse> {
    const tls = base.protocol === 'https:';
    if (this.#appraisal !== undefined && !tls) throw new UnattestedError(`the broker at ${base.origin} cannot show what it is: its address is not https:`);
    const agent = await this.#agent(!tls ? 'http' : this.#appraisal !== undefined ? 'attested' : ((certificate as AgentKind | undefined) ?? 'https'));
    const url = new URL(base.pathname.replace(/\/$/, '') + path, base);
    return new Promise((resolve, reject) => {
      const fail = (error: Error): void =>
        reject(
          JUDGEMENTS.has(error.name)
            ? new UnattestedError(`the broker at ${base.origin} does not show that it is what the policy demands: ${error.message}`)
            : new ExchangeError(`the broker at ${base.origin} does not answer as it should: ${error.message}`),
        );
      const options = { method, headers: { ...headers, ...(body !== undefined && { 'content-length': String(Buffer.byteLength(body)) }) }, timeout: TIMEOUT_MS };
      const request = tls ? process.getBuiltinModule('node:https').request(url, { ...options, agent }) : process.getBuiltinModule('node:http').request(url, { ...options, agent });
      request.on('error', fail);
      request.on('timeout', () => request.destroy(new Error('it takes too long')));
      request.on('response', (response) => {
        const parts: Buffer[] = [];
        let length = 0;
        response.on('data', (part: Buffer) => {
          length += part.length;
          if (length > MAX_BYTES) request.destroy(new Error('its answer is too long'));
          else parts.push(part);
        });
        response.on('error', fail);
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(parts) }));
      });
      request.end(body);
    });
  }

  #agent(kind: AgentKind): Promise<Agent> {
    let agent = this.#agents.get(kind);
    if (agent === undefined) this.#agents.set(kind, (agent = this.#newAgent(kind)));
    return agent;
  }

  /** Node's modules are loaded when something is sent: most enclaves talk to nobody. */
  async #newAgent(kind: AgentKind): Promise<Agent> {
    const options = { keepAlive: true };
    if (kind === 'http') return new (process.getBuiltinModule('node:http').Agent)(options);
    const { Agent } = process.getBuiltinModule('node:https');
    if (kind === 'https') return new Agent(options);
    // Said to the agent: said with a request, its connection is not used again.
    if (kind !== 'attested') return new Agent({ ...options, ...pinnedTo(kind) });
    const { attestedConnections } = await import('../tls/connect.ts');
    // A session that is resumed has no new certificate.
    const agent = new Agent({ ...options, maxCachedSessions: 0 });
    agent.createConnection = attestedConnections({ appraisal: this.#appraisal as Appraisal });
    return agent;
  }

  close(): void {
    for (const agent of this.#agents.values()) {
      agent.then(
        (made) => made.destroy(),
        () => {},
      );
    }
  }
}

/** That certificate and no other: not one that it has signed, nor another of who has signed it. Its name does not matter. */
function pinnedTo(certificate: string): ConnectionOptions {
  let pinned: Buffer;
  try {
    pinned = new (process.getBuiltinModule('node:crypto').X509Certificate)(certificate).raw;
  } catch {
    throw new ExchangeError('what the broker is known by is not a certificate in PEM');
  }
  return {
    ca: certificate,
    allowPartialTrustChain: true,
    checkServerIdentity: (_host, { raw }) => (pinned.equals(raw) ? undefined : new Error('its certificate is not the one that it must have')),
  };
}
