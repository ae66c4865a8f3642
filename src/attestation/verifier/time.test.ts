import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePolicy, timeOfVerification, UnreadableError } from './index.ts';

// biome-ignore format: a table
const TIMES: readonly (readonly [text: string, time: string | undefined])[] = [
  ['2025-06-20',                    '2025-06-20T00:00:00.000Z'],
  ['2024-02-29',                    '2024-02-29T00:00:00.000Z'],
  ['2025-06-20T12:00',              '2025-06-20T12:00:00.000Z'],
  ['2025-06-20 12:00:00',           '2025-06-20T12:00:00.000Z'],
  ['2025-06-20T12:00:00.1239Z',     '2025-06-20T12:00:00.123Z'],
  ['2025-06-20t12:00:00+02:00',     '2025-06-20T10:00:00.000Z'],
  ['2025-12-31T23:00:00-0130',      '2026-01-01T00:30:00.000Z'],
  ['1750377600',                    '2025-06-20T00:00:00.000Z'],
  ['1750377600000',                 '2025-06-20T00:00:00.000Z'],
  ['2025-02-30',                    undefined],
  ['2025-02-29T12:00:00Z',          undefined],
  ['2025-13-01',                    undefined],
  ['2025-00-10',                    undefined],
  ['2025-06-00',                    undefined],
  ['2025-06-20T24:00:00Z',          undefined],
  ['2025-06-20T12:60:00Z',          undefined],
  ['2025-06-20T12:00:60Z',          undefined],
  ['2025-06-20T12:00:00+24:00',     undefined],
  ['2025-06-20T12:00:00 or so',     undefined],
  ['0025-06-20',                    undefined],
  ['2025',                          undefined],
  ['yesterday',                     undefined],
  ['',                              undefined],
];
for (const [text, time] of TIMES)
  test(`${JSON.stringify(text)} is ${time ?? 'no time'}`, () => {
    if (time === undefined) assert.throws(() => timeOfVerification(text), UnreadableError);
    else assert.equal(timeOfVerification(text).toISOString(), time);
  });

test('a date in a policy is one that there is', () => {
  assert.equal(parsePolicy({ base: 'authentic', tcb: { minimumDate: '2025-01-31' } })['tcb.minimumDate'], Date.UTC(2025, 0, 31));
  for (const date of ['2025-02-30', '2025-01-31garbage', 20250131]) assert.throws(() => parsePolicy({ base: 'authentic', tcb: { minimumDate: date } }), /tcb\.minimumDate: must be a date that there is/);
});
