/**
 * HTTP/1.1 and TLS for the broker, on `node:http`. Reads bodies only as far as the route takes them, gives slow clients a
 * deadline, and answers at most so many connections at once.
 */

import { createServer as createHttp, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createHttps } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Broker } from '../../broker/broker.ts';
import { Problem } from '../../broker/errors.ts';
import type { HttpResponse } from '../../broker/http.ts';
import { readEvidenceRequest } from '../../attestation/tls/request.ts';
import type { EvidenceResponder } from '../tls/server.ts';
import { type CertificateProvider, keepRenewed, secureContext } from './certificates.ts';

export interface ServerOptions {
  readonly host: string;
  readonly port: number;
  /** Without it the server speaks plain HTTP. */
  readonly certificates?: CertificateProvider;
  /** Where the certificates carry evidence: gives it over a nonce and the connection as well. */
  readonly evidence?: EvidenceResponder;
  readonly maxConnections: number;
  /** From the first byte of a request to its last. */
  readonly requestTimeoutMs: number;
}

export interface RunningServer {
  readonly port: number;
  /** Finishes what is being answered. */
  close(): Promise<void>;
}

const SECURITY_HEADERS = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' };

const NO_BODY = new Uint8Array(0);

/** Throws Problem where there is more than `limit`, by what the header says or by what arrives. */
function readBody(message: IncomingMessage, limit: number): Promise<Uint8Array> {
  const { 'content-length': length, 'transfer-encoding': encoding } = message.headers;
  if (length === undefined && encoding === undefined) return Promise.resolve(NO_BODY);
  const tooLarge = (): Problem => Problem.open('TooLarge', `the request may have ${limit} bytes`);
  if (Number(length ?? 0) > limit) return Promise.reject(tooLarge());
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    let arrived = 0;
    message.on('data', (part: Buffer) => {
      arrived += part.length;
      if (arrived <= limit) return void parts.push(part);
      // The socket stays: a refusal has to go out over it.
      message.removeAllListeners('data');
      message.pause();
      reject(tooLarge());
    });
    message.on('end', () => resolve(parts.length === 1 ? parts[0] : Buffer.concat(parts)));
    message.on('close', () => {
      // The peer has gone, or was too slow and cut off: nobody's fault here.
      if (!message.complete) reject(Problem.open('Timeout', 'the request did not arrive in whole'));
    });
  });
}

function answer(broker: Broker, evidence: EvidenceResponder | undefined, message: IncomingMessage): Promise<HttpResponse> {
  const method = message.method ?? '';
  const url = message.url ?? '/';
  const at = url.indexOf('?');
  const header = (name: string): string | undefined => {
    const value = message.headers[name];
    return Array.isArray(value) ? undefined : value;
  };
  const asked = evidence === undefined ? undefined : readEvidenceRequest(method, url);
  const own = asked === undefined ? undefined : () => (evidence as EvidenceResponder).answer(asked, message.socket);
  const head = { method, path: at < 0 ? url : url.slice(0, at), query: new URLSearchParams(at < 0 ? '' : url.slice(at + 1)), header, remote: message.socket.remoteAddress ?? '', ...(own !== undefined && { evidence: own }) };
  return broker.answer(head, (limit) => readBody(message, limit));
}

function send(response: ServerResponse, message: IncomingMessage, { status, headers, body }: HttpResponse): void {
  // What was not read of a refused request would be taken for the next one.
  if (!message.complete) response.setHeader('connection', 'close');
  response.writeHead(status, { ...SECURITY_HEADERS, ...headers, 'content-length': typeof body === 'string' ? Buffer.byteLength(body) : body.length });
  response.end(body);
}

/** Rejects where the address cannot be listened on. */
export async function serve(broker: Broker, { host, port, certificates, evidence, maxConnections, requestTimeoutMs }: ServerOptions): Promise<RunningServer> {
  const listener = (message: IncomingMessage, response: ServerResponse): void => {
    message.on('error', () => {});
    void answer(broker, evidence, message).then((result) => {
      if (!response.destroyed) send(response, message, result);
    });
  };
  const limits = { requestTimeout: requestTimeoutMs, headersTimeout: Math.min(requestTimeoutMs, 10_000), keepAliveTimeout: 30_000, maxHeaderSize: 16_384, connectionsCheckingInterval: Math.min(1000, requestTimeoutMs) };
  const secure = certificates === undefined ? undefined : createHttps({ ...limits, ...(await secureContext(certificates)) }, listener);
  const server: Server = secure ?? createHttp(limits, listener);
  const stopRenewing = secure === undefined || certificates === undefined ? () => {} : keepRenewed(secure, certificates, (why) => broker.services.log('error', `the certificate was not renewed: ${why}`));
  server.maxConnections = maxConnections;
  server.maxRequestsPerSocket = 10_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => resolve());
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        stopRenewing();
        server.close(() => resolve());
        server.closeIdleConnections();
      }),
  };
}
