import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { toHex } from '../../src/base/bytes.ts';
import { policyFromLibrary } from '../../src/broker/policy/library.ts';
import { ANYBODY, Bench, sampleAttester, simAttester } from './support.ts';

const bench = await Bench.make();
after(() => bench.close());
const KEY = new TextEncoder().encode('the key of the data');
const utf8 = new TextDecoder();

test('the right program gets the key; another measurement is refused, and only the owner learns why', async () => {
  assert.equal((await bench.alice('PUT', '/cloister/v0/resources/hospital/key/data', KEY)).status, 200);
  const wanted = toHex(new Uint8Array(48).fill(1));
  const policy = policyFromLibrary('exact-build', 'hospital/key/data', new Map([['measurement', wanted]]));
  assert.equal((await bench.alice('PUT', '/cloister/v0/policies/hospital', policy)).status, 200);
  assert.deepEqual(await bench.client().resource('hospital/key/data'), KEY);

  const other = new Uint8Array(48).fill(1);
  other[20] ^= 1;
  const refusal = await bench
    .client(simAttester(bench.tee({ measurement: other })))
    .resource('hospital/key/data')
    .catch((error) => error);
  assert.equal(refusal.code, 'broker-refused');
  assert.match(refusal.message, /Access denied by policy$/);
  assert.doesNotMatch(refusal.message, /measurement|exact-build|hospital:/);
  const [entry] = await bench.audit();
  assert.equal(entry.event, 'resource-refused');
  assert.equal(entry.detail.measurement, toHex(other));
  assert.match(entry.detail.why[0], new RegExp(`hospital: when \\{ context.measurement == "${wanted}" \\}; the evidence says .*${toHex(other)}`));
});

test('sample evidence of Confidential Containers is judged as what it is: simulated', async () => {
  await bench.alice('PUT', '/cloister/v0/resources/open/key/data', KEY);
  await bench.alice('PUT', '/cloister/v0/policies/open', 'permit (principal, action, resource in Cloister::Repository::"open");');
  assert.equal(utf8.decode(await bench.client(sampleAttester).resource('open/key/data')), utf8.decode(KEY));
  await bench.alice('PUT', '/cloister/v0/policies/open', 'permit (principal, action, resource in Cloister::Repository::"open") when { !context.simulated };');
  await assert.rejects(bench.client(sampleAttester).resource('open/key/data'), { code: 'broker-refused' });
});

test('nothing is released without a policy, nor where there is nothing', async () => {
  await bench.alice('PUT', '/cloister/v0/resources/closed/key/data', KEY);
  await assert.rejects(bench.client().resource('closed/key/data'), { code: 'broker-refused' });
  assert.match((await bench.audit()).find(({ subject }) => subject === 'closed/key/data')?.detail.why[0], /none of your 2 policies is about closed\/key\/data/);
});

test('who is refused does not learn whether there is anything; the owner and who is allowed do', async () => {
  await bench.alice('PUT', '/cloister/v0/resources/hidden/key/one', KEY);
  const token = await bench.client().attest();
  const ask = async (path: string, more: object = {}) => {
    const { status, headers, body } = await bench.request('GET', `/kbs/v0/resource/${path}`, { authorization: `Bearer ${token}`, ...more });
    return { status, headers, body };
  };
  const there = await ask('hidden/key/one');
  assert.equal(there.status, 401);
  for (const path of ['hidden/key/two', 'hidden/key/one?version=2', 'hidden/other/one', 'nobodys/key/one']) assert.deepEqual(await ask(path), there, path);
  for (const method of ['GET', 'POST']) {
    const [one, two] = await Promise.all(
      ['one', 'two'].map((tag) => bench.request(method, `/cloister/v0/counter/hidden/key/${tag}`, { authorization: `Bearer ${token}` }, method === 'GET' ? '' : JSON.stringify({ value: 1, from: 0, holder: '0'.repeat(32) }))),
    );
    assert.equal(one.status, 401);
    assert.deepEqual([one.status, one.body], [two.status, two.body]);
  }
  const why = (await bench.audit()).filter(({ event }) => event === 'resource-refused');
  assert.deepEqual(why.find(({ subject }) => subject === 'hidden/key/two')?.detail.why[0], 'there is no such resource');
  assert.doesNotMatch(why.findLast(({ subject }) => subject === 'hidden/key/one')?.detail.why.join(), /no such resource/);
  await bench.alice('PUT', '/cloister/v0/policies/hidden', 'permit (principal, action, resource in Cloister::Repository::"hidden");');
  assert.equal((await ask('hidden/key/one')).status, 200);
  assert.equal((await ask('hidden/key/two')).status, 404);
  await bench.alice('DELETE', '/cloister/v0/policies/hidden');
});

test('refusals leave at the steps of one clock, whatever they were for', async () => {
  // Conditions that take long to explain.
  const conditions = Array.from({ length: 40 }, (_, at) => `context.securityVersion > ${at + 100}`).join(' && ');
  await bench.alice('PUT', '/cloister/v0/resources/slow/key/one', KEY);
  await bench.alice('PUT', '/cloister/v0/policies/slow', `permit (principal, action, resource in Cloister::Repository::"slow") when { ${conditions} };`);
  const bearer = { authorization: `Bearer ${await bench.client().attest()}` };
  for (const path of ['slow/key/one', 'slow/key/two', 'nobodys/key/one']) {
    const start = performance.now();
    assert.equal((await bench.request('GET', `/kbs/v0/resource/${path}`, bearer)).status, 401);
    assert.ok(performance.now() - start >= 24, path);
  }
  await bench.alice('DELETE', '/cloister/v0/policies/slow');
});

test('versions: the newest is released, an older one by its number, a deleted one never', async () => {
  await bench.alice('PUT', '/cloister/v0/policies/versions', 'permit (principal, action, resource in Cloister::Repository::"v");');
  for (const text of ['one', 'two', 'three']) await bench.alice('PUT', '/cloister/v0/resources/v/key/k', text);
  const get = async (path: string): Promise<string> => utf8.decode(await bench.client().resource(path));
  assert.equal(await get('v/key/k'), 'three');
  assert.equal(await get('v/key/k?version=1'), 'one');
  assert.equal((await bench.alice('DELETE', '/cloister/v0/resources/v/key/k?version=3')).json.deleted, 1);
  assert.equal(await get('v/key/k'), 'two');
  await assert.rejects(get('v/key/k?version=3'), { code: 'broker-not-found' });
  assert.equal((await bench.alice('PUT', '/cloister/v0/resources/v/key/k', 'four')).json.version, 4);
  assert.deepEqual(
    (await bench.alice('GET', '/cloister/v0/resources/v/key/k')).json.map((row: any) => [row.version, row.deleted]),
    [
      [1, false],
      [2, false],
      [3, true],
      [4, false],
    ],
  );
  const expires = new Date(Date.now() + 60_000).toISOString();
  await bench.alice('PUT', `/cloister/v0/resources/v/key/k?expires=${expires}`, 'five');
  assert.equal(await get('v/key/k'), 'five');
  bench.skewMs = 120_000;
  await assert.rejects(get('v/key/k'), { code: 'broker-refused' });
  bench.skewMs = 0;
});

test('sessions, resources and the log survive a restart of the broker', async () => {
  await bench.alice('PUT', '/cloister/v0/policies/any', ANYBODY);
  const client = bench.client();
  await client.attest();
  const before = (await bench.audit()).length;
  await bench.broker.close();
  await bench.start();
  assert.deepEqual(await client.resource('hospital/key/data'), KEY);
  assert.equal((await bench.audit()).length, before + 1);
});

test('a token alone is enough for who holds its key, and counters only grow', async () => {
  const client = bench.client();
  const token = await client.attest();
  const bearer = { authorization: `Bearer ${token}` };
  const answer = await bench.request('GET', '/kbs/v0/resource/hospital/key/data', bearer);
  assert.equal(answer.status, 200);
  assert.deepEqual(Object.keys(answer.json), ['protected', 'encrypted_key', 'iv', 'ciphertext', 'tag']);
  const counter = '/cloister/v0/counter/hospital/key/data';
  const [one, two] = ['11', '22'].map((digits) => digits.repeat(16));
  const advance = async (value: unknown, holder: unknown = one, from: unknown = 0) => bench.request('POST', counter, bearer, JSON.stringify({ value, from, holder }));
  assert.deepEqual((await bench.request('GET', counter, bearer)).json, { value: 0, version: 1 });
  assert.deepEqual((await advance(7)).json, { value: 7, version: 1 });
  assert.equal((await advance(7)).status, 200, 'the answer may have been lost');
  for (const value of [7, 8, 100]) assert.equal((await advance(value, two)).status, 409, 'two have opened the same state');
  for (const value of [6, 0, -1, '8', 1e300, null]) assert.notEqual((await advance(value)).status, 200, String(value));
  for (const holder of ['', 'x', 7, one.slice(2)]) assert.equal((await advance(8, holder)).status, 400);
  assert.deepEqual((await bench.request('GET', counter, bearer)).json, { value: 7, version: 1 });
  for (const from of [6, 8, -1, null, '7']) assert.notEqual((await advance(9, two, from)).status, 200);
  assert.deepEqual((await advance(9, two, 7)).json, { value: 9, version: 1 });
  assert.equal((await advance(10)).status, 409, 'the first one has it no longer');
  // A new version of the key is the key of a new storage.
  await bench.alice('PUT', '/cloister/v0/resources/hospital/key/data', KEY);
  assert.deepEqual((await bench.request('GET', counter, bearer)).json, { value: 0, version: 2 });
  assert.deepEqual((await bench.request('GET', `${counter}?version=1`, bearer)).json, { value: 9, version: 1 });
  assert.equal((await bench.audit())[0].event, 'resource-put');
  // Whoever may read the key and nothing more has no counter.
  await bench.alice('PUT', '/cloister/v0/policies/any', 'permit (principal, action == Cloister::Action::"release", resource);');
  await bench.alice('DELETE', '/cloister/v0/policies/hospital');
  assert.equal((await bench.request('GET', counter, bearer)).status, 401);
  assert.equal((await advance(10)).status, 401);
  assert.equal((await bench.request('GET', '/kbs/v0/resource/hospital/key/data', bearer)).status, 200);
});
