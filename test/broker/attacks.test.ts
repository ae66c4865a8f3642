/** What attackers try, one at a time. Each of them works where the check that it is aimed at is left out. */

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, test } from 'node:test';
import { canonicalBytes } from '../../src/attestation/index.ts';
import { toByteString, toHex } from '../../src/base/bytes.ts';
import { BrokerClient } from '../../src/broker/client.ts';
import { expectedReportData } from '../../src/broker/kbs/report-data.ts';
import { base64url, encryptJwe, PrivateKey, RecipientKey, sha384 } from '../../src/crypto/index.ts';
import { NodeDirectory } from '../../src/pal/node/storage.ts';
import { ALICE, ANYBODY, Bench, simAttester } from './support.ts';

const bench = await Bench.make();
after(() => bench.close());
const SECRET = 'the key of the data';
await bench.alice('PUT', '/cloister/v0/resources/a/key/k', SECRET);
await bench.alice('PUT', '/cloister/v0/policies/any', ANYBODY);
const RESOURCE = '/kbs/v0/resource/a/key/k';

interface Started {
  readonly cookie: string;
  readonly nonce: string;
}

async function challenge(tee = 'sim'): Promise<Started> {
  const answer = await bench.request('POST', '/kbs/v0/auth', {}, JSON.stringify({ version: '0.4.0', tee, 'extra-params': {} }));
  assert.equal(answer.status, 200);
  return { cookie: answer.headers['set-cookie'].split(';')[0], nonce: answer.json.nonce };
}

/** A body of `/attest`, with evidence over what it says unless something else is given. */
function attestation(nonce: string, key: object, changed: { readonly bound?: object; readonly evidence?: unknown; readonly additional?: string } = {}): string {
  const additional = changed.additional ?? '';
  const reportData = expectedReportData(sha384(canonicalBytes((changed.bound ?? { nonce, 'tee-pubkey': { ...key }, 'additional-evidence': additional }) as never)));
  return JSON.stringify({ 'init-data': null, 'runtime-data': { nonce, 'tee-pubkey': key }, 'tee-evidence': { primary_evidence: changed.evidence ?? simAttester(bench.tee()).evidence(reportData), additional_evidence: additional } });
}

const attest = (cookie: string, body: string) => bench.request('POST', '/kbs/v0/attest', { cookie }, body);
const lastEvent = async () => (await bench.audit())[0];

async function mustRefuse(answer: Promise<{ status: number; json: any }>, kind: string): Promise<void> {
  const { status, json } = await answer;
  assert.notEqual(status, 200);
  assert.match(json.type, new RegExp(`/${kind}$`));
  assert.deepEqual(Object.keys(json), ['type', 'detail'], 'what clients read, and nothing else');
}

test('a nonce is good for one attestation, accepted or not', async () => {
  const key = new RecipientKey();
  const { cookie, nonce } = await challenge();
  const body = attestation(nonce, key.publicJwk);
  assert.equal((await attest(cookie, body)).status, 200);
  await mustRefuse(attest(cookie, body), 'AttestationError');
  assert.equal((await lastEvent()).detail.code, 'nonce-used');
  const other = await challenge();
  await mustRefuse(attest(other.cookie, attestation(other.nonce, key.publicJwk, { evidence: { quote: 'AAAA' } })), 'AttestationError');
  await mustRefuse(attest(other.cookie, attestation(other.nonce, key.publicJwk)), 'AttestationError');
  // Many at once: one of them wins.
  const raced = await challenge();
  const answers = await Promise.all(Array.from({ length: 20 }, () => attest(raced.cookie, attestation(raced.nonce, key.publicJwk))));
  assert.equal(answers.filter(({ status }) => status === 200).length, 1);
});

test('a nonce of another session, of nobody, and one that has expired', async () => {
  const key = new RecipientKey();
  const [one, two] = [await challenge(), await challenge()];
  await mustRefuse(attest(one.cookie, attestation(two.nonce, key.publicJwk)), 'AttestationError');
  const three = await challenge();
  await mustRefuse(attest(three.cookie, attestation('AAAA', key.publicJwk)), 'AttestationError');
  await mustRefuse(attest('kbs-session-id=0123456789abcdef', attestation(two.nonce, key.publicJwk)), 'AttestationError');
  await mustRefuse(attest('', attestation(two.nonce, key.publicJwk)), 'AttestationError');
  bench.skewMs = 301_000;
  await mustRefuse(attest(two.cookie, attestation(two.nonce, key.publicJwk)), 'AttestationError');
  bench.skewMs = 0;
});

test('relayed evidence: made for one key, sent with another', async () => {
  const [victim, attacker] = [new RecipientKey(), new RecipientKey()];
  const { cookie, nonce } = await challenge();
  const bound = { nonce, 'tee-pubkey': { ...victim.publicJwk }, 'additional-evidence': '' };
  await mustRefuse(attest(cookie, attestation(nonce, attacker.publicJwk, { bound })), 'AttestationError');
  assert.match((await lastEvent()).detail.failures[0], /^report-data/);
  // A member that the hash covers and the broker ignores must not make two readings.
  const padded = await challenge();
  await mustRefuse(attest(padded.cookie, attestation(padded.nonce, { ...attacker.publicJwk, use: 'enc' }, { bound: { nonce: padded.nonce, 'tee-pubkey': { ...attacker.publicJwk }, 'additional-evidence': '' } })), 'AttestationError');
});

test('evidence of a machine that the broker does not know, of another kind, and of devices', async () => {
  const key = new RecipientKey();
  const stranger = bench.tee({}, new NodeDirectory(toByteString(`${bench.directory}/stranger`)));
  const one = await challenge();
  const reportData = expectedReportData(sha384(canonicalBytes({ nonce: one.nonce, 'tee-pubkey': { ...key.publicJwk }, 'additional-evidence': '' })));
  await mustRefuse(attest(one.cookie, attestation(one.nonce, key.publicJwk, { evidence: { quote: stranger.quote(reportData).toBase64() } })), 'AttestationError');
  assert.match((await lastEvent()).detail.failures[0], /signature/);
  const sample = await challenge('sample');
  await mustRefuse(attest(sample.cookie, attestation(sample.nonce, key.publicJwk)), 'AttestationError');
  const device = await challenge();
  await mustRefuse(attest(device.cookie, attestation(device.nonce, key.publicJwk, { additional: '{"nvidia":["gpu",{}]}' })), 'AttestationError');
  await mustRefuse(bench.request('POST', '/kbs/v0/auth', {}, '{"version":"0.4.0","tee":"tdx","extra-params":{}}'), 'AttestationError');
  for (const version of ['0.3.0', '0.4.1', '1.0.0', '0.4', '']) await mustRefuse(bench.request('POST', '/kbs/v0/auth', {}, JSON.stringify({ version, tee: 'sim', 'extra-params': {} })), 'AttestationError');
});

test('a session of somebody else gives nothing that can be read', async () => {
  const victim = bench.client();
  await victim.attest();
  const { cookie } = await challenge();
  await mustRefuse(bench.request('GET', RESOURCE, { cookie }), 'TokenNotFound');
  await mustRefuse(bench.request('GET', RESOURCE), 'TokenNotFound');
  const attacker = new RecipientKey();
  const thief = new BrokerClient((method, path, headers, body) => bench.send(method, path, headers, body), simAttester(bench.tee()));
  await thief.attest();
  const stolen = await bench.request('GET', RESOURCE, { authorization: `Bearer ${await victim.attest()}` });
  assert.throws(() => attacker.decrypt(stolen.json));
});

test('tokens: algorithm confusion, another signer, no signature, changed claims, too old, not yet', async () => {
  const token = await bench.client().attest();
  const [header, payload, signature] = token.split('.');
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
  const get = (bearer: string) => bench.request('GET', RESOURCE, { authorization: `Bearer ${bearer}` });
  assert.equal((await get(token)).status, 200);
  const jwk = (await bench.request('GET', '/.well-known/jwks.json')).json.keys[0];
  const publicPem = PrivateKey.generate('ES256').publicKey.pem();
  const hmac = (key: string | Uint8Array, alg: string): string => {
    const signed = `${part({ alg, typ: 'JWT' })}.${payload}`;
    return `${signed}.${createHmac('sha256', key).update(signed).digest('base64url')}`;
  };
  const attacker = PrivateKey.generate('ES256');
  const signedBy = (key: PrivateKey, head: object, body: object): string => {
    const signed = `${part(head)}.${part(body)}`;
    return `${signed}.${base64url(key.sign(new TextEncoder().encode(signed)))}`;
  };
  const forged = [
    `${part({ alg: 'none', typ: 'JWT' })}.${payload}.`,
    `${part({ alg: 'None', typ: 'JWT' })}.${payload}.${signature}`,
    hmac(JSON.stringify(jwk), 'HS256'),
    hmac(publicPem, 'HS256'),
    hmac(Buffer.from(jwk.x + jwk.y, 'base64url'), 'ES256'),
    signedBy(attacker, { alg: 'ES256', typ: 'JWT' }, claims),
    signedBy(attacker, { alg: 'ES256', typ: 'JWT', jwk: attacker.publicKey.jwk() }, claims),
    signedBy(attacker, { alg: 'ES256', typ: 'JWT', jku: 'https://attacker.example/jwks' }, claims),
    `${header}.${part({ ...claims, exp: claims.exp + 3600 })}.${signature}`,
    `${header}.${payload}.${'A'.repeat(86)}`,
    `${header}.${payload}`,
    'x',
  ];
  for (const bearer of forged) await mustRefuse(get(bearer), 'Token(VerifierError|NotFound)');
  bench.skewMs = 310_000;
  await mustRefuse(get(token), 'TokenVerifierError');
  bench.skewMs = -60_000;
  await mustRefuse(get(token), 'TokenVerifierError');
  bench.skewMs = 0;
});

test('owners: requests that nobody signed, that another one signed, that are sent twice to another place, that are old', async () => {
  const bob = PrivateKey.generate('EdDSA');
  assert.equal((await bench.alice('POST', '/cloister/v0/owners', JSON.stringify({ id: 'bob', tenant: 'lab', role: 'owner', publicKey: bob.publicKey.pem() }))).status, 200);
  const put = '/cloister/v0/resources/a/key/k';
  await mustRefuse(bench.request('PUT', put, {}, 'x'), 'AdminAuth');
  await mustRefuse(bench.as('alice', bob, 'PUT', put, 'x'), 'AdminAuth');
  await mustRefuse(bench.as('nobody', bob, 'PUT', put, 'x'), 'AdminAuth');
  await mustRefuse(bench.as('bob', bob, 'PUT', put, 'x'), 'Forbidden');
  await mustRefuse(bench.as('bob', bob, 'POST', `${put}/read`, JSON.stringify({ recipient: new RecipientKey().publicJwk })), 'InvalidRequestPath');
  await mustRefuse(bench.as('bob', bob, 'GET', put), 'InvalidRequestPath');
  await mustRefuse(bench.as('bob', bob, 'DELETE', put), 'Forbidden');
  await mustRefuse(bench.as('bob', bob, 'POST', '/cloister/v0/keys/dataset/a/revoke'), 'Forbidden');
  await mustRefuse(bench.as('bob', bob, 'POST', '/cloister/v0/keys/owner/alice/revoke'), 'InvalidRequestPath');
  await mustRefuse(bench.as('bob', bob, 'GET', '/cloister/v0/owners'), 'Forbidden');
  await mustRefuse(bench.as('bob', bob, 'GET', '/cloister/v0/audit-export'), 'Forbidden');
  assert.ok((await bench.as('bob', bob, 'GET', '/cloister/v0/audit')).json.every(({ owner }: { owner: string }) => owner === 'bob'));
  // Bob's policies say nothing about what is Alice's.
  await bench.alice('DELETE', '/cloister/v0/policies/any');
  assert.equal((await bench.as('bob', bob, 'PUT', '/cloister/v0/policies/any', ANYBODY)).status, 200);
  await assert.rejects(bench.client().resource('a/key/k'), { code: 'broker-refused' });
  await bench.alice('PUT', '/cloister/v0/policies/any', ANYBODY);
  const { signRequest } = await import('../../src/broker/admin/owners.ts');
  const body = new TextEncoder().encode('x');
  const token = await signRequest('alice', ALICE, { method: 'PUT', path: '/cloister/v0/resources/a/key/other', query: new URLSearchParams(), body }, Date.now());
  const headers = { authorization: `Bearer ${token}` };
  await mustRefuse(bench.request('PUT', put, headers, 'x'), 'AdminAuth');
  await mustRefuse(bench.request('PUT', '/cloister/v0/resources/a/key/other', headers, 'y'), 'AdminAuth');
  await mustRefuse(bench.request('PUT', '/cloister/v0/resources/a/key/other?label=z', headers, 'x'), 'AdminAuth');
  await mustRefuse(bench.request('POST', '/kbs/v0/resource/a/key/other', headers, 'x'), 'AdminAuth');
  assert.equal((await bench.request('PUT', '/cloister/v0/resources/a/key/other', headers, 'x')).status, 200);
  bench.skewMs = 200_000;
  await mustRefuse(bench.request('PUT', '/cloister/v0/resources/a/key/other', headers, 'x'), 'AdminAuth');
  bench.skewMs = 0;
});

test('bodies: too large, not JSON, JSON of the wrong shape, names that are none', async () => {
  const { cookie } = await challenge();
  await mustRefuse(bench.request('POST', '/kbs/v0/auth', {}, ' '.repeat(20_000)), 'TooLarge');
  await mustRefuse(attest(cookie, ' '.repeat((4 << 20) + 1)), 'TooLarge');
  await mustRefuse(bench.alice('PUT', '/cloister/v0/resources/a/key/big', new Uint8Array((1 << 20) + 1)), 'TooLarge');
  for (const body of ['', '[]', 'null', '"x"', '{', '{"version":4,"tee":"sim"}', '{"version":"0.4.0"}', '{"version":"0.4.0","tee":"__proto__"}', '{"version":"0.4.0","tee":{}}', `${'['.repeat(9000)}`, '\ud800'])
    assert.equal((await bench.request('POST', '/kbs/v0/auth', {}, body)).status, 401, body.slice(0, 50));
  for (const body of ['{}', '{"runtime-data":null,"tee-evidence":null}', '{"runtime-data":{"nonce":"x"},"tee-evidence":{}}', '{"runtime-data":{"nonce":"x","tee-pubkey":{"kty":"EC"}},"tee-evidence":"x"}'])
    assert.equal((await attest((await challenge()).cookie, body)).status, 401, body);
  for (const path of ['/kbs/v0/resource/../../etc', '/kbs/v0/resource/a/key', '/kbs/v0/resource/a/key/k/l', '/kbs/v0/resource/a/key/%2e%2e', '/kbs/v0/resource/a/ke y/k', "/kbs/v0/resource/a/key/k'--", '/', '/kbs/v0', '/kbs/v0/nvidia/x']) {
    const { status } = await bench.request('GET', path, { authorization: `Bearer ${await bench.client().attest()}` });
    assert.equal(status, 404, path);
  }
  assert.equal((await bench.request('DELETE', '/kbs/v0/auth')).status, 405);
});

test('thousands of sessions at once: each gets its own secret, in its own key', async () => {
  const clients = Array.from({ length: 2000 }, () => bench.client());
  const values = await Promise.all(clients.map((client) => client.resource('a/key/k')));
  assert.ok(values.every((value) => new TextDecoder().decode(value) === SECRET));
});

test('a database that does not answer releases nothing, and says nothing of itself', async () => {
  const down = await Bench.make();
  await down.alice('PUT', '/cloister/v0/resources/a/key/k', SECRET);
  await down.alice('PUT', '/cloister/v0/policies/any', ANYBODY);
  const client = down.client();
  await client.attest();
  await down.broker.services.database.close();
  const answer = await client.resource('a/key/k').catch((error) => error);
  assert.match(answer.message, /status 503.*try again later/);
  assert.doesNotMatch(answer.message, /sqlite|database/i);
  const { rmSync } = await import('node:fs');
  rmSync(down.directory, { recursive: true, force: true });
});

test('an audit log that cannot be written releases nothing', async () => {
  const { database } = bench.broker.services;
  const { transaction } = database;
  const client = bench.client();
  await client.attest();
  (database as { transaction: unknown }).transaction = () => Promise.reject(new Error('no room on the disk'));
  const answer = await client.resource('a/key/k').catch((error) => error);
  (database as { transaction: unknown }).transaction = transaction;
  assert.match(answer.message, /status 500/);
  assert.deepEqual(new TextDecoder().decode(await client.resource('a/key/k')), SECRET);
});

test('neither the log, nor the audit log, nor the database hold a secret', async () => {
  const client = bench.client();
  const token = await client.attest();
  await client.resource('a/key/k');
  await bench.request('GET', RESOURCE, { authorization: 'Bearer x.y.z' });
  const { readFileSync, readdirSync } = await import('node:fs');
  const files = readdirSync(bench.directory).filter((name) => name.startsWith('broker.db'));
  assert.ok(files.length > 0);
  const everything = [JSON.stringify(bench.logged), JSON.stringify(await bench.audit()), ...files.map((name) => readFileSync(`${bench.directory}/${name}`, 'latin1'))].join('\n');
  const pem = bench.broker.services.auditKey.pem().split('\n')[1];
  for (const secret of [SECRET, Buffer.from(SECRET).toString('base64'), token, pem, toHex(new TextEncoder().encode(SECRET))]) assert.ok(!everything.includes(secret), secret.slice(0, 30));
  assert.throws(() => encryptJwe({ ...new RecipientKey().publicJwk, x: 'AA' }, new Uint8Array(1)));
});
