import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Timers } from './timers.ts';

test('fires in order of deadlines, and nothing that was cancelled', () => {
  const timers = new Timers();
  const fired: number[] = [];
  const made = [50, 10, 40, 20, 30, 10].map((at) => timers.add(at, () => fired.push(at)));
  timers.cancel(made[2]);
  assert.equal(timers.nextNs, 10);
  timers.run(25);
  assert.deepEqual(fired, [10, 10, 20]);
  assert.equal(timers.nextNs, 30);
  timers.run(1000);
  assert.deepEqual(fired, [10, 10, 20, 30, 50]);
  assert.equal(timers.nextNs, Number.POSITIVE_INFINITY);
});

test('a timer may set another one', () => {
  const timers = new Timers();
  let count = 0;
  const again = (): void => {
    count++;
    if (count < 5) timers.add(count, again);
  };
  timers.add(0, again);
  timers.run(10);
  assert.equal(count, 5);
});

test('timers that were cancelled do not pile up, and the others still fire in order', () => {
  const timers = new Timers();
  const fired: number[] = [];
  for (let at = 0; at < 50_000; at++) {
    const timer = timers.add(1e9 + ((at * 7919) % 50_000), () => fired.push(at));
    if (at % 100 !== 0) timers.cancel(timer);
    timers.cancel(timer.cancelled ? timer : timers.add(2e9, () => assert.fail('cancelled')));
  }
  timers.run(3e9);
  const due = (at: number): number => (at * 7919) % 50_000;
  assert.equal(fired.length, 500);
  assert.deepEqual(
    fired,
    [...fired].sort((a, b) => due(a) - due(b)),
  );
  assert.equal(timers.nextNs, Number.POSITIVE_INFINITY);
});
