import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { O_DIRECT } from '../../abi/fcntl.ts';
import { POLLERR, POLLHUP, POLLIN, POLLOUT } from '../../abi/poll.ts';
import { byteString, bytesOf } from '../../base/bytes.ts';
import { EBUSY, EPIPE } from '../errno.ts';
import { WOULD_BLOCK } from '../result.ts';
import type { Task } from '../task/task.ts';
import { makePipe, PIPE_BUF, PIPE_SIZE } from './pipe.ts';

const nobody = undefined as unknown as Task;

function open(flags = 0) {
  const [reader, writer] = makePipe(flags);
  reader.retain();
  writer.retain();
  const read = (length: number): string | number => {
    const into = new Uint8Array(length);
    const count = reader.read(nobody, into);
    return count < 0 ? count : byteString(into.subarray(0, count));
  };
  return { reader, writer, pipe: reader.pipe, read, write: (text: string | number) => writer.write(nobody, typeof text === 'string' ? bytesOf(text) : new Uint8Array(text)) };
}

describe('pipes', () => {
  it('carry bytes in order', () => {
    const { read, write } = open();
    assert.equal(read(10), WOULD_BLOCK);
    assert.equal(write('hello'), 5);
    assert.equal(read(3), 'hel');
    assert.equal(write(' you'), 4);
    assert.equal(read(100), 'lo you');
    assert.equal(read(1), WOULD_BLOCK);
    assert.equal(read(0), '');
  });

  it('hold 64 KiB, and writes of up to PIPE_BUF go whole or not at all', () => {
    const { read, write } = open();
    assert.equal(write(PIPE_SIZE + 5), PIPE_SIZE);
    assert.equal(write(1), WOULD_BLOCK);
    assert.equal((read(PIPE_BUF - 1) as string).length, PIPE_BUF - 1);
    assert.equal(write(PIPE_BUF), WOULD_BLOCK);
    assert.equal(write(PIPE_BUF + 1), PIPE_BUF - 1);
  });

  it('end when the writers go, break when the readers go', () => {
    const one = open();
    one.write('rest');
    one.writer.release();
    assert.equal(one.reader.poll() & (POLLIN | POLLHUP), POLLIN | POLLHUP);
    assert.equal(one.read(10), 'rest');
    assert.equal(one.read(10), '');
    const two = open();
    assert.equal(two.writer.poll() & POLLOUT, POLLOUT);
    two.reader.release();
    assert.equal(two.writer.poll() & POLLERR, POLLERR);
    assert.throws(
      () => two.pipe.write(bytesOf('x')),
      (error) => error === EPIPE,
    );
  });

  it('keep packets apart with O_DIRECT', () => {
    const { read, write } = open(O_DIRECT);
    write('one');
    write('three');
    assert.equal(read(2), 'on');
    assert.equal(read(100), 'three');
  });

  it('change their size', () => {
    const { pipe, write, read } = open();
    write(10_000);
    assert.throws(
      () => pipe.resize(4096),
      (error) => error === EBUSY,
    );
    assert.equal(pipe.resize(9000 + 4096), 16384);
    assert.equal(write(20_000), 16384 - 10_000);
    assert.equal((read(20_000) as string).length, 16384);
  });

  it('agree with a queue under random use', () => {
    const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
    let state = seed;
    const random = (limit: number): number => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return Math.floor((state / 0x1_0000_0000) * limit);
    };
    const { pipe, read, write } = open();
    let queue = '';
    for (let step = 0; step < 5000; step++) {
      const size = random(4) === 0 ? random(80_000) : random(300);
      switch (random(5)) {
        case 0:
        case 1: {
          const text = Array.from({ length: size }, (_, at) => String.fromCharCode((step + at) & 0xff)).join('');
          const count = write(text);
          if (count !== WOULD_BLOCK) queue += text.slice(0, count);
          break;
        }
        case 2:
        case 3: {
          const text = read(size);
          if (text === WOULD_BLOCK) assert.equal(queue, '');
          else {
            assert.equal(text, queue.slice(0, size), `seed ${seed}, step ${step}`);
            queue = queue.slice(size);
          }
          break;
        }
        case 4:
          if (random(20) === 0 && queue.length < 8192) pipe.resize(8192 << random(5));
      }
      assert.equal(pipe.used, queue.length);
    }
  });
});
