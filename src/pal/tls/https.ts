/** `https` and `fetch` over attested connections. */

import { Agent, type AgentOptions, request as httpsRequest } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { attestedConnections, type AttestedOptions } from './connect.ts';

/** An agent of `node:https` whose every connection is verified and bound before a request goes over it. */
export class AttestedAgent extends Agent {
  override readonly createConnection: ReturnType<typeof attestedConnections>;

  constructor(attested: AttestedOptions, options: AgentOptions = { keepAlive: true }) {
    // A session that is resumed has no new certificate.
    super({ ...options, maxCachedSessions: 0 });
    this.createConnection = attestedConnections(attested);
  }
}

const NO_BODY = new Set([101, 204, 205, 304]);

function responseOf(message: IncomingMessage): Response {
  const headers = new Headers();
  for (let at = 0; at < message.rawHeaders.length; at += 2) headers.append(message.rawHeaders[at], message.rawHeaders[at + 1]);
  const status = message.statusCode ?? 0;
  if (NO_BODY.has(status)) message.resume();
  return new Response(NO_BODY.has(status) ? null : (Readable.toWeb(message) as ReadableStream), { status, statusText: message.statusMessage ?? '', headers });
}

/**
 * As fetch(), over connections of an `AttestedAgent`. `https:` only; redirections are not followed (they are answers, as with
 * `redirect: 'manual'`). Rejects with AttestationRefused, TypeError, and errors of the network.
 */
export async function attestedFetch(agent: AttestedAgent, input: string | URL | Request, init?: RequestInit): Promise<Response> {
  const request = new Request(input, init);
  const url = new URL(request.url);
  if (url.protocol !== 'https:') throw new TypeError(`attested connections are https:, not ${url.protocol}`);
  const body = request.body === null ? undefined : new Uint8Array(await request.arrayBuffer());
  return new Promise((resolve, reject) => {
    const sent = httpsRequest(url, { agent, method: request.method, headers: { ...Object.fromEntries(request.headers), ...(body !== undefined && { 'content-length': String(body.length) }) }, signal: request.signal });
    sent.on('error', reject);
    sent.on('response', (message) => {
      try {
        resolve(responseOf(message));
      } catch (error) {
        message.destroy();
        reject(error as Error);
      }
    });
    sent.end(body);
  });
}
