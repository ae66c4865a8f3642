/** Attested TLS: certificates of every TEE, connections that are bound, and what an attacker in between can do. */

import assert from 'node:assert/strict';
import { createServer as createHttps, type Server } from 'node:https';
import { request as httpRequest } from 'node:http';
import { createSecureServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { connect, createServer as createTls, type TLSSocket } from 'node:tls';
import { X509Certificate } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { Attester, type EvidenceSource } from '../../src/attestation/attester.ts';
import { DICE_EVIDENCE } from '../../src/attestation/formats.ts';
import { openTee } from '../../src/attestation/index.ts';
import type { EnclaveIdentity } from '../../src/attestation/measurement.ts';
import { SimTee } from '../../src/attestation/sim.ts';
import { type Appraisal, AttestationRefused, appraiseCertificate } from '../../src/attestation/tls/appraise.ts';
import { AUTHENTIC, type Policy, recognise, verifyEvidence } from '../../src/attestation/verifier/index.ts';
import { parseCertificate } from '../../src/attestation/verifier/x509/certificate.ts';
import { toHex } from '../../src/base/bytes.ts';
import { PrivateKey } from '../../src/crypto/index.ts';
import { selfSignedCertificate } from '../../src/crypto/self-signed.ts';
import {
  appraiseClient,
  AttestedAgent,
  attestedFetch,
  type AttestedIdentity,
  attestedIdentity,
  ATTESTED_CLIENTS,
  connectAttested,
  connectAttestedHttp2,
  EvidenceResponder,
  parseEvidenceAddress,
  pinAttested,
  serveEvidence,
  TLS_OPTIONS,
} from '../../src/pal/tls/index.ts';
import { memoryDirectory } from '../support/memory-directory.ts';
import { AT } from './forge/intel.ts';
import { PLATFORM, sgxTree, snpTree, tdxTree, world } from './tee/trees.ts';

const identityOf = (byte: number): EnclaveIdentity => ({ measurement: new Uint8Array(48).fill(byte), signer: new Uint8Array(48).fill(2), productId: 3, securityVersion: 4, debuggable: false });
const machine = memoryDirectory();
const simTee = new SimTee(machine, identityOf(1));
const enclave = new Attester(simTee, 'integrity');
const other = new Attester(new SimTee(machine, identityOf(9)), 'integrity');
const demand = (measurement: number, more: Partial<Policy> = {}): Appraisal => ({
  policy: { ...AUTHENTIC, tee: ['sim'], simKeys: [simTee.attestationKey.pem()], 'enclave.measurement': [toHex(new Uint8Array(48).fill(measurement))], ...more },
});
const refusedWith =
  (code: string, pattern = /./) =>
  (error: unknown): boolean =>
    error instanceof AttestationRefused && error.code === code && pattern.test(error.message);

describe('certificates with the interoperable extension', () => {
  const trees = { tdx: tdxTree, snp: snpTree, sgx: sgxTree } as const;
  for (const kind of ['tdx', 'snp', 'sgx'] as const)
    test(`${kind}: evidence in the certificate binds its key and states the enclave`, async () => {
      const attester = new Attester(openTee(kind, trees[kind](), memoryDirectory, identityOf(1)), 'encrypted');
      const { cert } = await attestedIdentity(attester);
      const { collateral, roots } = world(kind);
      const policy: Policy = { ...AUTHENTIC, ...PLATFORM[kind], roots, certificateValidity: 'unchecked', 'enclave.measurement': ['01'.repeat(48)], 'enclave.imageKind': 'encrypted' };
      const verdict = await verifyEvidence(recognise(new TextEncoder().encode(cert)), { collateral, policy, at: AT });
      assert.deepEqual(verdict.failures, []);
      const { failures } = await verifyEvidence(recognise(new TextEncoder().encode(cert)), { collateral, policy: { ...policy, 'enclave.measurement': ['03'.repeat(48)] }, at: AT });
      assert.deepEqual(
        failures.map(({ code }) => code),
        ['measurement'],
      );
    });

  test('OpenSSL reads the certificate, with its names', async () => {
    const { cert, keyHash } = await attestedIdentity(enclave, { names: ['enclave.example', '127.0.0.1'] });
    const certificate = new X509Certificate(cert);
    assert.equal(certificate.checkHost('enclave.example'), 'enclave.example');
    assert.equal(certificate.checkIP('127.0.0.1'), '127.0.0.1');
    assert.ok(certificate.verify(certificate.publicKey));
    assert.match(keyHash, /^[0-9a-f]{64}$/);
  });

  test('evidence of one certificate in another is refused: it binds the key', async () => {
    const { cert } = await attestedIdentity(enclave);
    const stolen = parseCertificate(new Uint8Array(new X509Certificate(cert).raw)).extensions.get(DICE_EVIDENCE)?.value as Uint8Array;
    const forged = selfSignedCertificate(PrivateKey.generate('ES256'), { commonName: 'x', names: ['localhost'], notBefore: Date.now() - 1e6, notAfter: Date.now() + 1e6, extensions: [[DICE_EVIDENCE, stolen]] });
    await assert.rejects(appraiseCertificate(new Uint8Array(new X509Certificate(forged).raw), demand(1)), refusedWith('peer-refused', /certificate-binding/));
  });

  test('a certificate without evidence, and bytes that are none, are refused', async () => {
    const plain = selfSignedCertificate(PrivateKey.generate('ES256'), { commonName: 'x', names: ['localhost'], notBefore: Date.now() - 1e6, notAfter: Date.now() + 1e6 });
    await assert.rejects(appraiseCertificate(new Uint8Array(new X509Certificate(plain).raw), demand(1)), refusedWith('peer-evidence'));
    await assert.rejects(appraiseCertificate(new Uint8Array(100), demand(1)), refusedWith('peer-evidence'));
    await assert.rejects(appraiseCertificate(simTee.quote(new Uint8Array(64)), demand(1)), refusedWith('peer-evidence', /no evidence/));
  });
});

const listening = async (server: Server | ReturnType<typeof createTls> | ReturnType<typeof createSecureServer>): Promise<number> => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  return (server.address() as AddressInfo).port;
};

describe('connections', () => {
  let identity: AttestedIdentity;
  let server: Server;
  let port: number;
  const seen: string[] = [];

  before(async () => {
    identity = await attestedIdentity(enclave);
    const responder = new EvidenceResponder(enclave, () => identity);
    server = createHttps({ ...TLS_OPTIONS, key: identity.key, cert: identity.cert }, (request, response) => {
      if (responder.handle(request, response)) return;
      seen.push(`${request.method} ${request.url}`);
      if (request.url === '/redirect') return response.writeHead(302, { location: 'https://example.invalid/' }).end();
      if (request.url === '/none') return response.writeHead(204).end();
      request.pipe(response.writeHead(200, { 'x-kept': 'yes', 'set-cookie': ['a=1', 'b=2'] }));
      return undefined;
    });
    port = await listening(server);
  });
  after(() => {
    server.close();
    server.closeAllConnections();
  });

  test('fetch: requests go over connections that are verified and bound', async () => {
    const agent = new AttestedAgent({ appraisal: demand(1) });
    try {
      for (let round = 0; round < 3; round++) {
        const response = await attestedFetch(agent, `https://127.0.0.1:${port}/echo`, { method: 'POST', body: `hello ${round}` });
        assert.deepEqual([response.status, await response.text(), response.headers.get('x-kept'), response.headers.getSetCookie()], [200, `hello ${round}`, 'yes', ['a=1', 'b=2']]);
      }
      assert.equal((await attestedFetch(agent, `https://127.0.0.1:${port}/none`)).status, 204);
      assert.equal((await attestedFetch(agent, `https://localhost:${port}/redirect`)).status, 302);
      await assert.rejects(attestedFetch(agent, `http://127.0.0.1:${port}/`), TypeError);
      await assert.rejects(attestedFetch(agent, `https://127.0.0.1:${port}/`, { signal: AbortSignal.abort() }));
    } finally {
      agent.destroy();
    }
  });

  test('an enclave that is not the one demanded gets no request', async () => {
    seen.length = 0;
    const agent = new AttestedAgent({ appraisal: demand(9) });
    await assert.rejects(attestedFetch(agent, `https://127.0.0.1:${port}/secret`), refusedWith('peer-refused', /measurement/));
    await assert.rejects(attestedFetch(new AttestedAgent({ appraisal: { policy: AUTHENTIC } }), `https://127.0.0.1:${port}/secret`), refusedWith('peer-refused', /sim is not accepted/));
    assert.deepEqual(seen, []);
  });

  test('HTTP/2, as gRPC has it', async () => {
    const responder = new EvidenceResponder(enclave, () => identity);
    const h2 = createSecureServer({ ...TLS_OPTIONS, key: identity.key, cert: identity.cert }, (request, response) => {
      if (!responder.handle(request, response)) response.end(`over ${request.httpVersion}`);
    });
    const at = await listening(h2);
    const { session, verdict } = await connectAttestedHttp2({ host: '127.0.0.1', port: at, appraisal: demand(1) });
    assert.equal(verdict.accepted, true);
    const stream = session.request({ ':path': '/x' });
    let body = '';
    for await (const part of stream) body += part;
    assert.equal(body, 'over 2.0');
    session.close();
    const pinned = await pinAttested({ host: '127.0.0.1', port: at, alpn: ['h2'], appraisal: demand(1) });
    const pinnedSocket = connect({ host: '127.0.0.1', port: at, ca: pinned.rootCerts, ALPNProtocols: ['h2'], ...pinned.verifyOptions });
    await new Promise((resolve, reject) => pinnedSocket.once('secureConnect', resolve).once('error', reject));
    assert.equal(pinnedSocket.authorized, true);
    pinnedSocket.destroy();
    await assert.rejects(pinAttested({ host: '127.0.0.1', port: at, alpn: ['h2'], appraisal: demand(9) }), refusedWith('peer-refused'));
    h2.close();
    const next = await attestedIdentity(enclave);
    const impostor = createTls({ key: next.key, cert: next.cert }, () => {});
    const impostorPort = await listening(impostor);
    const socket = connect({ host: '127.0.0.1', port: impostorPort, ca: pinned.rootCerts, ...pinned.verifyOptions });
    await assert.rejects(new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject)));
    impostor.close();
  });

  test('bare TLS: the connection is the application’s after the question', async () => {
    const responder = new EvidenceResponder(enclave, () => identity);
    const bare = createTls({ ...TLS_OPTIONS, key: identity.key, cert: identity.cert }, (socket) => {
      socket.on('error', () => {});
      responder.bind(socket).then(
        () => socket.pipe(socket),
        () => {},
      );
    });
    const at = await listening(bare);
    const { socket } = await connectAttested({ host: '127.0.0.1', port: at, appraisal: demand(1) });
    socket.end('ping');
    let echoed = '';
    for await (const part of socket) echoed += part;
    assert.equal(echoed, 'ping');
    const rude = connect({ host: '127.0.0.1', port: at, rejectUnauthorized: false }, () => rude.write('SMTP\r\n\r\n'));
    rude.on('error', () => {});
    await new Promise((resolve) => rude.once('close', resolve));
    bare.close();
  });

  test('mutual: the server verifies the client’s certificate', async () => {
    const mutual = createHttps({ ...TLS_OPTIONS, ...ATTESTED_CLIENTS, key: identity.key, cert: identity.cert }, (request, response) => {
      const responder = new EvidenceResponder(enclave, () => identity);
      if (responder.handle(request, response)) return;
      appraiseClient(request.socket as TLSSocket, demand(9)).then(
        ({ claims }) => response.end(`welcome ${String(claims.measurement).slice(0, 2)}`),
        (error: Error) => response.writeHead(403).end(error.message),
      );
    });
    const at = await listening(mutual);
    const ask = async (client?: AttestedIdentity): Promise<[number, string]> => {
      const agent = new AttestedAgent({ appraisal: demand(1), ...(client !== undefined && { identity: client }) }, { keepAlive: false });
      const response = await attestedFetch(agent, `https://127.0.0.1:${at}/`);
      return [response.status, await response.text()];
    };
    assert.deepEqual(await ask(await attestedIdentity(other)), [200, 'welcome 09']);
    assert.equal((await ask(await attestedIdentity(enclave)))[0], 403, 'another enclave');
    assert.equal((await ask())[0], 403, 'no certificate');
    mutual.close();
    mutual.closeAllConnections();
  });

  /** Ends connections itself, and asks the real server whatever it is asked. */
  async function relay(own: AttestedIdentity): Promise<{ port: number; close: () => void }> {
    const attacker = createTls({ ...TLS_OPTIONS, key: own.key, cert: own.cert, ALPNProtocols: ['http/1.1'] }, (client) => {
      const upstream = connect({ host: '127.0.0.1', port, rejectUnauthorized: false });
      client.on('error', () => {});
      upstream.on('error', () => {});
      client.pipe(upstream).pipe(client);
    });
    return { port: await listening(attacker), close: () => attacker.close() };
  }

  test('relayed evidence: an attacker with a genuine enclave of another kind, or the same kind, or the very key, is refused', async () => {
    const cases: readonly (readonly [string, AttestedIdentity, RegExp, string])[] = [
      ['his own enclave’s certificate', await attestedIdentity(other), /measurement/, 'peer-refused'],
      ['another instance of the same enclave', await attestedIdentity(enclave), /another key/, 'peer-channel'],
      ['the very key of the server, which he stole', identity, /another connection/, 'peer-channel'],
    ];
    for (const [who, own, pattern, code] of cases) {
      const { port: at, close } = await relay(own);
      await assert.rejects(connectAttested({ host: '127.0.0.1', port: at, appraisal: demand(1) }), refusedWith(code, pattern), who);
      close();
    }
    const { port: at, close } = await relay(identity);
    await (await connectAttested({ host: '127.0.0.1', port: at, appraisal: demand(1), binding: 'certificate' })).socket.destroy();
    close();
  });

  test('an old answer, one for nobody’s connection, and damaged ones are refused', async () => {
    const answers: readonly (readonly [string, (nonce: string, channel: Parameters<EvidenceSource['evidence']>[1]) => Promise<string>, string])[] = [
      ['another nonce', async (_nonce, channel) => JSON.stringify(await enclave.evidence('00'.repeat(32), channel)), 'peer-channel'],
      ['no channel', async (nonce) => JSON.stringify(await enclave.evidence(nonce)), 'peer-channel'],
      ['a program’s data', async () => JSON.stringify(enclave.forGuest(new Uint8Array(64))), 'peer-channel'],
      ['a bare quote', async () => JSON.stringify({ quote: simTee.quote(new Uint8Array(64)).toBase64() }), 'peer-channel'],
      ['not JSON', async () => 'hello', 'peer-evidence'],
      ['nothing', async () => '', 'peer-evidence'],
    ];
    for (const [what, make, code] of answers) {
      const liar = createTls({ ...TLS_OPTIONS, key: identity.key, cert: identity.cert }, (socket) => {
        socket.on('error', () => {});
        socket.once('data', (head: Buffer) => {
          const nonce = /nonce=([0-9a-f]+)/.exec(head.toString())?.[1] ?? '';
          void make(nonce, { key: identity.keyHash, binding: toHex(socket.exportKeyingMaterial(32, 'EXPERIMENTAL Cloister attested channel v1', Buffer.alloc(0))) }).then((body) =>
            socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`),
          );
        });
      });
      const at = await listening(liar);
      await assert.rejects(connectAttested({ host: '127.0.0.1', port: at, appraisal: demand(1) }), refusedWith(code), what);
      liar.close();
    }
    const mute = createTls({ ...TLS_OPTIONS, key: identity.key, cert: identity.cert }, (socket) => void socket.on('error', () => {}).resume());
    const at = await listening(mute);
    await assert.rejects(connectAttested({ host: '127.0.0.1', port: at, appraisal: demand(1), timeoutMs: 300 }), refusedWith('peer-evidence', /too long/));
    mute.close();
  });

  test('connections that are closed at any moment end in a refusal, on both sides, and nothing else', async () => {
    const slow: EvidenceSource = { evidence: async (nonce, channel) => (await new Promise((resolve) => setTimeout(resolve, 50)), enclave.evidence(nonce, channel)), certificate: (spki) => enclave.certificate(spki) };
    const responder = new EvidenceResponder(slow, () => identity);
    const bound: Promise<unknown>[] = [];
    const bare = createTls({ ...TLS_OPTIONS, key: identity.key, cert: identity.cert }, (socket) => void bound.push(responder.bind(socket).catch(() => {})));
    const at = await listening(bare);
    for (const afterMs of [0, 5, 20]) {
      const client = connect({ host: '127.0.0.1', port: at, rejectUnauthorized: false }, () => {
        client.write(`GET /.well-known/cloister-evidence?nonce=${'ab'.repeat(16)} HTTP/1.1\r\n\r\n`);
        setTimeout(() => client.destroy(), afterMs);
      });
      client.on('error', () => {});
      await new Promise((resolve) => client.once('close', resolve));
    }
    await Promise.all(bound);
    bare.close();
    const hasty = createTls({ ...TLS_OPTIONS, key: identity.key, cert: identity.cert }, (socket) => {
      socket.on('error', () => {});
      socket.destroy();
    });
    const hastyPort = await listening(hasty);
    for (let round = 0; round < 5; round++) await assert.rejects(connectAttested({ host: '127.0.0.1', port: hastyPort, appraisal: demand(1), timeoutMs: 2000 }));
    hasty.close();
  });

  test('earlier versions of TLS are not spoken', async () => {
    const old = createTls({ key: identity.key, cert: identity.cert, maxVersion: 'TLSv1.2' }, () => {});
    const at = await listening(old);
    await assert.rejects(connectAttested({ host: '127.0.0.1', port: at, appraisal: demand(1) }));
    old.close();
  });
});

describe('the address of an enclave', () => {
  const get = (url: string, method = 'GET'): Promise<{ status: number; body: string; headers: Readonly<Record<string, unknown>> }> =>
    new Promise((resolve, reject) => {
      httpRequest(url, { method, agent: false }, (response) => {
        let body = '';
        response.on('data', (part) => (body += part)).on('end', () => resolve({ status: response.statusCode ?? 0, body, headers: response.headers }));
      })
        .on('error', reject)
        .end();
    });

  test('over plain HTTP: evidence over the nonce, for pages of any origin', async () => {
    const endpoint = await serveEvidence(enclave, { tls: false, host: '127.0.0.1', port: 0 }, () => {});
    const path = `${endpoint.url}/.well-known/cloister-evidence`;
    const nonce = 'c0ffee00'.repeat(4);
    const answer = await get(`${path}?nonce=${nonce}`);
    assert.deepEqual([answer.status, answer.headers['access-control-allow-origin'], answer.headers['cache-control']], [200, '*', 'no-store']);
    const evidence = recognise(new TextEncoder().encode(answer.body));
    assert.equal(JSON.parse(new TextDecoder().decode(evidence.runtimeData)).nonce, nonce);
    assert.deepEqual((await verifyEvidence(evidence, { policy: demand(1).policy })).failures, []);
    for (const query of ['', '?nonce=', '?nonce=00', '?nonce=zz', `?nonce=${nonce}&nonce=${nonce}`, `?nonce=${'00'.repeat(65)}`]) assert.equal((await get(path + query)).status, 400, query);
    assert.equal((await get(`${path}?nonce=${nonce}`, 'POST')).status, 405);
    assert.equal((await get(`${endpoint.url}/`)).status, 404);
    endpoint.close();
  });

  test('over TLS: bound to the connection', async () => {
    const endpoint = await serveEvidence(enclave, { tls: true, host: '127.0.0.1', port: 0 }, () => {});
    const { socket, verdict } = await connectAttested({ host: '127.0.0.1', port: Number(new URL(endpoint.url).port), appraisal: demand(1) });
    assert.equal((verdict.claims.enclave as { imageKind: string }).imageKind, 'integrity');
    socket.destroy();
    endpoint.close();
  });

  test('a TEE that gives nothing: 503, and nothing of why', async () => {
    const lines: string[] = [];
    const source: EvidenceSource = { evidence: () => Promise.reject(new Error('quoting service at 10.0.0.7 is down')), certificate: (spki) => enclave.certificate(spki) };
    const endpoint = await serveEvidence(source, { tls: false, host: '127.0.0.1', port: 0 }, (line) => lines.push(line));
    const answer = await get(`${endpoint.url}/.well-known/cloister-evidence?nonce=${'00'.repeat(16)}`);
    assert.equal(answer.status, 503);
    assert.doesNotMatch(answer.body, /10\.0\.0\.7/);
    assert.match(lines[0], /10\.0\.0\.7/);
    endpoint.close();
  });

  test('addresses', () => {
    assert.deepEqual(parseEvidenceAddress('0.0.0.0:8443'), { tls: true, host: '0.0.0.0', port: 8443 });
    assert.deepEqual(parseEvidenceAddress('http://[::1]:0'), { tls: false, host: '::1', port: 0 });
    assert.deepEqual(parseEvidenceAddress('https://enclave.example:1/'), { tls: true, host: 'enclave.example', port: 1 });
    for (const wrong of ['', ':80', 'host', 'host:', 'host:99999', 'ftp://host:1', 'host:1/x', 'a b:1', '-x:1']) assert.equal(parseEvidenceAddress(wrong), undefined, wrong);
  });
});
