/** Keys over their life: what guards the root key, rotation at every level, expiry, revocation; through the command line where users do it there. */

import assert from 'node:assert/strict';
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { RecipientKey } from '../../src/crypto/index.ts';
import { BrokerProcess } from './process.ts';
import { ANYBODY, Bench } from './support.ts';

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const closers: (() => unknown)[] = [];
after(async () => {
  for (const close of closers) await close();
});

async function brokerWith(...words: readonly string[]): Promise<BrokerProcess> {
  const broker = new BrokerProcess();
  closers.push(() => broker.close());
  await broker.start(...words);
  return broker;
}

async function fill(broker: BrokerProcess): Promise<void> {
  assert.equal((await broker.admin('PUT', '/cloister/v0/resources/a/key/k', 'secret')).status, 200);
  assert.equal((await broker.admin('PUT', '/cloister/v0/policies/any', ANYBODY)).status, 200);
}

const released = async (broker: BrokerProcess): Promise<string> => text(await broker.client().resource('a/key/k'));

/** Starting must fail; what it says. */
async function mustNotStart(broker: BrokerProcess, ...words: readonly string[]): Promise<string> {
  await broker.end();
  broker.log = '';
  await assert.rejects(broker.start(...words), /the broker ended with [1-9]/);
  return broker.log;
}

test('shares: any two of three people start the broker; one, a stranger, or the same one twice do not', async () => {
  const broker = new BrokerProcess();
  closers.push(() => broker.close());
  const shares = join(broker.place, 'shares');
  const share = (...numbers: readonly number[]): string[] => ['--root-key', 'shares', ...numbers.flatMap((number) => ['--share', join(shares, `share-${number}.txt`)])];
  await assert.rejects(broker.start('--root-key', 'shares'), /--split/);
  await broker.start('--root-key', 'shares', '--split', '2/3', '--shares-to', shares);
  await fill(broker);
  assert.deepEqual(readdirSync(shares).sort(), ['share-1.txt', 'share-2.txt', 'share-3.txt']);
  for (const pair of [
    [3, 1],
    [2, 3],
  ]) {
    await broker.end();
    await broker.start(...share(...pair));
    assert.equal(await released(broker), 'secret');
  }
  assert.match(await mustNotStart(broker, ...share(1)), /2 shares are needed, 1 are here/);
  assert.match(await mustNotStart(broker, ...share(1, 1)), /2 shares are needed, 1 are here/);
  assert.match(await mustNotStart(broker), /guarded by shares, not by tee/);
  const line = readFileSync(join(shares, 'share-1.txt'), 'utf8');
  writeFileSync(
    join(shares, 'share-4.txt'),
    line.replace(/:([0-9a-f])([0-9a-f]*):[0-9a-f]{8}\n$/, (_, first: string, rest: string) => `:${first === 'a' ? 'b' : 'a'}${rest}:00000000\n`),
  );
  assert.match(await mustNotStart(broker, ...share(2, 4)), /damaged: its checksum is wrong/);
  const other = new BrokerProcess();
  closers.push(() => other.close());
  await other.start('--root-key', 'shares', '--split', '2/2', '--shares-to', join(other.place, 'shares'));
  writeFileSync(join(shares, 'share-5.txt'), readFileSync(join(other.place, 'shares/share-1.txt')));
  writeFileSync(join(shares, 'share-6.txt'), readFileSync(join(other.place, 'shares/share-2.txt')));
  assert.match(await mustNotStart(broker, ...share(1, 5)), /do not belong together/);
  assert.match(await mustNotStart(broker, ...share(5, 6)), /not the shares of this broker/);
  await broker.start(...share(1, 2));
  assert.equal(await released(broker), 'secret');
});

/** The transit engine of Vault (and OpenBao), as its HTTP API is documented: encrypt and decrypt, versions of keys, errors. */
class Transit {
  readonly token = 'hvs.test';
  readonly requests: string[] = [];
  readonly #keys = new Map([['cloister', [randomBytes(32)]]]);
  mood: 'well' | 'sealed' | 'mute' = 'well';
  readonly server = createServer((request, response) => {
    let body = '';
    request.on('data', (part) => void (body += part));
    request.on('end', () => {
      this.requests.push(`${request.method} ${request.url}`);
      const [status, answer] = this.#answer(request.method ?? '', request.url ?? '', String(request.headers['x-vault-token']), body);
      if (this.mood !== 'mute') response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
    });
  });

  #answer(method: string, url: string, token: string, body: string): [number, unknown] {
    const match = /^\/v1\/transit\/(encrypt|decrypt)\/([^/]+)$/.exec(url);
    if (this.mood === 'sealed') return [503, { errors: ['Vault is sealed'] }];
    if (token !== this.token) return [403, { errors: ['permission denied'] }];
    const versions = this.#keys.get(match?.[2] ?? '');
    if (match === null || versions === undefined || (method !== 'POST' && method !== 'PUT')) return [404, { errors: [] }];
    const wrap = (data: unknown) => ({ request_id: 'd5f9f4c2-0000-0000-0000-000000000000', lease_id: '', renewable: false, lease_duration: 0, data, wrap_info: null, warnings: null, auth: null });
    const { plaintext, ciphertext } = JSON.parse(body) as { plaintext?: string; ciphertext?: string };
    if (match[1] === 'encrypt') {
      const nonce = randomBytes(12);
      const cipher = createCipheriv('aes-256-gcm', versions[versions.length - 1], nonce);
      const sealed = Buffer.concat([nonce, cipher.update(Buffer.from(plaintext ?? '', 'base64')), cipher.final(), cipher.getAuthTag()]);
      return [200, wrap({ ciphertext: `vault:v${versions.length}:${sealed.toString('base64')}`, key_version: versions.length })];
    }
    const parts = /^vault:v(\d+):(.+)$/.exec(ciphertext ?? '');
    const key = versions[Number(parts?.[1]) - 1];
    if (parts === null || key === undefined) return [400, { errors: ['invalid ciphertext: no prefix'] }];
    try {
      const sealed = Buffer.from(parts[2], 'base64');
      const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, 12));
      decipher.setAuthTag(sealed.subarray(-16));
      return [200, wrap({ plaintext: Buffer.concat([decipher.update(sealed.subarray(12, -16)), decipher.final()]).toString('base64') })];
    } catch {
      return [400, { errors: ['cipher: message authentication failed'] }];
    }
  }

  rotate(): void {
    this.#keys.get('cloister')?.push(randomBytes(32));
  }

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/transit/cloister`;
  }
}

test("a KMS with Vault's transit API guards the root key: its paths, its errors, its absence, its rotation", async () => {
  const transit = new Transit();
  const url = await transit.start();
  closers.push(() => {
    transit.server.closeAllConnections();
    transit.server.close();
  });
  const broker = new BrokerProcess();
  closers.push(() => broker.close());
  const words = ['--root-key', 'transit', '--transit', url];
  await assert.rejects(broker.start(...words), /VAULT_TOKEN/);
  broker.env.VAULT_TOKEN = transit.token;
  await broker.start(...words);
  await fill(broker);
  assert.deepEqual(transit.requests, ['POST /v1/transit/encrypt/cloister']);
  await broker.end();
  transit.rotate();
  await broker.start(...words);
  assert.deepEqual(transit.requests.slice(1), ['POST /v1/transit/decrypt/cloister']);
  assert.equal(await released(broker), 'secret');
  transit.mood = 'sealed';
  assert.match(await mustNotStart(broker, ...words), /the KMS answered decrypt with status 503/);
  transit.mood = 'well';
  broker.env.VAULT_TOKEN = 'hvs.another';
  assert.match(await mustNotStart(broker, ...words), /the KMS answered decrypt with status 403/);
  broker.env.VAULT_TOKEN = transit.token;
  assert.match(await mustNotStart(broker, '--root-key', 'transit', '--transit', url.replace(/cloister$/, 'other')), /status 404/);
  assert.match(await mustNotStart(broker, '--root-key', 'transit', '--transit', 'http://127.0.0.1:9/transit/cloister'), /does not answer/);
  assert.doesNotMatch(broker.log, /hvs\./);
  await broker.start(...words);
  assert.equal(await released(broker), 'secret');
});

test('new root keys, from guard to guard: everything stays readable, nothing of the old one is good any more', async () => {
  const broker = await brokerWith();
  await fill(broker);
  const running = await broker.run('key', 'new-root', '--state', broker.state);
  assert.notEqual(running.code, 0);
  assert.match(running.error, /a broker runs over this state/);
  await broker.end();
  const shares = join(broker.place, 'shares');
  const given = ['--share', join(shares, 'share-1.txt'), '--share', join(shares, 'share-2.txt')];
  const first = await broker.run('key', 'new-root', '--state', broker.state, '--new-root-key', 'shares', '--split', '2/2', '--shares-to', shares);
  assert.equal(first.code, 0, first.error);
  assert.match(first.output, /guarded by shares/);
  assert.match(await mustNotStart(broker), /guarded by shares, not by tee/);
  await broker.start('--root-key', 'shares', ...given);
  assert.equal(await released(broker), 'secret');
  const jwks = async (): Promise<string> => (await broker.send('GET', '/.well-known/jwks.json', {})).body;
  const before = await jwks();
  await broker.end();
  // The shares of today do not open what comes after.
  const second = await broker.run('key', 'new-root', '--state', broker.state, '--root-key', 'shares', ...given, '--new-root-key', 'shares', '--split', '2/3', '--shares-to', join(broker.place, 'later'), '--json');
  assert.equal(second.code, 0, second.error);
  assert.deepEqual(JSON.parse(second.output), { rootKey: 'shares' });
  assert.match(await mustNotStart(broker, '--root-key', 'shares', ...given), /not the shares of this broker/);
  const later = [1, 3].flatMap((number) => ['--share', join(broker.place, `later/share-${number}.txt`)]);
  await broker.start('--root-key', 'shares', ...later);
  assert.equal(await released(broker), 'secret');
  assert.equal(await jwks(), before, 'the signing key of tokens is the same');
  const log = JSON.parse((await broker.admin('GET', '/cloister/v0/audit?limit=1000')).body) as { event: string; subject: string }[];
  assert.equal(log.filter(({ event, subject }) => event === 'key-rotated' && subject === 'root').length, 2);
  mkdirSync(join(broker.place, 'out'));
  const exported = await broker.run('audit', 'export', '--state', broker.state, '-o', join(broker.place, 'out/log'));
  assert.equal(exported.code, 0, exported.error);
  assert.match((await broker.run('audit', 'verify', join(broker.place, 'out/log'))).output, /^verified/);
});

const bench = await Bench.make();
closers.push(() => bench.close());
await bench.alice('PUT', '/cloister/v0/policies/any', ANYBODY);
const put = async (path: string, content: string): Promise<void> => void assert.equal((await bench.alice('PUT', `/cloister/v0/resources/${path}`, content)).status, 200);
const get = async (path: string): Promise<string> => text(await bench.client().resource(path));
const rotate = (key: string, query = '') => bench.alice('POST', `/cloister/v0/keys/${key}/rotate${query}`);
const keysOf = async (): Promise<{ id: string; version: number; state: string; parentVersion: number }[]> => (await bench.alice('GET', '/cloister/v0/keys')).json;

test('rotation of dataset and owner keys: new versions are under the new key, old ones stay readable', async () => {
  await put('r/key/k', 'one');
  assert.deepEqual((await rotate('dataset/r')).json, { id: 'dataset:r', version: 2 });
  await put('r/key/k', 'two');
  assert.equal((await rotate('owner/alice')).json.version, 2);
  assert.equal((await rotate('dataset/r')).json.version, 3);
  await put('r/key/k', 'three');
  assert.deepEqual([await get('r/key/k?version=1'), await get('r/key/k?version=2'), await get('r/key/k')], ['one', 'two', 'three']);
  const info = (await bench.alice('GET', '/cloister/v0/resources/r/key/k')).json as { version: number; keyVersion: number }[];
  assert.deepEqual(
    info.map(({ keyVersion }) => keyVersion),
    [1, 2, 3],
  );
  const keys = await keysOf();
  assert.deepEqual(
    keys.filter(({ id }) => id === 'dataset:r').map(({ version, state, parentVersion }) => [version, state, parentVersion]),
    [
      [1, 'retired', 2],
      [2, 'retired', 2],
      [3, 'active', 2],
    ],
  );
  assert.equal((await rotate('dataset/nothing')).status, 404);
});

test('a key that has expired releases nothing, and takes nothing, until it is rotated', async () => {
  await put('e/key/k', 'old');
  await rotate('dataset/e', `?expires=${new Date(Date.now() + 60_000).toISOString()}`);
  await put('e/key/k', 'new');
  assert.equal(await get('e/key/k'), 'new');
  bench.skewMs = 120_000;
  await assert.rejects(bench.client().resource('e/key/k'), { code: 'broker-refused' });
  assert.match((await bench.audit())[0].detail.why[0], /version 2 of the key dataset:e expired on/);
  assert.equal(await get('e/key/k?version=1'), 'old');
  // The owner is told why, the one who asks for a secret is not.
  for (const [method, path, body] of [
    ['PUT', 'resources/e/key/k', 'refused'],
    ['POST', 'resources/e/key/k/read', JSON.stringify({ recipient: new RecipientKey().publicJwk })],
  ] as const) {
    const { status, json } = await bench.alice(method, `/cloister/v0/${path}`, body);
    assert.equal(status, 409);
    assert.match(json.detail, /^version 2 of the key dataset:e expired on 20/);
  }
  const free = await bench.request('GET', '/kbs/v0/resource/e/key/k', { authorization: `Bearer ${await bench.client().attest()}` });
  assert.deepEqual([free.status, free.json.detail], [401, 'Access denied by policy']);
  await rotate('dataset/e');
  await put('e/key/k', 'newer');
  assert.equal(await get('e/key/k'), 'newer');
  bench.skewMs = 0;
});

test('nothing is made that is over already', async () => {
  await put('p/key/k', 'kept');
  const before = [await keysOf(), (await bench.alice('GET', '/cloister/v0/resources/p/key/k')).json];
  for (const time of ['2020-01-01', new Date(Date.now() - 1000).toISOString(), '1970-01-01T00:00:00Z']) {
    for (const answer of [await rotate('dataset/p', `?expires=${time}`), await bench.alice('PUT', `/cloister/v0/resources/p/key/k?expires=${time}`, 'over')]) {
      assert.equal(answer.status, 400);
      assert.match(answer.json.detail, /^expires is a time to come: .* has passed$/);
    }
  }
  assert.deepEqual([await keysOf(), (await bench.alice('GET', '/cloister/v0/resources/p/key/k')).json], before);
});

test('a revoked key is forgotten with all below it, in the database too; other datasets go on', async () => {
  await put('x/key/k', 'lost');
  await put('y/key/k', 'kept');
  await rotate('dataset/x');
  assert.equal((await bench.alice('POST', '/cloister/v0/keys/dataset/x/revoke')).json.revoked, 2);
  await assert.rejects(bench.client().resource('x/key/k'), { code: 'broker-refused' });
  assert.match((await bench.audit())[0].detail.why[0], /the key dataset:x was revoked/);
  assert.equal((await bench.alice('PUT', '/cloister/v0/resources/x/key/k', 'again')).status, 409);
  assert.equal((await bench.alice('POST', '/cloister/v0/keys/dataset/x/revoke')).status, 404);
  assert.equal(await get('y/key/k'), 'kept');
  const rows = await bench.broker.services.database.query("SELECT wrapped FROM keys WHERE id = 'dataset:x'");
  assert.ok(rows.length === 2 && rows.every(({ wrapped }) => wrapped === null));
  assert.equal((await bench.alice('POST', '/cloister/v0/keys/owner/alice/revoke')).status, 200);
  await assert.rejects(bench.client().resource('y/key/k'), { code: 'broker-refused' });
});

test('what was moved to another place in the database is not opened there', async () => {
  const { database } = bench.broker.services;
  const other = await Bench.make();
  closers.push(() => other.close());
  await other.alice('PUT', '/cloister/v0/policies/any', ANYBODY);
  for (const [path, content] of [
    ['a/key/one', 'one'],
    ['a/key/two', 'two'],
  ])
    await other.alice('PUT', `/cloister/v0/resources/${path}`, content);
  await other.broker.services.database.run("UPDATE resources SET sealed = (SELECT sealed FROM resources WHERE path = 'a/key/one') WHERE path = 'a/key/two'");
  await assert.rejects(other.client().resource('a/key/two'), { code: 'broker-answer' });
  assert.equal(text(await other.client().resource('a/key/one')), 'one');
  assert.notEqual(database, other.broker.services.database);
});
