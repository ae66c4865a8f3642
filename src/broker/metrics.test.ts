import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RateLimit } from './metrics.ts';

test('a table full of peers that all keep asking shuts nobody out, and grows no further', () => {
  const limit = new RateLimit(10, 20, 1000);
  for (let peer = 0; peer < 5000; peer++) assert.ok(limit.take(`peer ${peer}`, 0));
  assert.equal(limit.size, 1000);
  assert.ok(limit.take('somebody new', 0));
  // Whoever asks all the time is not forgotten for those who asked once.
  let allowed = 0;
  for (let round = 0; round < 3000; round++) {
    if (limit.take('greedy', 0)) allowed++;
    limit.take(`other ${round}`, 0);
  }
  assert.equal(allowed, 20);
  assert.ok(limit.take('greedy', 100));
});
