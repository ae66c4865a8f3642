/** Two brokers on one PostgreSQL, behind a balancer that sends every request elsewhere. A server of its own, where Debian has one. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chownSync, globSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { BrokerClient } from '../../src/broker/client.ts';
import { exportLog, verifyExport } from '../../src/broker/audit/verify.ts';
import { openPostgres } from '../../src/pal/broker/postgres.ts';
import { ALICE, ANYBODY, Bench, simAttester } from './support.ts';

const bin = globSync('/usr/lib/postgresql/*/bin').sort().at(-1);
const [uid, gid] = ['-u', '-g'].map((which) => Number(spawnSync('id', [which, 'postgres'], { encoding: 'utf8' }).stdout));
const asPostgres = process.getuid?.() === 0 ? { uid, gid } : {};
const can = bin !== undefined && (process.getuid?.() !== 0 || uid > 0);

describe('PostgreSQL', { skip: can ? false : 'PostgreSQL is not installed here (apt-get install postgresql)' }, () => {
  const place = mkdtempSync(join(tmpdir(), 'cloister-postgres-'));
  const data = join(place, 'data');
  const url = `postgres://postgres@localhost/postgres?host=${place}`;
  const control = (...words: readonly string[]): void => {
    const { status, stderr } = spawnSync(join(bin as string, 'pg_ctl'), ['-D', data, '-w', ...words], { ...asPostgres, encoding: 'utf8', stdio: ['ignore', 'ignore', 'pipe'] });
    assert.equal(status, 0, stderr);
  };
  const benches: Bench[] = [];

  before(async () => {
    if (process.getuid?.() === 0) chownSync(place, uid, gid);
    const { status, stderr } = spawnSync(join(bin as string, 'initdb'), ['-D', data, '-U', 'postgres', '--auth', 'trust', '-N'], { ...asPostgres, encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    control('start', '-l', join(place, 'log'), '-o', `-k ${place} -c listen_addresses=''`);
    const first = new Bench();
    await first.start({ database: await openPostgres(url) });
    await first.broker.addAdmin('alice', ALICE.publicKey.pem());
    const second = new Bench();
    // One machine to both of them, as far as evidence and the root key go.
    await second.start({ database: await openPostgres(url), guard: first.guard, appraisers: first.broker.services.appraisers });
    benches.push(first, second);
  });
  after(async () => {
    for (const bench of benches) await bench.close();
    spawnSync(join(bin as string, 'pg_ctl'), ['-D', data, '-m', 'immediate', 'stop'], asPostgres);
    rmSync(place, { recursive: true, force: true });
  });

  test('every request of a handshake may go to another broker', async () => {
    const [one, two] = benches;
    assert.equal((await one.alice('PUT', '/cloister/v0/resources/a/key/k', 'shared')).status, 200);
    assert.equal((await two.alice('PUT', '/cloister/v0/policies/any', ANYBODY)).status, 200);
    let turn = 0;
    const client = (): BrokerClient => new BrokerClient((...request) => benches[turn++ % 2].send(...request), simAttester(one.tee()));
    assert.equal(new TextDecoder().decode(await client().resource('a/key/k')), 'shared');
    const many = await Promise.all(Array.from({ length: 60 }, () => client().resource('a/key/k')));
    assert.ok(many.every((value) => new TextDecoder().decode(value) === 'shared'));
    // A nonce is used once, whichever of them it comes back to.
    const { services } = one.broker;
    const versions = await Promise.all(Array.from({ length: 20 }, (_, at) => benches[at % 2].alice('PUT', '/cloister/v0/resources/a/key/v', String(at))));
    assert.deepEqual(
      versions.map(({ json }) => json.version).sort((a, b) => a - b),
      Array.from({ length: 20 }, (_, at) => at + 1),
    );
    const { failures, entries } = verifyExport(await exportLog(services.database, services.auditKey.publicKey.pem()));
    assert.deepEqual(failures, [], 'both of them wrote one chain');
    assert.ok(entries.filter(({ event }) => event === 'resource-released').length >= 61);
  });

  test('without its server a broker refuses, and goes on when it is back', async () => {
    const [one] = benches;
    const client = one.client();
    await client.attest();
    control('stop', '-m', 'immediate');
    await assert.rejects(client.resource('a/key/k'), /status 503/);
    await assert.rejects(openPostgres(url.replace('postgres@', 'postgres:secret@')), (error: Error) => !error.message.includes('secret'));
    control('start', '-l', join(place, 'log'), '-o', `-k ${place} -c listen_addresses=''`);
    assert.equal(new TextDecoder().decode(await client.resource('a/key/k')), 'shared', 'the session is in the database');
  });

  test('connections that are dropped in the middle: each request is answered or refused, and nothing is released unlogged', async () => {
    const { default: pg } = await import('pg');
    const killer = new pg.Client({ connectionString: url });
    await killer.connect();
    const [one] = benches;
    const before = (await one.audit()).filter(({ event }) => event === 'resource-released').length;
    const outcomes: string[] = [];
    let running = true;
    const killing = (async () => {
      while (running) {
        await killer.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'cloister-broker' AND random() < 0.5");
        // A busy machine takes longer for a handshake: the more that failed, the longer the others are left alone.
        const failed = outcomes.filter((outcome) => outcome !== 'shared').length;
        await new Promise((resolve) => setTimeout(resolve, 15 + 5 * failed));
      }
    })();
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        for (let round = 0; round < 10; round++)
          outcomes.push(
            await one
              .client()
              .resource('a/key/k')
              .then(
                (value) => new TextDecoder().decode(value),
                (error) => /status \d+/.exec(error.message)?.[0] ?? String(error),
              ),
          );
      }),
    );
    running = false;
    await killing;
    await killer.end();
    const received = outcomes.filter((outcome) => outcome === 'shared').length;
    // A nonce whose use could not be told is used up all the same.
    assert.deepEqual(
      outcomes.filter((outcome) => !['shared', 'status 503', 'status 401'].includes(outcome)),
      [],
    );
    assert.ok(received > 0 && received < outcomes.length, `${received} of ${outcomes.length}`);
    assert.equal(new TextDecoder().decode(await one.client().resource('a/key/k')), 'shared');
    const { services } = one.broker;
    const { failures, entries } = verifyExport(await exportLog(services.database, services.auditKey.publicKey.pem()));
    assert.deepEqual(failures, []);
    assert.ok(entries.filter(({ event }) => event === 'resource-released').length - before >= received);
  });
});
