import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromHex } from '../../base/bytes.ts';
import { randomBytes } from '../../crypto/index.ts';
import { combineShares, decodeShare, encodeShare, ShareError, splitSecret } from './shamir.ts';

test('any M of N shares give the secret; M - 1 are refused', () => {
  const secret = randomBytes(32);
  const shares = splitSecret(secret, 3, 5);
  for (let mask = 0; mask < 32; mask++) {
    const some = shares.filter((_, at) => (mask >> at) & 1);
    if (some.length >= 3) assert.deepEqual(combineShares(some), secret, `shares ${mask.toString(2)}`);
    else assert.throws(() => combineShares(some), ShareError);
  }
  assert.throws(() => combineShares([shares[0], shares[0], shares[0]]), ShareError);
});

test('shares worked out by hand combine', () => {
  // f(x) = 0x42 + 0x53·x + 0xca·x² over GF(2^8) mod 0x11b; 0x53·0xca = 1 is the example of FIPS 197 §4.2.
  const share = (index: number, value: string) => ({ index, threshold: 3, id: '00000000', value: fromHex(value) });
  assert.deepEqual(combineShares([share(1, 'db'), share(2, 'e1'), share(5, '98')]), fromHex('42'));
});

test('M - 1 shares leave every secret possible', () => {
  // Over many splittings of one secret, a share takes all values about equally often.
  const seen = new Uint32Array(256);
  for (let round = 0; round < 20_000; round++) seen[splitSecret(new Uint8Array([7]), 2, 2)[0].value[0]]++;
  const expected = 20_000 / 256;
  const chiSquare = seen.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  // 255 degrees of freedom: mean 255, standard deviation 22.6; eight of them away is no accident.
  assert.ok(chiSquare < 255 + 8 * 22.6, `chi square ${chiSquare}`);
});

test('a share survives being written down, and a slip of the pen is noticed', () => {
  const [one, two] = splitSecret(randomBytes(32), 2, 3);
  const text = encodeShare(one);
  assert.deepEqual(decodeShare(` ${text}\n`), one);
  for (let at = 0; at < text.length; at++) {
    const slip = `${text.slice(0, at)}${text[at] === '1' ? '2' : '1'}${text.slice(at + 1)}`;
    assert.throws(() => decodeShare(slip), ShareError, slip);
  }
  assert.throws(() => combineShares([one, splitSecret(randomBytes(32), 2, 2)[1]]), ShareError);
  assert.doesNotThrow(() => combineShares([one, two]));
  for (const [threshold, count] of [
    [1, 3],
    [4, 3],
    [2, 256],
  ] as const)
    assert.throws(() => splitSecret(new Uint8Array(1), threshold, count), RangeError);
});
