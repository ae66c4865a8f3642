import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EFD_SEMAPHORE, POLLIN, POLLOUT } from '../../abi/poll.ts';
import { EINVAL } from '../errno.ts';
import { WOULD_BLOCK } from '../result.ts';
import type { Task } from '../task/task.ts';
import { EventFile } from './eventfd.ts';

const task = {} as Task;
const bytes = (value: bigint): Uint8Array => new Uint8Array(new BigUint64Array([value]).buffer);
function read(file: EventFile): bigint | undefined {
  const into = new Uint8Array(8);
  return file.read(task, into) === WOULD_BLOCK ? undefined : new DataView(into.buffer).getBigUint64(0, true);
}

test('a counter is read whole, a semaphore by ones', () => {
  const counter = new EventFile(3, 0);
  counter.write(task, bytes(4n));
  assert.deepEqual([read(counter), read(counter)], [7n, undefined]);
  const semaphore = new EventFile(2, EFD_SEMAPHORE);
  assert.deepEqual([read(semaphore), read(semaphore), read(semaphore)], [1n, 1n, undefined]);
});

test('the counter stops short of 2^64 - 1', () => {
  const file = new EventFile(0, 0);
  assert.equal(file.poll(), POLLOUT);
  assert.equal(file.write(task, bytes(2n ** 64n - 2n)), 8);
  assert.equal(file.poll(), POLLIN);
  assert.equal(file.write(task, bytes(1n)), WOULD_BLOCK);
  assert.throws(() => file.write(task, bytes(2n ** 64n - 1n)), EINVAL);
  assert.throws(() => file.write(task, new Uint8Array(7)), EINVAL);
  assert.equal(read(file), 2n ** 64n - 2n);
});
