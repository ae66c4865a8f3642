/** Connections of HTTP/2 that are verified as those of `connect.ts`, and servers that are pinned once they were. */

import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { isIP } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { AttestationRefused } from '../../attestation/tls/appraise.ts';
import type { Verdict } from '../../attestation/verifier/index.ts';
import { MAX_BODY_BYTES } from './answer.ts';
import { type AttestedConnectOptions, appraised, connectAttested, connected, TIMEOUT_MS } from './connect.ts';

function askSession(session: ClientHttp2Session, path: string, timeoutMs: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => reject(new AttestationRefused('peer-evidence', `the server gives no evidence over the connection: ${why}`));
    const stream = session.request({ ':path': path });
    const parts: Buffer[] = [];
    let length = 0;
    let status = 0;
    stream.setTimeout(timeoutMs, () => stream.destroy(new Error('it takes too long')));
    stream.on('response', (headers) => {
      status = Number(headers[':status']);
    });
    stream.on('data', (part: Buffer) => {
      length += part.length;
      if (length > MAX_BODY_BYTES) stream.destroy(new Error('its answer is too long'));
      else parts.push(part);
    });
    stream.on('error', (error) => fail(error.message));
    stream.on('end', () => (status === 200 ? resolve(Buffer.concat(parts)) : fail(`it answers ${status}`)));
    stream.on('close', () => fail('it closed the connection'));
  });
}

/** A session of HTTP/2, as gRPC has it, verified and bound. Rejects with AttestationRefused. */
export async function connectAttestedHttp2(options: Omit<AttestedConnectOptions, 'alpn'>): Promise<{ readonly session: ClientHttp2Session; readonly verdict: Verdict }> {
  const socket = await connected({ ...options, alpn: ['h2'] });
  const authority = `https://${isIP(options.host) === 6 ? `[${options.host}]` : options.host}:${options.port}`;
  const session = connectHttp2(authority, { createConnection: () => socket });
  session.on('error', () => {});
  try {
    if (socket.alpnProtocol !== 'h2') throw new AttestationRefused('peer-evidence', 'the server does not speak HTTP/2');
    return { session, verdict: await appraised(socket, options, (path) => askSession(session, path, options.timeoutMs ?? TIMEOUT_MS)) };
  } catch (error) {
    session.destroy();
    socket.destroy();
    throw error;
  }
}

/** Options of `grpc.credentials.createSsl(rootCerts, privateKey, certChain, verifyOptions)`, or of `tls.connect`. */
export interface PinnedServer {
  readonly rootCerts: Buffer;
  readonly verifyOptions: { readonly checkServerIdentity: (host: string, certificate: { readonly raw: Buffer }) => Error | undefined };
  readonly verdict: Verdict;
}

/**
 * For clients that check certificates by a function that cannot wait (gRPC): the server is verified once, and from then on the
 * one certificate is believed, whose key only that enclave has. When the server renews it, connections fail: pin anew.
 */
export async function pinAttested(options: AttestedConnectOptions): Promise<PinnedServer> {
  const h2 = options.alpn?.includes('h2') === true && options.binding !== 'certificate';
  const connection = h2 ? await connectAttestedHttp2(options) : await connectAttested(options);
  const socket = 'session' in connection ? (connection.session.socket as TLSSocket) : connection.socket;
  const certificate = socket.getPeerX509Certificate();
  if ('session' in connection) connection.session.close();
  else connection.socket.destroy();
  if (certificate === undefined) throw new AttestationRefused('peer-evidence', 'the server has shown no certificate');
  const { raw } = certificate;
  return {
    rootCerts: Buffer.from(certificate.toString()),
    verifyOptions: { checkServerIdentity: (_host, shown) => (shown.raw.equals(raw) ? undefined : new AttestationRefused('peer-evidence', 'the server has another certificate than the one that was verified')) },
    verdict: connection.verdict,
  };
}
