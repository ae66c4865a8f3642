import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ring } from './ring.ts';

test('random transfers against a queue', () => {
  const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
  console.log(`seed ${seed}`);
  let state = seed;
  const random = (below: number): number => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fff_ffff;
    return (state >>> 8) % below;
  };
  const ring = Ring.allocate(64);
  const queue: number[] = [];
  let next = 0;
  for (let round = 0; round < 20_000; round++) {
    if (random(2) === 0) {
      const from = Uint8Array.from({ length: random(100) }, (_, index) => next + index);
      const count = ring.write(from);
      assert.equal(count, Math.min(from.length, 64 - queue.length));
      queue.push(...from.subarray(0, count));
      next = (next + count) & 0xff;
    } else {
      const into = new Uint8Array(random(100));
      const count = ring.read(into);
      assert.equal(count, Math.min(into.length, queue.length));
      assert.deepEqual([...into.subarray(0, count)], queue.splice(0, count));
    }
    assert.equal(ring.length, queue.length);
  }
});

test('the end of both sides', () => {
  const ring = Ring.allocate(8);
  const into = new Uint8Array(8);
  assert.equal(ring.read(into), 0);
  ring.write(Uint8Array.of(1, 2));
  ring.closeWriter();
  assert.equal(ring.readable(), 2);
  assert.equal(ring.read(into), 2);
  assert.equal(ring.read(into), -1);
  assert.equal(ring.readable(), -1);
  ring.closeReader();
  assert.equal(ring.write(into), -1);
  assert.equal(ring.writable(), -1);
  const full = Ring.allocate(8);
  full.closeReader(28);
  full.closeReader(5);
  full.closeReader();
  assert.equal(full.write(into), -28);
  assert.equal(full.writable(), -1);
});

test('a wish is taken once', () => {
  const ring = Ring.allocate(8);
  assert.equal(ring.want(3), true);
  assert.equal(ring.want(5), false);
  assert.equal(ring.takeWanted(), 5);
  assert.equal(ring.takeWanted(), 0);
  ring.want(3);
  ring.write(Uint8Array.of(1));
  assert.equal(ring.takeWanted(), 0);
  assert.throws(() => Ring.allocate(7), RangeError);
});
