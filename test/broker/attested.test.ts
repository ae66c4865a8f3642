/** A broker in a TEE: its certificate and connections carry evidence, and clients that demand it send nothing without. */

import assert from 'node:assert/strict';
import { createServer as createHttps } from 'node:https';
import { connect as connectPlain, createServer as createTcp, type AddressInfo } from 'node:net';
import { connect as connectTls, createServer as createTls } from 'node:tls';
import { after, describe, test } from 'node:test';
import { X509Certificate } from 'node:crypto';
import { Attester, BrokerAttester } from '../../src/attestation/attester.ts';
import { openTee } from '../../src/attestation/index.ts';
import type { Appraisal } from '../../src/attestation/tls/appraise.ts';
import { AUTHENTIC, type Policy } from '../../src/attestation/verifier/index.ts';
import { BrokerClient } from '../../src/broker/client.ts';
import { type RootGuard, teeGuard } from '../../src/broker/index.ts';
import { PrivateKey } from '../../src/crypto/index.ts';
import { selfSignedCertificate } from '../../src/crypto/self-signed.ts';
import { openBrokerTee, rootSealingKey } from '../../src/libos/broker-tee.ts';
import { appraisalOf, brokerPolicy, carrier } from '../../src/libos/broker-session.ts';
import { attestedCertificates, fixedCertificate } from '../../src/pal/broker/certificates.ts';
import { Exchange, UnattestedError } from '../../src/pal/broker/exchange.ts';
import { type RunningServer, serve } from '../../src/pal/broker/server.ts';
import { attestedIdentity, EvidenceResponder, TLS_OPTIONS } from '../../src/pal/tls/index.ts';
import { memoryDirectory } from '../support/memory-directory.ts';
import { FakeTree } from '../attestation/tee/fake.ts';
import { AT } from '../attestation/forge/intel.ts';
import { PLATFORM, sgxTree, snpTree, tdxTree, world } from '../attestation/tee/trees.ts';
import { ANYBODY, Bench, simAttester } from './support.ts';

const bench = await Bench.make();
await bench.alice('PUT', '/cloister/v0/resources/a/key/k', 'secret');
await bench.alice('PUT', '/cloister/v0/policies/any', ANYBODY);
const machine = memoryDirectory();
const places = { files: new FakeTree(), machine: () => machine };
const simTee = openBrokerTee('sim', places) as NonNullable<ReturnType<typeof openBrokerTee>>;
const own = new BrokerAttester(simTee, { key: bench.broker.key });

const open: { close(): unknown }[] = [];
after(async () => {
  for (const one of open) await one.close();
  await bench.close();
});

async function served(source: BrokerAttester | Attester = own, lifetimeMs?: number): Promise<RunningServer> {
  const certificates = attestedCertificates(source, { commonName: 'broker', names: ['127.0.0.1'], ...(lifetimeMs !== undefined && { lifetimeMs }) });
  const server = await serve(bench.broker, { host: '127.0.0.1', port: 0, maxConnections: 100, requestTimeoutMs: 5000, certificates, evidence: new EvidenceResponder(source, certificates.current) });
  open.push(server);
  return server;
}

const simKeys = [(simTee as unknown as { attestationKey: { pem(): string } }).attestationKey.pem()];
const simPolicy = (more: Partial<Policy> = {}): Policy => brokerPolicy({ ...AUTHENTIC, tee: ['sim'], simKeys, 'broker.key': [bench.broker.key], ...more });
const exchangeFor = (appraisal: Appraisal): Exchange => {
  const exchange = new Exchange(appraisal);
  open.push(exchange);
  return exchange;
};
/** All that an enclave does. */
const fetchOver = (port: number, appraisal: Appraisal): Promise<Uint8Array> => {
  const send = carrier(exchangeFor(appraisal), { url: `https://127.0.0.1:${port}`, certificate: '', policy: {}, pcs: '', kds: '' });
  return new BrokerClient(send, simAttester(bench.tee())).resource('a/key/k');
};
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const refusal =
  (pattern: RegExp) =>
  (error: unknown): boolean =>
    error instanceof UnattestedError && error.code === 'broker-unattested' && pattern.test(error.message);
/** That the broker has answered. */
const requests = (): number => [...bench.broker.services.metrics.text().matchAll(/^kbs_http_requests_total\{[^}]*\} (\d+)/gm)].reduce((sum, [, count]) => sum + Number(count), 0);

describe('a broker that is verified by its evidence', () => {
  test('handshake and resource over the connection that was verified', async () => {
    const { port } = await served();
    assert.equal(text(await fetchOver(port, { policy: simPolicy() })), 'secret');
  });

  const trees = { tdx: tdxTree, snp: snpTree, sgx: sgxTree } as const;
  for (const kind of ['tdx', 'snp', 'sgx'] as const)
    test(`${kind}: found by itself, and the same`, async () => {
      const tee = openBrokerTee('auto', { files: trees[kind](), machine: () => assert.fail('no simulated machine') });
      assert.equal(tee?.type, kind);
      const { port } = await served(new BrokerAttester(tee as NonNullable<typeof tee>, { key: bench.broker.key }));
      const { collateral, roots } = world(kind);
      const policy = brokerPolicy({ ...AUTHENTIC, ...PLATFORM[kind], roots, 'broker.key': [bench.broker.key] });
      const appraisal: Appraisal = { policy, collateral, at: () => AT };
      assert.equal(text(await fetchOver(port, appraisal)), 'secret');
      await assert.rejects(fetchOver(port, { ...appraisal, policy: { ...policy, measurement: ['00'.repeat(kind === 'sgx' ? 32 : 48)] } }), refusal(/measurement/));
      await assert.rejects(fetchOver(port, { ...appraisal, policy: brokerPolicy({ ...AUTHENTIC, roots }) }), refusal(/any software can state/));
    });

  // biome-ignore format: a table
  const REFUSED: readonly (readonly [what: string, policy: Partial<Policy>, why: RegExp])[] = [
    ['another measurement',        { measurement: ['11'.repeat(48)] },        /measurement \(the measurement is 00/],
    ['the measurement of an enclave', { 'enclave.measurement': ['11'.repeat(48)] }, /measurement/],
    ['the image of an enclave',    { 'enclave.imageKind': 'integrity' },      /enclave-claims/],
    ['another broker',             { 'broker.key': ['11'.repeat(32)] },       /broker-key/],
    ['hardware',                   { tee: ['tdx', 'snp', 'sgx'] },            /tee-not-accepted/],
    ['another simulated machine',  { simKeys: [PrivateKey.generate('ES256').publicKey.pem()] }, /quote-signature/],
  ];
  for (const [what, more, why] of REFUSED)
    test(`${what} is demanded: nothing is sent`, async () => {
      const { port } = await served();
      const before = requests();
      assert.ok(before > 0, 'those of the tests above');
      await assert.rejects(fetchOver(port, { policy: simPolicy(more) }), refusal(why));
      assert.equal(requests(), before, 'the broker has answered nothing');
    });

  test('an enclave on the same machine is no broker', async () => {
    const enclave = new Attester(
      openTee('sim', new FakeTree(), () => machine, bench.tee().measurements()),
      'integrity',
    );
    const { port } = await served(enclave);
    await assert.rejects(fetchOver(port, { policy: simPolicy({ debug: 'unchecked', 'broker.key': 'unchecked' }) }), refusal(/has to state a broker; it states an enclave/));
    assert.throws(() => brokerPolicy({ ...AUTHENTIC, statement: 'enclave' }), /a broker is no enclave/);
  });

  test('a broker with another certificate, or without TLS, gets nothing', async () => {
    const key = PrivateKey.generate('ES256');
    const cert = selfSignedCertificate(key, { commonName: 'x', names: ['127.0.0.1'], notBefore: Date.now() - 1e6, notAfter: Date.now() + 1e8 });
    const seen: string[] = [];
    const plain = createHttps({ ...TLS_OPTIONS, key: key.pem(), cert }, (request, response) => {
      seen.push(request.url ?? '');
      response.end();
    });
    await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve));
    open.push({ close: () => plain.close() });
    await assert.rejects(fetchOver((plain.address() as AddressInfo).port, { policy: simPolicy() }), refusal(/carries no evidence|no extension with evidence/));
    assert.deepEqual(seen, []);
    const http = exchangeFor({ policy: simPolicy() });
    await assert.rejects(http.send({ base: new URL('http://127.0.0.1:1'), method: 'GET', path: '/', headers: {} }), refusal(/not https/));
  });

  test('a relay in between is refused, with a certificate of its own and with evidence that it asks the broker for', async () => {
    const { port } = await served();
    const seen: string[] = [];
    // It has evidence over a key of its own (of the same genuine broker software), and passes the question on to the broker.
    const mine = await attestedIdentity(own);
    const stolenKey = createTls({ ...TLS_OPTIONS, key: mine.key, cert: mine.cert }, (client) => {
      const up = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false });
      for (const socket of [client, up]) socket.on('error', () => {});
      client.on('data', (part) => {
        seen.push(...(part.toString('latin1').match(/^[A-Z]+ \S+/gm) ?? []));
        up.write(part);
      });
      up.pipe(client);
    });
    await new Promise<void>((resolve) => stolenKey.listen(0, '127.0.0.1', resolve));
    open.push({ close: () => stolenKey.close() });
    await assert.rejects(fetchOver((stolenKey.address() as AddressInfo).port, { policy: simPolicy() }), refusal(/relayed/));
    assert.deepEqual(
      seen.map((line) => line.replace(/nonce=.*/, 'nonce=')),
      ['GET /.well-known/cloister-evidence?nonce='],
    );
    // One that only passes bytes on learns nothing, and may.
    const wire = createTcp((client) => {
      const up = connectPlain(port, '127.0.0.1');
      for (const socket of [client, up]) socket.on('error', () => {});
      client.pipe(up).pipe(client);
    });
    await new Promise<void>((resolve) => wire.listen(0, '127.0.0.1', resolve));
    open.push({ close: () => wire.close() });
    assert.equal(text(await fetchOver((wire.address() as AddressInfo).port, { policy: simPolicy() })), 'secret');
  });

  test('the certificate is made anew before it ends, with a new key; each is verified, and open connections stay', { timeout: 30_000 }, async () => {
    const lifetimeMs = 2000;
    const { port } = await served(own, lifetimeMs);
    const shown = (): Promise<X509Certificate> =>
      new Promise((resolve, reject) => {
        const socket = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
          resolve(socket.getPeerX509Certificate() as X509Certificate);
          socket.destroy();
        });
        socket.on('error', reject);
      });
    const first = await shown();
    assert.match(first.validTo, /GMT$/);
    const exchange = exchangeFor({ policy: simPolicy() });
    const ask = () => exchange.send({ base: new URL(`https://127.0.0.1:${port}`), method: 'GET', path: '/healthz', headers: {} });
    assert.equal((await ask()).status, 200);
    let renewed = first;
    while (renewed.raw.equals(first.raw)) renewed = await shown();
    assert.ok(Date.now() < first.validToDate.getTime() + 1000, 'before the first one ended');
    assert.ok(!renewed.publicKey.equals(first.publicKey));
    assert.equal((await ask()).status, 200, 'the connection that was open');
    assert.equal(text(await fetchOver(port, { policy: simPolicy({ certificateValidity: 'required' }) })), 'secret');
    await assert.rejects(
      new Promise((resolve, reject) => {
        const old = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false, maxVersion: 'TLSv1.2' }, () => resolve('connected'));
        old.on('error', reject);
      }),
      /version/i,
      'still TLS 1.3 alone',
    );
  });

  test('the question for evidence is one as others: limited, counted, and answered only where there is any', async () => {
    const { port } = await served();
    const exchange = exchangeFor({ policy: simPolicy() });
    const base = new URL(`https://127.0.0.1:${port}`);
    const ask = (path: string, method = 'GET') => exchange.send({ base, method, path, headers: {} });
    const path = '/.well-known/cloister-evidence';
    const answer = await ask(`${path}?nonce=${'ab'.repeat(16)}`);
    assert.deepEqual([answer.status, answer.headers['access-control-allow-origin'], answer.headers['cache-control']], [200, '*', 'no-store']);
    assert.deepEqual([(await ask(path)).status, (await ask(`${path}?nonce=00`)).status, (await ask(path, 'POST')).status], [400, 400, 405]);
    assert.equal((await bench.request('GET', `${path}?nonce=${'ab'.repeat(16)}`)).status, 404, 'not by a connection');
    const key = PrivateKey.generate('ES256');
    const cert = selfSignedCertificate(key, { commonName: 'x', names: ['127.0.0.1'], notBefore: Date.now() - 1e6, notAfter: Date.now() + 1e8 });
    const given = await serve(bench.broker, { host: '127.0.0.1', port: 0, maxConnections: 100, requestTimeoutMs: 5000, certificates: fixedCertificate({ key: key.pem(), cert }) });
    open.push(given);
    const pinned = new Exchange();
    open.push(pinned);
    const send = (target: string) => pinned.send({ base: new URL(`https://127.0.0.1:${given.port}`), method: 'GET', path: target, headers: {}, certificate: cert });
    assert.deepEqual([(await send('/healthz')).status, (await send(`${path}?nonce=${'ab'.repeat(16)}`)).status], [200, 404]);
  });
});

describe('the TEE of a broker', () => {
  const tee = (choice: Parameters<typeof openBrokerTee>[0], files: FakeTree): string | undefined => openBrokerTee(choice, { files, machine: () => machine })?.type;

  test('hardware where there is any, sim only by its name, none where it is not wanted, and no other in place of what was asked for', () => {
    assert.deepEqual([tee('auto', tdxTree()), tee('auto', snpTree()), tee('auto', sgxTree()), tee('auto', new FakeTree()), tee('auto', sgxTree('none'))], ['tdx', 'snp', 'sgx', undefined, undefined]);
    assert.deepEqual([tee('none', tdxTree()), tee('sim', tdxTree()), tee('sim', new FakeTree())], [undefined, 'sim', 'sim']);
    assert.throws(() => tee('tdx', new FakeTree()), { code: 'tee-missing' });
    assert.throws(() => tee('snp', tdxTree()), { code: 'tee-missing' });
  });

  test('a simulated quote of a broker says that nothing was measured', () => {
    const { measurement, signer, debuggable } = simTee.measurements();
    assert.ok([...measurement, ...signer].every((byte) => byte === 0));
    assert.equal(debuggable, false);
  });

  test('the root key: sealed by SGX to the machine; refused on hardware that has no such keys, with what to do', () => {
    const seal = (choice: Parameters<typeof rootSealingKey>[0], files: FakeTree) => rootSealingKey(choice, { files, machine: () => machine });
    const key = seal('auto', sgxTree());
    assert.deepEqual([key.length, seal('sgx', sgxTree())], [32, key]);
    const elsewhere = sgxTree();
    elsewhere.sgx = { ...(elsewhere.sgx as NonNullable<FakeTree['sgx']>), keys: { _sgx_mrsigner: new Uint8Array(16).fill(9) } };
    assert.notDeepEqual(seal('auto', elsewhere), key);
    assert.notDeepEqual(seal('none', sgxTree()), key, 'a simulated machine has other keys');
    assert.deepEqual(seal('none', tdxTree()), seal('auto', new FakeTree()));
    const keyless = sgxTree();
    keyless.sgx = { ...(keyless.sgx as NonNullable<FakeTree['sgx']>), keys: {} };
    for (const [files, what] of [
      [tdxTree(), /TDX has no sealing keys/],
      [snpTree(), /SEV-SNP offers no sealing keys/],
      [keyless, /holds no sealing key/],
    ] as const)
      assert.throws(
        () => seal('auto', files),
        (error: { kind: string; code: string; message: string; hint: string }) => error.kind === 'key' && error.code === 'tee-sealing' && what.test(error.message) && /--root-key shares/.test(error.hint),
      );
  });
});

test('a broker whose root key is sealed by SGX opens its database again, and on no other machine', async () => {
  const guardOn = (key: number): RootGuard => {
    const files = sgxTree();
    files.sgx = { ...(files.sgx as NonNullable<FakeTree['sgx']>), keys: { _sgx_mrsigner: new Uint8Array(16).fill(key) } };
    return teeGuard(rootSealingKey('auto', { files, machine: () => assert.fail('no simulated machine') }));
  };
  const sealed = new Bench();
  await sealed.start({ guard: guardOn(8) });
  const { key } = sealed.broker;
  await sealed.broker.close();
  await sealed.start({ guard: guardOn(8) });
  assert.equal(sealed.broker.key, key);
  await sealed.broker.close();
  await assert.rejects(sealed.start({ guard: guardOn(9) }), { code: 'broker-root-key' });
  await sealed.start({ guard: guardOn(8) });
  await sealed.close();
});

describe('what the configuration demands', () => {
  const demand = (policy: Record<string, unknown>) => appraisalOf({ policy, pcs: '', kds: '' });
  test('nothing, or a policy for brokers', () => {
    assert.equal(demand({}), undefined);
    assert.equal(appraisalOf(JSON.parse('{"url":"","certificate":""}')), undefined, 'sealed before there was such a key');
    assert.equal(demand({ base: 'authentic', measurement: ['00'.repeat(48)] })?.policy.statement, 'broker');
    assert.throws(() => demand({ measurement: ['00'.repeat(48)] }), /not given/);
    assert.throws(() => demand({ base: 'authentic', statement: 'enclave' }), /no enclave/);
  });
});
