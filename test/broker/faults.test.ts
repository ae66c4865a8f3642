/** What breaks around a broker: it is killed at the worst moment, its database is held, full or gone in mid-session, its clock jumps. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, test } from 'node:test';
import { exportLog, verifyExport } from '../../src/broker/audit/verify.ts';
import { BrokerClient, type Send } from '../../src/broker/client.ts';
import { Exchange } from '../../src/pal/broker/exchange.ts';
import { BrokerProcess } from './process.ts';
import { ANYBODY, Bench, simAttester } from './support.ts';

const closers: (() => unknown)[] = [];
after(async () => {
  for (const close of closers) await close();
});

async function filled(bench: Bench): Promise<Bench> {
  await bench.alice('PUT', '/cloister/v0/resources/a/key/k', 'secret');
  await bench.alice('PUT', '/cloister/v0/policies/any', ANYBODY);
  return bench;
}
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

for (const [when, logged] of [
  ['before', 0],
  ['after', 1],
] as const)
  test(`killed right ${when} the audit entry of a release is durable: nothing was received, and the log has ${logged === 0 ? 'none' : 'it'}`, async () => {
    const directory = mkdtempSync(join(tmpdir(), 'cloister-broker-killed-'));
    closers.push(() => rmSync(directory, { recursive: true, force: true }));
    const first = new Bench(directory);
    await first.start();
    await first.addAlice();
    await filled(first);
    await first.broker.close();
    const child = spawn(process.execPath, [new URL('killed.ts', import.meta.url).pathname, directory, when], { stdio: ['ignore', 'ignore', 'inherit'] });
    const ended = new Promise<NodeJS.Signals | null>((resolve) => child.once('exit', (_, signal) => resolve(signal)));
    while (!existsSync(join(directory, 'port'))) await new Promise((resolve) => setTimeout(resolve, 20));
    const base = new URL(`http://127.0.0.1:${readFileSync(join(directory, 'port'), 'utf8')}`);
    const exchange = new Exchange();
    const send: Send = async (method, path, headers, body) => {
      const answer = await exchange.send({ base, method, path, headers, ...(body !== undefined && { body }) });
      return { status: answer.status, body: answer.body.toString(), cookie: answer.headers['set-cookie']?.[0]?.split(';')[0] as string };
    };
    const client = new BrokerClient(send, simAttester(first.tee()));
    await client.attest();
    await assert.rejects(client.resource('a/key/k'), { code: 'broker-unreachable' });
    assert.equal(await ended, 'SIGKILL');
    exchange.close();
    await first.start();
    const { services } = first.broker;
    const { failures, entries } = verifyExport(await exportLog(services.database, services.auditKey.publicKey.pem()));
    assert.deepEqual(failures, []);
    assert.equal(entries.filter(({ event }) => event === 'resource-released').length, logged);
    assert.equal(text(await first.client().resource('a/key/k')), 'secret', 'and it goes on');
    await first.broker.close();
  });

test('a database that somebody else holds: refused when it has waited, with nothing released, and all is well afterwards', async () => {
  const bench = await filled(await Bench.make());
  closers.push(() => bench.close());
  const client = bench.client();
  await client.attest();
  const other = new DatabaseSync(join(bench.directory, 'broker.db'));
  other.exec('BEGIN IMMEDIATE');
  const answer = await client.resource('a/key/k').catch((error) => error);
  assert.match(answer.message, /status 503.*try again later/);
  assert.equal((await bench.request('GET', '/healthz')).status, 200, 'reading goes on');
  other.exec('ROLLBACK');
  assert.equal(text(await client.resource('a/key/k')), 'secret', 'in the same session');
  other.exec('DROP TABLE audit_heads');
  other.close();
  assert.match((await client.resource('a/key/k').catch((error) => error)).message, /status 503/);
});

test('a disk that is full in mid-session: nothing is released that cannot be logged; with room again, it is', async () => {
  const broker = new BrokerProcess();
  closers.push(() => broker.close());
  await broker.start();
  await broker.admin('PUT', '/cloister/v0/resources/a/key/k', 'secret');
  await broker.admin('PUT', '/cloister/v0/policies/any', ANYBODY);
  await broker.end();
  // The log of SQLite may grow to little more than it is.
  const limit = Math.ceil(statSync(join(broker.state, 'broker.db')).size / 1024) + 64;
  await broker.startUnder(['sh', '-c', `ulimit -f ${limit}; trap '' XFSZ; exec "$@"`, 'sh']);
  const client = broker.client();
  const outcomes: string[] = [];
  for (let at = 0; at < 300 && !outcomes.includes('503'); at++) outcomes.push(await client.resource('a/key/k').then(text, (error) => /status (\d+)/.exec(error.message)?.[1] ?? String(error)));
  assert.equal(outcomes.at(-1), '503', outcomes.slice(-3).join());
  const received = outcomes.filter((outcome) => outcome === 'secret').length;
  // The log comes by another way than the answer, and later.
  while (!broker.log.includes('"level":"error"')) await new Promise((resolve) => setTimeout(resolve, 20));
  await broker.end('SIGKILL');
  await broker.start();
  assert.equal(text(await broker.client().resource('a/key/k')), 'secret');
  const log = (await broker.admin('GET', '/cloister/v0/audit-export')).body;
  const { failures, entries } = verifyExport(log);
  assert.deepEqual(failures, []);
  assert.ok(entries.filter(({ event }) => event === 'resource-released').length >= received + 1);
});

test('a clock that jumps: back, sessions last; forth, they are over; the log is whole either way, and nobody is locked out', async () => {
  const bench = await filled(await Bench.make({ options: { sessionMs: 300_000, requestsPerSecond: 5, version: 'test' } }));
  closers.push(() => bench.close());
  const client = bench.client();
  const bearer = { authorization: `Bearer ${await client.attest()}` };
  bench.skewMs = -3_600_000;
  assert.equal(text(await client.resource('a/key/k')), 'secret');
  // Requests counted at a time that has not come yet do not hold the peer back for an hour.
  let refused = 0;
  for (let at = 0; at < 30; at++) refused += (await bench.request('GET', '/healthz')).status === 429 ? 1 : 0;
  assert.ok(refused > 0);
  bench.skewMs += 2000;
  assert.equal((await bench.request('GET', '/healthz')).status, 200);
  bench.skewMs = 310_000;
  assert.match((await bench.request('GET', '/kbs/v0/resource/a/key/k', bearer)).json.type, /TokenVerifierError$/);
  assert.equal(text(await bench.client().resource('a/key/k')), 'secret');
  await bench.broker.sweep();
  assert.equal((await bench.broker.services.database.query('SELECT COUNT(*) AS n FROM sessions'))[0].n, 1);
  const { services } = bench.broker;
  assert.deepEqual(verifyExport(await exportLog(services.database, services.auditKey.publicKey.pem())).failures, []);
});
