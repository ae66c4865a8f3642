/** `/.well-known/cloister-evidence` on an address of its own: over TLS with the attested certificate, or over plain HTTP. */

import { createServer as createHttp, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createHttps } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { EvidenceSource } from '../../attestation/attester.ts';
import { type AttestedIdentity, attestedIdentity, TLS_OPTIONS } from './identity.ts';
import { EvidenceResponder } from './server.ts';

export interface EvidenceAddress {
  readonly tls: boolean;
  readonly host: string;
  readonly port: number;
}

/** `HOST:PORT` and `https://HOST:PORT` are over TLS, `http://HOST:PORT` is not; undefined for anything else. */
export function parseEvidenceAddress(text: string): EvidenceAddress | undefined {
  const match = /^(?:(https?):\/\/)?(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9][A-Za-z0-9.-]{0,252}):(\d{1,5})\/?$/.exec(text);
  if (match === null || Number(match[3]) > 65535) return undefined;
  return { tls: match[1] !== 'http', host: match[2].replace(/^\[|\]$/g, ''), port: Number(match[3]) };
}

export interface EvidenceEndpoint {
  readonly url: string;
  close(): void;
}

const LIMITS = { requestTimeout: 10_000, headersTimeout: 10_000, keepAliveTimeout: 5_000, maxHeaderSize: 8192, connectionsCheckingInterval: 5_000 };
const MAX_CONNECTIONS = 64;
/** Certificates are replaced when half of their time is over. */
const RENEW_MS = 12 * 3_600_000;

/** Rejects where the address cannot be listened on, and with TeeError. */
export async function serveEvidence(source: EvidenceSource, { tls, host, port }: EvidenceAddress, log: (message: string) => void): Promise<EvidenceEndpoint> {
  const names = [...new Set(['localhost', host])];
  let identity: AttestedIdentity | undefined = tls ? await attestedIdentity(source, { names }) : undefined;
  const responder = new EvidenceResponder(source, () => identity, log);
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    request.on('error', () => {});
    request.resume();
    if (!responder.handle(request, response)) response.writeHead(404, { 'content-type': 'text/plain' }).end('not found\n');
  };
  const server: Server = identity === undefined ? createHttp(LIMITS, listener) : createHttps({ ...LIMITS, ...TLS_OPTIONS, key: identity.key, cert: identity.cert }, listener);
  server.maxConnections = MAX_CONNECTIONS;
  const renewal = setInterval(() => {
    if (!tls) return;
    attestedIdentity(source, { names }).then(
      (renewed) => {
        identity = renewed;
        (server as ReturnType<typeof createHttps>).setSecureContext({ ...TLS_OPTIONS, key: renewed.key, cert: renewed.cert });
      },
      (error: Error) => log(`the certificate is not renewed: ${error.message}`),
    );
  }, RENEW_MS).unref();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => resolve());
  });
  const at = server.address() as AddressInfo;
  return {
    url: `${tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${at.port}`,
    close() {
      clearInterval(renewal);
      server.close();
      server.closeAllConnections();
    },
  };
}
