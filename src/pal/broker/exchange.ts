/** One request to a broker over HTTP or TLS, with a limit on everything the other side could make us wait for or hold. */

import type { Agent } from 'node:http';

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

const TIMEOUT_MS = 30_000;
const MAX_BYTES = 256 << 20;

/** A broker that is talked to several times. */
export class Exchange {
  readonly #agents = new Map<string, Agent>();

  send({ base, method, path, headers, body, certificate }: ExchangeRequest): Promise<ExchangeResponse> {
    const tls = base.protocol === 'https:';
    const agent = this.#agent(!tls ? 'http' : certificate === undefined ? 'https' : 'pinned');
    const url = new URL(base.pathname.replace(/\/$/, '') + path, base);
    const pinned = certificate === undefined ? {} : { ca: certificate };
    return new Promise((resolve, reject) => {
      const fail = (error: Error): void => reject(new ExchangeError(`the broker at ${base.origin} does not answer as it should: ${error.message}`));
      const options = { method, headers: { ...headers, ...(body !== undefined && { 'content-length': String(Buffer.byteLength(body)) }) }, timeout: TIMEOUT_MS };
      const request = tls ? process.getBuiltinModule('node:https').request(url, { ...options, ...pinned, agent }) : process.getBuiltinModule('node:http').request(url, { ...options, agent });
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

  /** Node's modules are loaded when something is sent: most enclaves talk to nobody. */
  #agent(kind: 'http' | 'https' | 'pinned'): Agent {
    let agent = this.#agents.get(kind);
    if (agent === undefined) {
      const options = { keepAlive: true };
      if (kind === 'http') agent = new (process.getBuiltinModule('node:http').Agent)(options);
      // The name does not matter where there is one certificate. Said to the agent: said with a request, its connection is not used again.
      else agent = new (process.getBuiltinModule('node:https').Agent)(kind === 'pinned' ? { ...options, checkServerIdentity: () => undefined } : options);
      this.#agents.set(kind, agent);
    }
    return agent;
  }

  close(): void {
    for (const agent of this.#agents.values()) agent.destroy();
  }
}
