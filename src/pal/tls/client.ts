/** Connections to servers that show evidence, verified before a byte of the application goes over them. */

import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { isIP } from 'node:net';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { EVIDENCE_PATH } from '../../attestation/formats.ts';
import { type Appraisal, appraiseCertificate, appraiseChannel, AttestationRefused } from '../../attestation/tls/appraise.ts';
import type { Verdict } from '../../attestation/verifier/index.ts';
import { toHex } from '../../base/bytes.ts';
import { randomBytes, sha256 } from '../../crypto/index.ts';
import { AnswerError, MAX_BODY_BYTES, MAX_HEAD_BYTES, readAnswer } from './answer.ts';
import { type AttestedIdentity, channelOf, TLS_OPTIONS } from './identity.ts';

export interface AttestedOptions {
  readonly appraisal: Appraisal;
  /**
   * `channel` (unless given otherwise): the server has to give fresh evidence that binds this very connection. `certificate`:
   * the evidence in its certificate is enough, as old as that is; for servers that answer no questions.
   */
  readonly binding?: 'channel' | 'certificate';
  /** Shown to servers that ask for it. */
  readonly identity?: AttestedIdentity;
  readonly timeoutMs?: number;
}

export interface AttestedConnectOptions extends AttestedOptions {
  readonly host: string;
  readonly port: number;
  readonly alpn?: readonly string[];
}

export interface AttestedConnection {
  readonly socket: TLSSocket;
  /** Of the evidence that the connection is bound by. */
  readonly verdict: Verdict;
}

const TIMEOUT_MS = 30_000;
const NONCE_BYTES = 32;

/** The evidence says whose key it is: who else vouches for it, and under which name, says nothing. */
function tlsOptions({ host, port, alpn, identity }: AttestedConnectOptions): ConnectionOptions {
  return {
    ...TLS_OPTIONS,
    host,
    port,
    rejectUnauthorized: false,
    ...(isIP(host) === 0 && { servername: host }),
    ...(alpn !== undefined && { ALPNProtocols: [...alpn] }),
    ...(identity !== undefined && { key: identity.key, cert: identity.cert }),
  };
}

function connected(options: AttestedConnectOptions): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connectTls(tlsOptions(options));
    const timer = setTimeout(() => socket.destroy(new Error(`${options.host}:${options.port} does not answer in time`)), options.timeoutMs ?? TIMEOUT_MS);
    socket.once('error', reject);
    socket.once('secureConnect', () => {
      clearTimeout(timer);
      // Whoever looks for errors adds listeners; while the other side is appraised, nobody does, and `close` tells as well.
      socket.on('error', () => {});
      socket.off('error', reject);
      resolve(socket);
    });
    socket.once('close', () => clearTimeout(timer));
  });
}

function certificateOf(socket: TLSSocket): { readonly der: Uint8Array; readonly keyHash: string } {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) throw new AttestationRefused('peer-evidence', 'the server has shown no certificate');
  return { der: new Uint8Array(certificate.raw), keyHash: toHex(sha256(certificate.publicKey.export({ format: 'der', type: 'spki' }))) };
}

/** The answer to a question on a connection that nothing else has used; what follows stays in the stream. */
function askOver(socket: TLSSocket, path: string, host: string, timeoutMs: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    let bytes = Buffer.alloc(0);
    const done = (): void => {
      clearTimeout(timer);
      socket.off('readable', take).off('end', ended).off('close', ended).off('error', failed);
    };
    const fail = (why: string): void => {
      done();
      reject(new AttestationRefused('peer-evidence', `the server gives no evidence over the connection: ${why}`));
    };
    const ended = (): void => fail('it closed the connection');
    const failed = (error: Error): void => fail(error.message);
    const timer = setTimeout(() => fail('it takes too long'), timeoutMs);
    const take = (): void => {
      for (let part: Buffer | null = socket.read(); part !== null; part = socket.read()) {
        bytes = Buffer.concat([bytes, part]);
        if (bytes.length > MAX_HEAD_BYTES + MAX_BODY_BYTES) return fail('its answer is too long');
        try {
          const answer = readAnswer(bytes);
          if (answer === undefined) continue;
          if (answer.status !== 200) return fail(`it answers ${answer.status}`);
          done();
          if (bytes.length > answer.length) socket.unshift(bytes.subarray(answer.length));
          return resolve(answer.body);
        } catch (error) {
          if (!(error instanceof AnswerError)) throw error;
          return fail(error.message);
        }
      }
    };
    if (socket.destroyed) return ended();
    socket.on('readable', take).on('end', ended).on('close', ended).on('error', failed);
    socket.write(`GET ${path} HTTP/1.1\r\nhost: ${host}\r\n\r\n`);
  });
}

const pathOver = (nonce: string): string => `${EVIDENCE_PATH}?nonce=${nonce}`;

async function appraised(socket: TLSSocket, { appraisal, binding = 'channel' }: AttestedOptions, ask: (path: string) => Promise<Uint8Array>): Promise<Verdict> {
  const { der, keyHash } = certificateOf(socket);
  const verdict = await appraiseCertificate(der, appraisal);
  if (binding === 'certificate') return verdict;
  const nonce = toHex(randomBytes(NONCE_BYTES));
  return appraiseChannel(await ask(pathOver(nonce)), nonce, channelOf(socket, keyHash), appraisal);
}

/**
 * Connects, verifies the certificate, and has the connection bound (unless told otherwise). The socket is the application's.
 * Rejects with AttestationRefused, and with errors of the network.
 */
export async function connectAttested(options: AttestedConnectOptions): Promise<AttestedConnection> {
  const socket = await connected(options);
  const { host, timeoutMs = TIMEOUT_MS } = options;
  try {
    return { socket, verdict: await appraised(socket, options, (path) => askOver(socket, path, host, timeoutMs)) };
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

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
