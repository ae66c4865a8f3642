/** The broker behind its sockets: a recorded client, slow and greedy ones, and the broker's sudden end. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createPrivateKey } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { flattenedDecrypt } from 'jose';
import { SimTee } from '../../src/attestation/index.ts';
import { toByteString } from '../../src/base/bytes.ts';
import { type Network, parseNetwork } from '../../src/broker/addresses.ts';
import { BrokerClient } from '../../src/broker/client.ts';
import { Tokens } from '../../src/broker/kbs/token.ts';
import { signRequest, verifyExport } from '../../src/broker/index.ts';
import { PrivateKey } from '../../src/crypto/index.ts';
import { selfSignedCertificate } from '../../src/crypto/self-signed.ts';
import { Exchange } from '../../src/pal/broker/exchange.ts';
import { serve } from '../../src/pal/broker/server.ts';
import { NodeDirectory } from '../../src/pal/node/storage.ts';
import { certificate, type Key, newKey, pem } from '../attestation/forge/x509.ts';
import { ANYBODY, Bench, simAttester } from './support.ts';

const bench = await Bench.make();
const server = await serve(bench.broker, { host: '127.0.0.1', port: 0, maxConnections: 100, requestTimeoutMs: 1000 });
after(async () => {
  await server.close();
  await bench.close();
});

/** Sends bytes as they are; resolves with what came back when the connection ends, or the answer is complete. */
function raw(bytes: string, end: 'wait' | 'hang up' | 'head alone' = 'wait', port = server.port): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes, 'latin1', () => end === 'hang up' && socket.destroy()));
    let answer = '';
    socket.on('data', (part) => {
      answer += part.toString('latin1');
      const head = answer.indexOf('\r\n\r\n');
      const length = /content-length: (\d+)/i.exec(answer)?.[1];
      if (head >= 0 && end === 'head alone') socket.end();
      else if (head >= 0 && length !== undefined && answer.length >= head + 4 + Number(length)) socket.destroy();
    });
    socket.on('close', () => resolve(answer));
    socket.on('error', (error: NodeJS.ErrnoException) => (error.code === 'ECONNRESET' || error.code === 'EPIPE' ? resolve(answer) : reject(error)));
  });
}
const bodyOf = (answer: string) => JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4));

interface Recording {
  readonly teeKey: string;
  readonly tokenKey: string;
  readonly secret: string;
  readonly resource: string;
  readonly messages: readonly { readonly from: string; readonly bytes: string }[];
}

/** Node writes this header, by the clock of the machine. */
const withoutDate = (answer: string): string => answer.replace(/\r\nDate: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\n/, '\r\nDate: …\r\n');

/** What is drawn for each JWE, by its length: the ephemeral key in the header, the encrypted key, the nonce, text and tag. */
function withoutCiphertext(answer: string): string {
  const same = (text: string): string => text.replace(/./g, '.');
  return answer
    .replace(
      /"protected":"([^"]+)"/,
      (_, header) =>
        `"protected":${Buffer.from(header, 'base64url')
          .toString()
          .replace(/("[xy]":")([\w-]+)/g, (_, name, value) => name + same(value))}`,
    )
    .replace(/("(?:encrypted_key|iv|ciphertext|tag)":")([\w-]+)/g, (_, name, value) => name + same(value));
}

/** A token is signed with a number that is drawn: everything before the signature, and the signature alone. */
function tokenIn(answer: string): { readonly rest: string; readonly signed: string; readonly signature: Uint8Array } {
  const [, signed, signature] = /"token":"([\w-]+\.[\w-]+)\.([\w-]{86})"/.exec(answer) ?? [];
  return { rest: answer.replace(signature, ''), signed, signature: Uint8Array.fromBase64(signature, { alphabet: 'base64url' }) };
}

test('a recorded conversation of the client of Confidential Containers, byte for byte', async (context) => {
  const { teeKey, tokenKey, secret, resource, messages } = JSON.parse(readFileSync(new URL('fixtures/kbs-client.json', import.meta.url), 'utf8')) as Recording;
  assert.deepEqual(
    messages.map(({ from }) => from),
    ['client', 'broker', 'client', 'broker', 'client', 'broker'],
  );
  const [askAuth, gotAuth, askAttest, gotToken, askResource, gotResource] = messages.map(({ bytes }) => bytes);
  // The broker of then: its clock, what it drew for session, nonce and token, the key that it signs tokens with.
  const then = Date.parse(/\r\nDate: ([^\r]+)/.exec(gotAuth)?.[1] as string);
  const claims = JSON.parse(Buffer.from(tokenIn(gotToken).signed.split('.')[1], 'base64url').toString());
  const drawn = [Buffer.from(/kbs-session-id=([0-9a-f]{32})/.exec(gotAuth)?.[1] as string, 'hex'), Buffer.from(bodyOf(gotAuth).nonce, 'base64'), Buffer.from(claims.jti.replaceAll('-', ''), 'hex')];
  const recorded = new Bench();
  recorded.skewMs = then - Date.now();
  const random = (bytes: number): Uint8Array => {
    const next = drawn.shift();
    assert.equal(next?.length, bytes);
    return new Uint8Array(next as Buffer);
  };
  await recorded.start({ now: () => then, random, options: { sessionMs: 300_000, requestsPerSecond: 0, version: '0.1.0' } });
  await recorded.addAlice();
  const key = PrivateKey.fromPem(tokenKey);
  (recorded.broker.services as { tokens: Tokens }).tokens = await Tokens.with(key, { now: () => then, random, version: '0.1.0' });
  const replayed = await serve(recorded.broker, { host: '127.0.0.1', port: 0, maxConnections: 100, requestTimeoutMs: 1000 });
  context.after(async () => {
    await replayed.close();
    await recorded.close();
  });
  await recorded.alice('PUT', `/cloister/v0/resources/${resource}`, secret);
  await recorded.alice('PUT', '/cloister/v0/policies/recorded', 'permit (principal, action, resource in Cloister::Repository::"recorded");');
  const again = (bytes: string) => raw(bytes, 'wait', replayed.port);

  assert.equal(withoutDate(await again(askAuth)), withoutDate(gotAuth));
  const attested = await again(askAttest);
  const [token, tokenOfThen] = [tokenIn(withoutDate(attested)), tokenIn(withoutDate(gotToken))];
  assert.equal(token.signed, tokenOfThen.signed, Buffer.from(token.signed.split('.')[1], 'base64url').toString());
  assert.equal(token.rest, tokenOfThen.rest);
  for (const { signed, signature } of [token, tokenOfThen]) assert.ok(key.publicKey.verify(new TextEncoder().encode(signed), signature));
  assert.deepEqual(claims.submods.cpu0['ear.veraison.annotated-evidence'].runtime_data_claims, bodyOf(askAttest)['runtime-data']);
  const released = await again(askResource);
  assert.equal(withoutCiphertext(withoutDate(released)), withoutCiphertext(withoutDate(gotResource)));
  for (const answer of [released, gotResource]) assert.equal(new TextDecoder().decode((await flattenedDecrypt(bodyOf(answer), createPrivateKey(teeKey))).plaintext), secret);
  assert.deepEqual(drawn, []);
});

test('slow, greedy and rude clients are answered, cut off, and no harm to others', async () => {
  const post = (length: number): string => `POST /kbs/v0/auth HTTP/1.1\r\nhost: x\r\ncontent-length: ${length}\r\n\r\n`;
  assert.match(await raw(post(100_000)), /^HTTP\/1\.1 413 /, 'told by its length alone');
  assert.match(await raw(`POST /kbs/v0/auth HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n${'4000\r\n'}${'x'.repeat(0x4000)}\r\n4000\r\n${'x'.repeat(0x4000)}\r\n`), /^HTTP\/1\.1 413 /);
  const started = performance.now();
  const slow = await Promise.all([raw(`${post(50)}{`), raw('POST /kbs/v0/auth HTTP/1.1\r\nhost:'), raw(post(5))]);
  assert.ok(performance.now() - started < 10_000, 'a client that does not finish is cut off');
  for (const answer of slow) assert.match(answer, /^(HTTP\/1\.1 408 [^]*)?$/);
  await Promise.all(Array.from({ length: 30 }, () => raw(`${post(50)}{`, 'hang up')));
  assert.match(await raw(`GET /${'a'.repeat(20_000)} HTTP/1.1\r\nhost: x\r\n\r\n`), /^HTTP\/1\.1 4(31|04) /);
  assert.match(await raw('GET / HTTP/1.1\r\n\r\n'), /^HTTP\/1\.1 40\d /);
  assert.match(await raw('\0\0\0\r\n\r\n'), /^(HTTP\/1\.1 400 [^]*)?$/);
  assert.match(await raw('GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n'), /^HTTP\/1\.1 200 [^]*"ok"/);
  assert.match(await raw('GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n'), /kbs_attestation_requests_total 0\n/);
});

test('every answer is counted, also those that need no look at the request', async () => {
  const counted = async (): Promise<Map<string, number>> => new Map([...bench.broker.services.metrics.text().matchAll(/^kbs_http_requests_total\{status="(\d+)"\} (\d+)$/gm)].map(([, status, count]) => [status, Number(count)]));
  const total = (): number => Number(/^kbs_http_request_duration_seconds_count (\d+)$/m.exec(bench.broker.services.metrics.text())?.[1]);
  const before = await counted();
  const requests = [
    'GET /nothing HTTP/1.1\r\nhost: x\r\n\r\n',
    'DELETE /healthz HTTP/1.1\r\nhost: x\r\n\r\n',
    'POST /kbs/v0/auth HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n',
    'HEAD /kbs/v0/resource/a/b/c HTTP/1.1\r\nhost: x\r\n\r\n',
  ];
  const answers = [];
  for (const request of requests) answers.push(await raw(request, request.startsWith('HEAD') ? 'head alone' : 'wait'));
  assert.deepEqual(answers.map((answer) => answer.slice(9, 12)), ['404', '405', '413', '405']); // biome-ignore format: short
  assert.match(answers[1], /^allow: GET, HEAD\r$/m);
  assert.match(answers[3], /^allow: GET, POST, DELETE\r$/m);
  await raw('POST /kbs/v0/auth HTTP/1.1\r\nhost: x\r\ncontent-length: 50\r\n\r\n{', 'hang up');
  while (((await counted()).get('408') ?? 0) === (before.get('408') ?? 0)) await new Promise((resolve) => setTimeout(resolve, 10));
  const after = await counted();
  const more = (status: string): number => (after.get(status) ?? 0) - (before.get(status) ?? 0);
  assert.deepEqual(['404', '405', '413', '408', '500'].map(more), [1, 2, 1, 1, 0]);
  assert.equal(total(), [...after.values()].reduce((sum, count) => sum + count, 0)); // biome-ignore format: short
});

test('HEAD is answered as GET is, without the content, where asking does nothing', async () => {
  for (const path of ['/healthz', '/metrics', '/.well-known/jwks.json']) {
    const answer = await raw(`HEAD ${path} HTTP/1.1\r\nhost: x\r\n\r\n`, 'head alone');
    assert.match(answer, /^HTTP\/1\.1 200 /);
    assert.match(answer, /^content-length: [1-9]/m);
    assert.ok(answer.endsWith('\r\n\r\n'));
  }
});

test('a certificate is renewed while the broker runs; one that cannot be had leaves the old one', async () => {
  const made = [0, 1].map((at) => {
    const key = PrivateKey.generate('ES256');
    return { key: key.pem(), cert: selfSignedCertificate(key, { commonName: `broker ${at}`, names: ['127.0.0.1'], notBefore: Date.now() - 1e6, notAfter: Date.now() + 1e8 }) };
  });
  let asked = 0;
  const obtain = async () => {
    asked++;
    if (asked === 1) return made[0];
    if (asked === 2) throw new Error('no evidence today');
    return asked === 3 ? { key: 'none', cert: 'none' } : made[1];
  };
  const secure = await serve(bench.broker, { host: '127.0.0.1', port: 0, maxConnections: 100, requestTimeoutMs: 1000, certificates: { obtain, renewEveryMs: 30 } });
  const common = (): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connectTls({ host: '127.0.0.1', port: secure.port, rejectUnauthorized: false }, () => {
        resolve(String(socket.getPeerCertificate().subject.CN));
        socket.destroy();
      });
      socket.on('error', reject);
    });
  assert.equal(await common(), 'broker 0');
  const exchange = new Exchange();
  const ask = () => exchange.send({ base: new URL(`https://127.0.0.1:${secure.port}`), method: 'GET', path: '/healthz', headers: {}, certificate: made[0].cert });
  assert.equal((await ask()).status, 200);
  const seen = new Set<string>();
  while (!seen.has('broker 1')) seen.add(await common());
  assert.ok(asked >= 4);
  assert.equal((await ask()).status, 200, 'the connection that was open');
  const problems = bench.logged.filter(({ message }) => message.startsWith('the certificate was not renewed'));
  assert.equal(problems.length, 2);
  exchange.close();
  await secure.close();
});

test('a pinned certificate is that of the broker: not of who issued it, nor another from there', async () => {
  const [root, key, otherKey] = [newKey('P-256'), newKey('P-256'), newKey('P-256')];
  const issued = (of: Key, serial: number): string => pem(certificate({ subject: 'broker', key: of, issuer: 'authority', issuerKey: root, serial }));
  const [own, other, authority] = [issued(key, 2), issued(otherKey, 3), pem(certificate({ subject: 'authority', key: root, ca: true }))];
  const obtain = async () => ({ cert: own, key: key.privateKey.export({ format: 'pem', type: 'pkcs8' }) as string });
  const secure = await serve(bench.broker, { host: '127.0.0.1', port: 0, maxConnections: 100, requestTimeoutMs: 1000, certificates: { obtain } });
  const exchange = new Exchange();
  const ask = (pinned: string) => exchange.send({ base: new URL(`https://127.0.0.1:${secure.port}`), method: 'GET', path: '/healthz', headers: {}, certificate: pinned });
  assert.equal((await ask(own)).status, 200);
  assert.equal((await ask(own + authority)).status, 200, 'with its chain');
  for (const wrong of [authority, other, authority + own]) await assert.rejects(ask(wrong), { code: 'broker-unreachable' });
  await assert.rejects(ask('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'), /not a certificate in PEM/);
  exchange.close();
  await secure.close();
});

test('one address cannot take the broker for itself', async () => {
  const limited = await Bench.make({ options: { sessionMs: 60_000, requestsPerSecond: 10, version: 'test' } });
  const statuses = await Promise.all(Array.from({ length: 50 }, () => limited.request('GET', '/healthz')));
  const count = statuses.filter(({ status }) => status === 429).length;
  assert.match(limited.broker.services.metrics.text(), new RegExp(`\\{status="429"\\} ${count}\n`));
  assert.ok(statuses.filter(({ status }) => status === 200).length <= 21);
  const refused = statuses.find(({ status }) => status === 429);
  assert.equal(refused?.headers['retry-after'], '1');
  limited.skewMs = 2000;
  assert.equal((await limited.request('GET', '/healthz')).status, 200);
  await limited.close();
});

test('behind a proxy that is trusted, clients have limits of their own, and their addresses are in the log', async () => {
  const limited = await Bench.make({ options: { sessionMs: 60_000, requestsPerSecond: 10, trustedProxies: [parseNetwork('127.0.0.0/8') as Network], version: 'test' } });
  const behind = await serve(limited.broker, { host: '127.0.0.1', port: 0, maxConnections: 100, requestTimeoutMs: 1000 });
  const exchange = new Exchange();
  const ask = (forwarded: string, path = '/healthz') => exchange.send({ base: new URL(`http://127.0.0.1:${behind.port}`), method: 'GET', path, headers: { 'x-forwarded-for': forwarded } });
  const statuses = async (forwarded: (at: number) => string) => (await Promise.all(Array.from({ length: 40 }, (_, at) => ask(forwarded(at))))).filter(({ status }) => status === 429).length;
  assert.ok((await statuses(() => '203.0.113.1')) > 0);
  assert.equal((await ask('203.0.113.2')).status, 200);
  assert.ok((await statuses((at) => `203.0.113.${100 + at}, 203.0.113.1`)) > 0, 'what a client writes itself does not count');
  assert.ok((await statuses((at) => `2001:db8::${at + 1}`)) > 0, 'one network of IPv6 is one client');
  assert.equal(await statuses((at) => `2001:db8:0:${at + 1}::1`), 0);
  await ask('203.0.113.3', '/cloister/v0/status');
  assert.equal((await limited.audit()).find(({ event }) => event === 'admin-refused')?.detail.remote, '203.0.113.3');
  exchange.close();
  await behind.close();
  await limited.close();
});

test('killed in the middle of releases: whatever was received is in the log, which verifies', { timeout: 60_000 }, async () => {
  const place = mkdtempSync(join(tmpdir(), 'cloister-broker-kill-'));
  const state = join(place, 'kbs');
  const env = { ...process.env, CLOISTER_STATE: join(place, 'state') };
  const main = new URL('../../src/cli/main.ts', import.meta.url).pathname;
  const exchange = new Exchange();
  let running: ReturnType<typeof spawn> | undefined;
  const owner = async (base: URL, method: string, path: string, content = ''): Promise<Buffer> => {
    const key = PrivateKey.fromPem(readFileSync(join(state, 'admin.pem'), 'utf8'));
    const body = new TextEncoder().encode(content);
    const authorization = `Bearer ${await signRequest('admin', key, { method, path, query: new URLSearchParams(), body }, Date.now())}`;
    const answer = await exchange.send({ base, method, path, headers: { authorization }, body });
    assert.equal(answer.status, 200, answer.body.toString());
    return answer.body;
  };
  try {
    let received = 0;
    for (let round = 0; round < 3; round++) {
      rmSync(join(state, 'serving.json'), { force: true });
      const broker = spawn(process.execPath, [main, 'broker', 'serve', '--state', state, '--listen', '127.0.0.1:0', '--allow-sim', '--insecure-http', '--rate-limit', '0'], { env, stdio: 'ignore' });
      running = broker;
      const ended = new Promise((resolve) => broker.once('exit', resolve));
      while (!existsSync(join(state, 'serving.json'))) await new Promise((resolve) => setTimeout(resolve, 20));
      const base = new URL(JSON.parse(readFileSync(join(state, 'serving.json'), 'utf8')).url);
      await owner(base, 'PUT', '/cloister/v0/resources/a/key/k', `secret ${round}`);
      await owner(base, 'PUT', '/cloister/v0/policies/any', ANYBODY);
      const tee = new SimTee(new NodeDirectory(toByteString(join(place, 'state/sim'))), bench.tee().measurements());
      const send = async (method: string, path: string, headers: Readonly<Record<string, string>>, body?: string) => {
        const answer = await exchange.send({ base, method, path, headers, ...(body !== undefined && { body }) });
        return { status: answer.status, body: answer.body.toString(), cookie: answer.headers['set-cookie']?.[0]?.split(';')[0] as string };
      };
      let alive = true;
      const clients = Array.from({ length: 8 }, async () => {
        while (alive) {
          await new BrokerClient(send, simAttester(tee)).resource('a/key/k').then(
            () => received++,
            () => {},
          );
          if (received > 20 * (round + 1) && broker.exitCode === null) broker.kill('SIGKILL');
        }
      });
      await ended;
      alive = false;
      await Promise.all(clients);
    }
    const broker = spawn(process.execPath, [main, 'audit', 'export', '--state', state], { env, stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    broker.stdout.on('data', (part) => {
      text += part;
    });
    await new Promise((resolve) => broker.once('close', resolve));
    const { failures, entries } = verifyExport(text);
    assert.deepEqual(failures, []);
    const released = entries.filter(({ event }) => event === 'resource-released').length;
    assert.ok(received > 60, `${received} received`);
    assert.ok(released >= received, `${received} received, ${released} in the log`);
  } finally {
    running?.kill('SIGKILL');
    exchange.close();
    rmSync(place, { recursive: true, force: true });
  }
});
