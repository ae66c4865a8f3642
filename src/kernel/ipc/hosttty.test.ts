import assert from 'node:assert/strict';
import { test } from 'node:test';
import { byteString, bytesOf } from '../../base/bytes.ts';
import type { HostStream } from '../host.ts';
import type { Kernel } from '../kernel.ts';
import { WOULD_BLOCK } from '../result.ts';
import { HostTerminal } from './hosttty.ts';

/** The host's end: room for ten bytes. */
function outside() {
  let held = '';
  let open = true;
  const stream: HostStream = {
    terminal: { rows: 24, columns: 80 },
    read: () => (open ? 0 : -1),
    readable: () => (open ? 0 : -1),
    writable: () => (open ? 10 - held.length : -1),
    write: (from) => {
      if (!open) return -1;
      const count = Math.min(10 - held.length, from.length);
      held += byteString(from.subarray(0, count));
      return count;
    },
    close() {},
  };
  const take = (): string => {
    const text = held;
    held = '';
    return text;
  };
  return { stream, take, goes: () => void (open = false) };
}

test('the terminal from outside takes no more than the outside does, so that the end of a program overtakes nothing', () => {
  const { stream, take, goes } = outside();
  const { tty } = new HostTerminal({ groups: new Map() } as unknown as Kernel, stream, stream, () => {});
  const text = 'one\ntwo\nthree\nfour\nfive\n';
  let left = bytesOf(text);
  let shown = '';
  while (left.length > 0) {
    const count = tty.write(left);
    if (count === WOULD_BLOCK) shown += take();
    else left = left.subarray(count);
  }
  assert.equal(shown + take(), text.replaceAll('\n', '\r\n'));
  goes();
  assert.equal(tty.write(bytesOf('nobody')), 6);
});
