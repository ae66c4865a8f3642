import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { FdTable } from './fdtable.ts';
import type { OpenFile } from './file.ts';
import { FileLocks, type RecordLock } from './locks.ts';

const owner = (name: string): FdTable => ({ name }) as unknown as FdTable;
const [a, b] = [owner('a'), owner('b')];
const lock = (by: FdTable, start: number, end: number, exclusive = true): RecordLock => ({ owner: by, pid: 1, exclusive, start, end });
const ranges = (locks: FileLocks): string => locks.records.map(({ start, end, exclusive }) => `${start}-${end}${exclusive ? 'w' : 'r'}`).join(' ');

describe('record locks', () => {
  it('conflict between owners only', () => {
    const locks = new FileLocks();
    locks.set(lock(a, 0, 10));
    assert.equal(locks.conflict(lock(a, 5, 15)), undefined);
    assert.equal(locks.conflict(lock(b, 9, 15))?.owner, a);
    assert.equal(locks.conflict(lock(b, 10, 15)), undefined);
    const shared = new FileLocks();
    shared.set(lock(a, 0, 10, false));
    assert.equal(shared.conflict(lock(b, 0, 10, false)), undefined);
    assert.notEqual(shared.conflict(lock(b, 0, 10)), undefined);
  });

  it('join, split and change kind', () => {
    const locks = new FileLocks();
    locks.set(lock(a, 0, 10));
    locks.set(lock(a, 10, 20));
    assert.equal(ranges(locks), '0-20w');
    locks.set(lock(a, 5, 15, false));
    assert.equal(ranges(locks), '0-5w 5-15r 15-20w');
    locks.clear(a, 2, 17);
    assert.equal(ranges(locks), '0-2w 17-20w');
    locks.set(lock(a, 0, Number.POSITIVE_INFINITY));
    assert.equal(ranges(locks), '0-Infinityw');
    locks.clear(a, 100, 200);
    assert.equal(ranges(locks), '0-100w 200-Infinityw');
  });

  it('go when their owner closes, and wake who waits', () => {
    const locks = new FileLocks();
    let woken = 0;
    locks.queue.add({ woken: () => void woken++ });
    locks.set(lock(a, 0, 10));
    woken = 0;
    locks.releasePosix(b);
    assert.equal(woken, 0);
    locks.releasePosix(a);
    assert.equal(woken, 1);
    assert.equal(locks.conflict(lock(b, 0, 10)), undefined);
  });

  it('of whole files belong to open descriptions', () => {
    const locks = new FileLocks();
    const [one, two] = [{}, {}] as OpenFile[];
    assert.equal(locks.flock(one, 'shared'), true);
    assert.equal(locks.flock(two, 'shared'), true);
    assert.equal(locks.flock(one, 'exclusive'), false);
    locks.unflock(two);
    assert.equal(locks.flock(one, 'exclusive'), true);
    assert.equal(locks.flock(two, 'shared'), false);
    locks.releaseFile(one);
    assert.equal(locks.flock(two, 'shared'), true);
  });
});
