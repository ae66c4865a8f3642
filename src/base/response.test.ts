import assert from 'node:assert/strict';
import { test } from 'node:test';
import { boundedBody } from './response.ts';

function endless(size: number): { readonly response: Response; readonly state: { read: number; cancelled: boolean } } {
  const state = { read: 0, cancelled: false };
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      state.read += size;
      controller.enqueue(new Uint8Array(size).fill(7));
    },
    cancel: () => {
      state.cancelled = true;
    },
  });
  return { response: new Response(body), state };
}

test('a body that does not end is read up to the limit and no further', async () => {
  const { response, state } = endless(1000);
  assert.equal(await boundedBody(response, 10_000), undefined);
  assert.ok(state.read <= 13_000, `${state.read} bytes`);
  assert.ok(state.cancelled);
});

test('a body of the limit is whole, one byte more is too long, none is empty', async () => {
  const bytes = Uint8Array.from({ length: 300 }, (_, index) => index);
  assert.deepEqual(await boundedBody(new Response(bytes), 300), bytes);
  assert.equal(await boundedBody(new Response(bytes), 299), undefined);
  assert.deepEqual(await boundedBody(new Response(null), 0), new Uint8Array());
});
