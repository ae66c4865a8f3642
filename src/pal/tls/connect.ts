/**
 * Connections to servers that show evidence, verified before a byte of the application goes over them. Node's modules are loaded
 * when there is one: an enclave has this code, and most talk to nobody.
 */

import type { Duplex } from 'node:stream';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
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

export const TIMEOUT_MS = 30_000;
const NONCE_BYTES = 32;

/** The evidence says whose key it is: who else vouches for it, and under which name, says nothing. */
function tlsOptions({ host, port, alpn, identity }: AttestedConnectOptions): ConnectionOptions {
  return {
    ...TLS_OPTIONS,
    host,
    port,
    rejectUnauthorized: false,
    ...(process.getBuiltinModule('node:net').isIP(host) === 0 && { servername: host }),
    ...(alpn !== undefined && { ALPNProtocols: [...alpn] }),
    ...(identity !== undefined && { key: identity.key, cert: identity.cert }),
  };
}

/** Established, and verified in nothing. */
export function connected(options: AttestedConnectOptions): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = process.getBuiltinModule('node:tls').connect(tlsOptions(options));
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

/** `ask`: over the connection. Rejects with AttestationRefused. */
export async function appraised(socket: TLSSocket, { appraisal, binding = 'channel' }: AttestedOptions, ask: (path: string) => Promise<Uint8Array>): Promise<Verdict> {
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

/** `createConnection` of an agent of `node:https` whose every connection is to be verified and bound before a request goes over it. */
export const attestedConnections =
  (attested: AttestedOptions) =>
  (options: { readonly host?: string | null; readonly port?: number | string | null }, callback?: (error: Error | null, stream: Duplex) => void): undefined => {
    connectAttested({ ...attested, host: options.host ?? 'localhost', port: Number(options.port ?? 443), alpn: ['http/1.1'] }).then(
      ({ socket }) => callback?.(null, socket),
      (error: Error) => callback?.(error, undefined as unknown as Duplex),
    );
  };
