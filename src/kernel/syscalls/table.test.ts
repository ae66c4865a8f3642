import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SYSCALLS } from './table.ts';

const LAST_OLD = 334,
  FIRST_NEW = 424,
  LAST_NEW = 469;

test('every number of x86-64 Linux is there, in order and once', () => {
  const expected: number[] = [];
  for (let number = 0; number <= LAST_OLD; number++) expected.push(number);
  for (let number = FIRST_NEW; number <= LAST_NEW; number++) expected.push(number);
  assert.deepEqual(Object.keys(SYSCALLS).map(Number), expected);
  const names = expected.map((number) => SYSCALLS[number].name);
  assert.equal(new Set(names).size, names.length);
});

test('rows that differ from the manual say how', () => {
  for (const row of Object.values(SYSCALLS)) {
    assert.ok(row.args.length <= 6, row.name);
    if (row.support === 'partial' || row.support === 'refused') assert.match(row.note, /\.$/, row.name);
  }
});
