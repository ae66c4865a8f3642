import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EPOLLET, EPOLLEXCLUSIVE, EPOLLONESHOT, POLLHUP, POLLIN, POLLOUT } from '../../abi/poll.ts';
import type { Task } from '../task/task.ts';
import { EINVAL, ELOOP, ENOENT } from '../errno.ts';
import { EpollFile } from './epoll.ts';
import { EventFile } from './eventfd.ts';
import { makePipe } from './pipe.ts';

const task = {} as Task;
const ONE = new Uint8Array([1, 0, 0, 0, 0, 0, 0, 0]);

/** What one epoll_wait(2) would report: events by data. */
function wait(epoll: EpollFile, limit = 8): [data: number, events: number][] {
  const out: [number, number][] = [];
  epoll.collect(limit, (_index, events, data) => out.push([Number(data), events]));
  return out;
}

test('level-triggered items are reported until they are not ready', () => {
  const epoll = new EpollFile();
  const event = new EventFile(0, 0);
  epoll.add(event, 3, { events: POLLIN, data: 7n });
  assert.deepEqual(wait(epoll), []);
  event.write(task, ONE);
  assert.deepEqual(wait(epoll), [[7, POLLIN]]);
  assert.deepEqual(wait(epoll), [[7, POLLIN]]);
  event.read(task, new Uint8Array(8));
  assert.deepEqual(wait(epoll), []);
});

test('edge-triggered items are reported once for each change, and the other side’s progress is none', () => {
  const epoll = new EpollFile();
  const [reader, writer] = makePipe(0);
  reader.retain();
  writer.retain();
  epoll.add(reader, 3, { events: (POLLIN | EPOLLET) >>> 0, data: 1n });
  writer.write(task, new Uint8Array(10));
  assert.deepEqual(wait(epoll), [[1, POLLIN]]);
  reader.read(task, new Uint8Array(4));
  assert.deepEqual(wait(epoll), []);
  writer.write(task, new Uint8Array(1));
  assert.deepEqual(wait(epoll), [[1, POLLIN]]);
  writer.release();
  assert.deepEqual(wait(epoll), [[1, POLLIN | POLLHUP]]);
});

test('a one-shot item is silent until it is armed again', () => {
  const epoll = new EpollFile();
  const event = new EventFile(1, 0);
  epoll.add(event, 3, { events: POLLIN | EPOLLONESHOT, data: 1n });
  assert.equal(wait(epoll).length, 1);
  event.write(task, ONE);
  assert.equal(wait(epoll).length, 0);
  epoll.modify(event, 3, { events: POLLIN | POLLOUT, data: 2n });
  assert.deepEqual(wait(epoll), [[2, POLLIN | POLLOUT]]);
});

test('ready items take turns when there is room for fewer', () => {
  const epoll = new EpollFile();
  for (let fd = 0; fd < 3; fd++) epoll.add(new EventFile(1, 0), fd, { events: POLLIN, data: BigInt(fd) });
  assert.deepEqual(
    [wait(epoll, 2), wait(epoll, 2)].flat().map(([data]) => data),
    [0, 1, 2, 0],
  );
});

test('an event that cannot be given stays', () => {
  const epoll = new EpollFile();
  epoll.add(new EventFile(1, 0), 3, { events: (POLLIN | EPOLLET) >>> 0, data: 1n });
  assert.throws(
    () =>
      epoll.collect(1, () => {
        throw EINVAL;
      }),
    EINVAL,
  );
  assert.equal(wait(epoll).length, 1);
});

test('the last reference to a file takes its items away', () => {
  const epoll = new EpollFile();
  const event = new EventFile(1, 0);
  event.retain();
  epoll.add(event, 3, { events: POLLIN, data: 1n });
  epoll.add(event, 4, { events: POLLIN, data: 2n });
  assert.equal(wait(epoll).length, 2);
  event.release();
  assert.equal(wait(epoll).length, 0);
  assert.throws(() => epoll.delete(event, 3), ENOENT);
});

test('chains end: no circles, at most five deep, in whichever order they are made', () => {
  const [a, b] = [new EpollFile(), new EpollFile()];
  a.add(b, 1, { events: POLLIN, data: 0n });
  assert.throws(() => b.add(a, 2, { events: POLLIN, data: 0n }), ELOOP);
  assert.throws(() => a.add(new EpollFile(), 3, { events: POLLIN | EPOLLEXCLUSIVE, data: 0n }), EINVAL);
  let top = new EpollFile();
  for (let depth = 2; depth <= 5; depth++) {
    const below = new EpollFile();
    top.add(below, 1, { events: POLLIN, data: 0n });
    top = below;
  }
  assert.throws(() => top.add(new EpollFile(), 1, { events: POLLIN, data: 0n }), ELOOP);
});

test('a nested one is readable while it has something to tell', () => {
  const [outer, inner] = [new EpollFile(), new EpollFile()];
  const event = new EventFile(0, 0);
  outer.add(inner, 1, { events: POLLIN, data: 5n });
  inner.add(event, 2, { events: POLLIN, data: 0n });
  assert.deepEqual(wait(outer), []);
  event.write(task, ONE);
  assert.deepEqual(wait(outer), [[5, POLLIN]]);
  event.read(task, new Uint8Array(8));
  assert.deepEqual(wait(outer), []);
});
