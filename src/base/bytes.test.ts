import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromHex, toHex } from './bytes.ts';

const all = Uint8Array.from({ length: 256 }, (_, value) => value);
const text = Buffer.from(all).toString('hex');

function check(): void {
  assert.equal(toHex(all), text);
  assert.equal(toHex(new Uint8Array()), '');
  assert.deepEqual(fromHex(text), all);
  assert.deepEqual(fromHex(text.toUpperCase()), all);
  assert.deepEqual(fromHex(''), new Uint8Array());
  for (const wrong of ['0', '0g', '0x', ' 00', '00\n', '٠٠']) assert.throws(() => fromHex(wrong), SyntaxError, wrong);
}

test('hexadecimal, by the platform', check);

test('hexadecimal, where the platform has none', (context) => {
  const [to, from] = [Uint8Array.prototype.toHex, Uint8Array.fromHex];
  context.after(() => Object.assign(Uint8Array, { fromHex: from }));
  context.after(() => Object.assign(Uint8Array.prototype, { toHex: to }));
  Object.assign(Uint8Array, { fromHex: undefined });
  Object.assign(Uint8Array.prototype, { toHex: undefined });
  check();
});
