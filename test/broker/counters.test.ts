/** The enclave's side of counters at the broker: it waits for nobody, but not for long; and it gives up where another one is further. */

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { HostFileError } from '../../src/base/host-files.ts';
import { BrokerCounters } from '../../src/libos/broker-counters.ts';
import { BrokerProcess } from './process.ts';
import { ANYBODY } from './support.ts';

const broker = new BrokerProcess();
before(async () => {
  await broker.start();
  await broker.admin('PUT', '/cloister/v0/resources/a/key/k', 'the key of a volume');
  await broker.admin('PUT', '/cloister/v0/policies/any', ANYBODY);
});
after(() => broker.close());

const NO_DEMANDS = { policy: {}, pcs: '', kds: '', certificate: '' };
const logged: string[] = [];
const opened = (): BrokerCounters =>
  new BrokerCounters({
    broker: { ...NO_DEMANDS, url: broker.base.href },
    tee: { stateDirectory: join(broker.place, 'state'), identity: broker.identity, imageKind: 'integrity' },
    log: (message) => void logged.push(message),
    lagMs: 300,
    patienceMs: 5000,
  });
const position = (value: number) => ({ path: 'a/key/k', version: 1, value });
const there = async (): Promise<number> => (await broker.client().counter('a/key/k')).value;

test('advances without waiting, and is settled at the end', async () => {
  const counters = opened();
  const counter = counters.at(position(0));
  const start = performance.now();
  for (let value = 1; value <= 5; value++) counter.advanceTo(value);
  assert.ok(performance.now() - start < 250);
  counter.settle?.();
  assert.equal(counter.read(), 5);
  assert.equal(await there(), 5);
  counter.advanceTo(5);
  counters.close();
});

test('a broker that is silent: programs go on for a moment, then wait, then are told; all is well when it is back', async () => {
  const counters = new BrokerCounters({
    broker: { ...NO_DEMANDS, url: broker.base.href },
    tee: { stateDirectory: join(broker.place, 'state'), identity: broker.identity, imageKind: 'integrity' },
    log: () => {},
    lagMs: 100,
    patienceMs: 400,
  });
  const counter = counters.at(position(5));
  broker.signal('SIGSTOP');
  try {
    counter.advanceTo(6);
    await new Promise((resolve) => setTimeout(resolve, 150));
    const start = performance.now();
    assert.throws(
      () => counter.advanceTo(7),
      (error) => error instanceof HostFileError && error.code === 'EIO' && /does not advance to 7/.test(error.message),
    );
    assert.ok(performance.now() - start >= 390);
  } finally {
    broker.signal('SIGCONT');
  }
  while (counter.read() < 7) {
    try {
      counter.settle?.();
    } catch {
      // It has a queue to answer.
    }
  }
  assert.equal(await there(), 7);
  counters.close();
});

test('two copies in use: the one that is behind is told so at once, and from then on', async () => {
  const [one, two] = [opened(), opened()];
  const [first, second] = [one.at(position(7)), two.at(position(7))];
  first.advanceTo(8);
  first.settle?.();
  second.advanceTo(8);
  assert.throws(() => second.settle?.(), /does not advance to 8: .*the counter stands at 8/);
  assert.throws(() => second.advanceTo(9), HostFileError);
  // One that was away for long, and has done more meanwhile.
  const three = opened();
  const third = three.at(position(7));
  third.advanceTo(20);
  assert.throws(() => third.settle?.(), /does not advance to 20: .*the counter stands at 8/);
  three.close();
  first.advanceTo(9);
  first.settle?.();
  assert.equal(await there(), 9);
  logged.length = 0;
  two.close();
  assert.match(logged.join('\n'), /an older copy would not be noticed/);
  one.close();
});

test('what the owner allows no longer is not counted any more', async () => {
  const counters = opened();
  const counter = counters.at(position(9));
  counter.advanceTo(10);
  counter.settle?.();
  await broker.admin('PUT', '/cloister/v0/policies/any', 'permit (principal, action == Cloister::Action::"release", resource);');
  counter.advanceTo(11);
  assert.throws(() => counter.settle?.(), /Access denied by policy/);
  await broker.admin('PUT', '/cloister/v0/policies/any', ANYBODY);
  assert.equal(await there(), 10);
  counters.close();
});

test('a session that the broker knows no longer is made anew', async () => {
  const counters = opened();
  const counter = counters.at(position(10));
  counter.advanceTo(11);
  counter.settle?.();
  const { DatabaseSync } = await import('node:sqlite');
  const database = new DatabaseSync(join(broker.state, 'broker.db'));
  database.exec('DELETE FROM sessions');
  database.close();
  counter.advanceTo(12);
  counter.settle?.();
  assert.equal(await there(), 12);
  counters.close();
});
