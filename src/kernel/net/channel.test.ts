import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MSG_PEEK, MSG_TRUNC } from '../../abi/socket.ts';
import { byteString, bytesOf } from '../../base/bytes.ts';
import { EPIPE } from '../errno.ts';
import { WOULD_BLOCK } from '../result.ts';
import type { OpenFile } from '../vfs/file.ts';
import { WaitQueue } from '../wait.ts';
import { BUFFER_BYTES, type Channel, PacketChannel, Received, StreamChannel } from './channel.ts';

/** Counts references as an open file does. */
class CountedFile {
  references = 1;
  retain(): void {
    this.references++;
  }
  release(): void {
    this.references--;
  }
}

const filed = (): { file: CountedFile; control: { rights: readonly OpenFile[]; creds: undefined } } => {
  const file = new CountedFile();
  return { file, control: { rights: [file as unknown as OpenFile], creds: undefined } };
};

class Counter {
  count = 0;
  readonly queue = new WaitQueue();
  constructor() {
    this.queue.add({ woken: () => this.count++ });
  }
}

function take(channel: Channel, room: number, flags = 0, got?: Received): string {
  const into = new Uint8Array(room);
  return byteString(into.subarray(0, Math.min(channel.receive(into, flags, got), room)));
}

test('a stream joins writes and stops after bytes that files came with', () => {
  const stream = new StreamChannel(new WaitQueue(), new WaitQueue());
  const { file, control } = filed();
  stream.send(bytesOf('one'), undefined);
  stream.send(bytesOf('two'), control);
  stream.send(bytesOf('three'), undefined);
  const first = new Received();
  assert.equal(take(stream, 64, MSG_PEEK, first), 'onetwo');
  assert.equal(file.references, 2);
  const second = new Received();
  assert.equal(take(stream, 64, 0, second), 'onetwo');
  assert.deepEqual(second.rights, [file]);
  const third = new Received();
  assert.equal(take(stream, 64, 0, third), 'three');
  assert.deepEqual(third.rights, []);
});

test('files that nobody takes are closed', () => {
  const read = filed();
  const unread = filed();
  const stream = new StreamChannel(new WaitQueue(), new WaitQueue());
  stream.send(bytesOf('a'), read.control);
  stream.send(bytesOf('b'), unread.control);
  assert.equal(take(stream, 64), 'a');
  assert.equal(read.file.references, 0);
  stream.endReading();
  assert.equal(unread.file.references, 0);
  assert.throws(
    () => stream.send(bytesOf('c'), undefined),
    (error) => error === EPIPE,
  );
});

test('ends: data first, then the end of file; both queues are woken', () => {
  for (const Kind of [StreamChannel, PacketChannel]) {
    const reader = new Counter();
    const writer = new Counter();
    const channel: Channel = new Kind(reader.queue, writer.queue);
    assert.equal(channel.receive(new Uint8Array(1), 0, undefined), WOULD_BLOCK);
    channel.send(bytesOf('x'), undefined);
    assert.equal(reader.count, 1);
    channel.endWriting();
    assert.equal(reader.count, 2);
    assert.equal(take(channel, 8), 'x');
    assert.ok(writer.count > 0);
    assert.equal(channel.receive(new Uint8Array(1), 0, undefined), 0);
  }
});

test('packets keep their bounds and tell what was cut', () => {
  const packets = new PacketChannel(new WaitQueue());
  packets.send(bytesOf('hello'), undefined);
  packets.send(bytesOf(''), undefined);
  const got = new Received();
  assert.equal(take(packets, 2, 0, got), 'he');
  assert.equal(got.flags, MSG_TRUNC);
  assert.equal(packets.ready, true);
  assert.equal(packets.receive(new Uint8Array(4), 0, undefined), 0);
  assert.equal(packets.ready, false);
  packets.send(bytesOf('hello'), undefined);
  assert.equal(packets.receive(new Uint8Array(2), MSG_TRUNC, undefined), 5);
});

test('a full queue of packets refuses, and tells its senders of room once', () => {
  const packets = new PacketChannel(new WaitQueue());
  const big = new Uint8Array(BUFFER_BYTES);
  const sender = new Counter();
  assert.equal(packets.send(big, undefined), big.length);
  assert.equal(packets.send(big, undefined), WOULD_BLOCK);
  packets.wanted(sender.queue);
  packets.receive(big, 0, undefined);
  assert.equal(sender.count, 1);
  assert.equal(packets.send(big, undefined), big.length);
  packets.receive(big, 0, undefined);
  assert.equal(sender.count, 1);
});

test('random streams come out as they went in', () => {
  const seed = Number(process.env['SEED'] ?? Date.now() % 1e9);
  console.log(`# SEED=${seed}`);
  let state = seed;
  const random = (limit: number): number => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % limit;
  };
  const stream = new StreamChannel(new WaitQueue(), new WaitQueue());
  let sent = 0;
  let received = 0;
  for (let step = 0; step < 3000; step++) {
    if (random(2) === 0) {
      const from = new Uint8Array(random(random(8) === 0 ? 60_000 : 300)).map((_, index) => (sent + index) * 31);
      const count = stream.send(from, undefined);
      if (count > 0) sent += count;
    } else {
      const into = new Uint8Array(random(random(8) === 0 ? 60_000 : 300));
      const count = stream.receive(into, 0, undefined);
      for (let index = 0; index < count; index++) assert.equal(into[index], ((received + index) * 31) & 0xff);
      if (count > 0) received += count;
    }
    assert.equal(stream.used, sent - received);
  }
});

test('bytes of one sender run on, those of another do not; files go with the first byte read', () => {
  const stream = new StreamChannel(new WaitQueue(), new WaitQueue());
  const from = (pid: number) => ({ rights: [], creds: { pid, uid: 0, gid: 0 } });
  stream.send(bytesOf('a'), from(1));
  stream.send(bytesOf('b'), from(1));
  stream.send(bytesOf('c'), from(2));
  const got = new Received();
  assert.equal(take(stream, 1, 0, got), 'a');
  assert.equal(got.creds?.pid, 1);
  assert.equal(take(stream, 8, 0, got), 'b');
  assert.equal(got.creds?.pid, 1);
  assert.equal(take(stream, 8, 0, got), 'c');
  assert.equal(got.creds?.pid, 2);
  const { file, control } = filed();
  stream.send(bytesOf('xy'), control);
  assert.equal(take(stream, 1), 'x');
  assert.equal(file.references, 0);
  const none = new Received();
  assert.equal(take(stream, 1, 0, none), 'y');
  assert.deepEqual(none.rights, []);
});

test('files that come with no bytes are closed', () => {
  const stream = new StreamChannel(new WaitQueue(), new WaitQueue());
  const { file, control } = filed();
  assert.equal(stream.send(bytesOf(''), control), 0);
  assert.equal(file.references, 0);
});
