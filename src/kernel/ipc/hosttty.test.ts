import assert from 'node:assert/strict';
import { test } from 'node:test';
import { byteString, bytesOf } from '../../base/bytes.ts';
import { O_RDWR } from '../../abi/fcntl.ts';
import type { HostStream } from '../host.ts';
import type { Kernel } from '../kernel.ts';
import { WOULD_BLOCK } from '../result.ts';
import type { Task } from '../task/task.ts';
import { HostTerminal } from './hosttty.ts';
import { TtyFile } from './tty.ts';

/** The host's end: room for ten bytes, and what is typed. */
function outside(typed = '') {
  let held = '';
  let open = true;
  const stream: HostStream = {
    terminal: { rows: 24, columns: 80 },
    read: (into) => {
      const bytes = bytesOf(typed.slice(0, into.length));
      into.set(bytes);
      typed = typed.slice(into.length);
      return bytes.length === 0 && !open ? -1 : bytes.length;
    },
    readable: () => typed.length,
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
  const { tty } = new HostTerminal({ groups: new Map() } as unknown as Kernel, stream, stream, 0, 'tty');
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

test('what is pasted faster than it is read comes in the end, without another key', () => {
  const { stream } = outside('0123456789abcde\n'.repeat(600));
  const host = new HostTerminal({ groups: new Map() } as unknown as Kernel, stream, stream, 0, 'tty');
  const file = new TtyFile(host.tty, undefined, O_RDWR);
  const task = { process: { session: {} } } as unknown as Task;
  host.polled();
  let count = 0;
  while (file.read(task, new Uint8Array(100)) > 0) count++;
  assert.equal(count, 600);
});

test('it hangs up when the outside goes, not when it is closed', () => {
  const { stream, goes } = outside();
  const host = new HostTerminal({ groups: new Map() } as unknown as Kernel, stream, stream, 0, 'tty');
  let gone = 0;
  host.gone = () => gone++;
  const file = new TtyFile(host.tty, undefined, O_RDWR);
  file.retain();
  file.release();
  host.polled();
  assert.equal(gone, 0);
  assert.equal(host.tty.hungUp, false);
  goes();
  host.polled();
  host.polled();
  assert.equal(gone, 1);
  assert.equal(host.tty.hungUp, true);
});
