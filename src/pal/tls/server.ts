/** Servers that answer for their enclave: over HTTP/1.1, HTTP/2 (its compatibility API), or a bare TLS connection. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { EvidenceSource } from '../../attestation/attester.ts';
import type { Verdict } from '../../attestation/verifier/index.ts';
import { type Appraisal, AttestationRefused, appraiseCertificate } from '../../attestation/tls/appraise.ts';
import { type EvidenceRequest, readEvidenceRequest } from '../../attestation/tls/request.ts';
import { toHex } from '../../base/bytes.ts';
import { sha256 } from '../../crypto/index.ts';
import { type AttestedIdentity, channelOf } from './identity.ts';

export interface EvidenceAnswer {
  readonly status: number;
  readonly body: string;
}

/** Quotes take milliseconds to seconds, one at a time: more are refused than would be waited for. */
const MAX_WAITING = 16;

/** Answers requests over one source, as many as it can. */
export class EvidenceResponder {
  readonly #source: Pick<EvidenceSource, 'evidence'>;
  readonly #identity: () => AttestedIdentity | undefined;
  readonly #log: (message: string) => void;
  #waiting = 0;

  /** `identity`: whose key connections over TLS have. */
  constructor(source: Pick<EvidenceSource, 'evidence'>, identity: () => AttestedIdentity | undefined = () => undefined, log: (message: string) => void = () => {}) {
    this.#source = source;
    this.#identity = identity;
    this.#log = log;
  }

  async answer(request: EvidenceRequest, socket: Socket | undefined): Promise<EvidenceAnswer> {
    if ('status' in request) return { status: request.status, body: JSON.stringify({ error: request.message }) };
    if (this.#waiting >= MAX_WAITING) return { status: 503, body: JSON.stringify({ error: 'too many ask at once' }) };
    this.#waiting++;
    try {
      const identity = this.#identity();
      const channel = socket instanceof TLSSocket && identity !== undefined ? channelOf(socket, keyHashOf(socket, identity)) : undefined;
      return { status: 200, body: JSON.stringify(await this.#source.evidence(request.nonce, channel)) };
    } catch (error) {
      this.#log(`no evidence for a client: ${(error as Error).message}`);
      return { status: 503, body: JSON.stringify({ error: 'the enclave gives no evidence now' }) };
    } finally {
      this.#waiting--;
    }
  }

  /** For `http`, `https` and `http2`: true where the request was one for evidence, which is being answered. */
  handle(request: IncomingMessage | Http2ServerRequest, response: ServerResponse | Http2ServerResponse): boolean {
    const asked = readEvidenceRequest(request.method, request.url);
    if (asked === undefined) return false;
    const socket = 'stream' in request ? request.stream.session?.socket : request.socket;
    void this.answer(asked, socket).then(({ status, body }) => {
      if (response.destroyed || response.writableEnded) return;
      // Both kinds have these methods, with types that do not meet.
      (response as ServerResponse).writeHead(status, { ...ANSWER_HEADERS, 'content-length': Buffer.byteLength(body) }).end(body);
    });
    return true;
  }

  /**
   * The same on a bare TLS connection, for protocols that are not HTTP: the client asks first (`connectAttested` does), then the
   * connection is the application's. Rejects, and destroys the connection, where something else comes.
   */
  async bind(socket: TLSSocket): Promise<void> {
    // Clients that reset the connection meanwhile are nobody's fault.
    socket.on('error', () => {});
    const head = await readHead(socket);
    const match = /^GET (\S{1,512}) HTTP\/1\.1\r\n/.exec(head);
    const asked = match === null ? undefined : readEvidenceRequest('GET', match[1]);
    if (asked === undefined || 'status' in asked) {
      socket.destroy();
      throw new AttestationRefused('peer-evidence', 'the other side did not ask for evidence first');
    }
    const { status, body } = await this.answer(asked, socket);
    socket.write(`HTTP/1.1 ${status} ${status === 200 ? 'OK' : 'Refused'}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
    if (status !== 200) {
      socket.end();
      throw new AttestationRefused('peer-evidence', 'there is no evidence now');
    }
  }
}

/** Anybody may read it, from any page: it is made for the nonce of whoever asks. */
const ANSWER_HEADERS = { 'content-type': 'application/json', 'cache-control': 'no-store', 'x-content-type-options': 'nosniff', 'access-control-allow-origin': '*' };

const MAX_HEAD_BYTES = 4096;
const HEAD_MS = 10_000;

/** Up to the empty line; what follows stays in the stream. */
function readHead(socket: TLSSocket): Promise<string> {
  return new Promise((resolve, reject) => {
    let head = '';
    const timer = setTimeout(() => fail('it takes too long'), HEAD_MS);
    const done = (): void => {
      clearTimeout(timer);
      socket.off('readable', take).off('end', ended).off('close', ended).off('error', failed);
    };
    const fail = (why: string): void => {
      done();
      socket.destroy();
      reject(new AttestationRefused('peer-evidence', `the other side did not ask for evidence: ${why}`));
    };
    const ended = (): void => fail('it closed the connection');
    const failed = (error: Error): void => fail(error.message);
    const take = (): void => {
      for (let part: Buffer | null = socket.read(); part !== null; part = socket.read()) {
        const before = head.length;
        head += part.toString('latin1');
        const end = head.indexOf('\r\n\r\n');
        if (end >= 0) {
          done();
          socket.unshift(part.subarray(end + 4 - before));
          return resolve(head.slice(0, end + 4));
        }
        if (head.length > MAX_HEAD_BYTES) return fail('its request is too long');
      }
    };
    if (socket.destroyed) return ended();
    socket.on('readable', take).on('end', ended).on('close', ended).on('error', failed);
    take();
  });
}

/** A server may have had its certificate replaced since the connection was made. */
function keyHashOf(socket: TLSSocket, identity: AttestedIdentity): string {
  const own = socket.getX509Certificate();
  return own === undefined ? identity.keyHash : toHex(sha256(own.publicKey.export({ format: 'der', type: 'spki' })));
}

const verdicts = new WeakMap<Socket, Promise<Verdict>>();

/** The evidence in the certificate that a client has shown; once for each connection. Rejects with AttestationRefused. */
export function appraiseClient(socket: TLSSocket, appraisal: Appraisal): Promise<Verdict> {
  let verdict = verdicts.get(socket);
  if (verdict === undefined) {
    const certificate = socket.getPeerX509Certificate();
    verdict = certificate === undefined ? Promise.reject(new AttestationRefused('peer-evidence', 'the client has shown no certificate')) : appraiseCertificate(new Uint8Array(certificate.raw), appraisal);
    verdict.catch(() => {});
    verdicts.set(socket, verdict);
  }
  return verdict;
}

/** Options of a server that wants attested clients: which they are, `appraiseClient` says. */
export const ATTESTED_CLIENTS = { requestCert: true, rejectUnauthorized: false } as const;
