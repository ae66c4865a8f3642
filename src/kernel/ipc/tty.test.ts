import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ECHO, ICANON, ISIG, ONLCR, VMIN, VTIME } from '../../abi/termios.ts';
import { byteString, bytesOf } from '../../base/bytes.ts';
import type { Kernel } from '../kernel.ts';
import { WOULD_BLOCK } from '../result.ts';
import { Timers } from '../time/timers.ts';
import { Tty } from './tty.ts';

function terminal() {
  let output = '';
  let room = 1000;
  const timers = new Timers();
  const clock = { ns: 0 };
  const signals: number[] = [];
  const kernel = { groups: new Map(), timers, host: { monotonicNs: () => clock.ns } } as unknown as Kernel;
  const tty = new Tty(kernel, { room: () => room, send: (bytes) => void (output += byteString(bytes)) }, 0, 'tty', 24, 80);
  tty.signal = (signal) => void signals.push(signal);
  const read = (length = 100): string | number => {
    const into = new Uint8Array(length);
    const count = tty.read(into);
    return count === WOULD_BLOCK ? 'waits' : byteString(into.subarray(0, count));
  };
  return {
    tty,
    read,
    signals,
    type: (text: string) => tty.receive(bytesOf(text)),
    shown: () => {
      const text = output;
      output = '';
      return text;
    },
    setRoom: (bytes: number) => void (room = bytes),
    pass: (ns: number) => {
      clock.ns += ns;
      timers.run(clock.ns);
    },
  };
}

describe('line discipline', () => {
  it('gives whole lines and echoes', () => {
    const { type, read, shown } = terminal();
    type('ab');
    assert.equal(read(), 'waits');
    type('c\r');
    assert.equal(shown(), 'abc\r\n');
    assert.equal(read(2), 'ab');
    assert.equal(read(), 'c\n');
    assert.equal(read(), 'waits');
  });

  it('edits lines', () => {
    const { type, read, shown } = terminal();
    type('one two\x7f\x7fX\n');
    assert.equal(read(), 'one tX\n');
    assert.equal(shown(), 'one two\b \b\b \bX\r\n');
    type('some words\x17more\n');
    assert.equal(read(), 'some more\n');
    type('gone\x15kept\n');
    assert.equal(read(), 'kept\n');
    type('\x16\x03\n');
    assert.equal(read(), '\x03\n');
    type('\xc3\xa9\x7fe\n');
    assert.equal(read(), 'e\n');
  });

  it('ends the file at ^D', () => {
    const { type, read } = terminal();
    type('abc\x04');
    assert.equal(read(), 'abc');
    type('\x04');
    assert.equal(read(), '');
    assert.equal(read(), 'waits');
  });

  it('makes signals and drops input with them', () => {
    const { type, read, signals, shown } = terminal();
    type('lost\x03kept\n');
    assert.deepEqual(signals, [2]);
    assert.equal(read(), 'kept\n');
    assert.equal(shown(), 'lost^Ckept\r\n');
    type('\x1c\x1a');
    assert.deepEqual(signals, [2, 3, 20]);
  });

  it('stops and starts output', () => {
    const { tty, type } = terminal();
    type('\x13');
    assert.equal(tty.write(bytesOf('x')), WOULD_BLOCK);
    type('\x11');
    assert.equal(tty.write(bytesOf('x')), 1);
  });

  it('translates newlines on the way out, within the room there is', () => {
    const { tty, shown, setRoom } = terminal();
    assert.equal(tty.write(bytesOf('a\nb\n')), 4);
    assert.equal(shown(), 'a\r\nb\r\n');
    tty.termios.oflag &= ~ONLCR;
    tty.write(bytesOf('a\n'));
    assert.equal(shown(), 'a\n');
    setRoom(3);
    assert.equal(tty.write(bytesOf('abcdef')), 1);
    setRoom(0);
    assert.equal(tty.write(bytesOf('x')), WOULD_BLOCK);
  });

  it('is raw when told so', () => {
    const { tty, type, read, shown, signals } = terminal();
    tty.termios.lflag &= ~(ICANON | ECHO | ISIG);
    type('a\x03');
    assert.equal(read(1), 'a');
    assert.equal(read(), '\x03');
    assert.equal(shown(), '');
    assert.deepEqual(signals, []);
    assert.equal(read(), 'waits');
  });

  it('waits for VMIN bytes', () => {
    const { tty, type, read } = terminal();
    tty.termios.lflag &= ~(ICANON | ECHO);
    tty.termios.cc[VMIN] = 3;
    type('ab');
    assert.equal(read(), 'waits');
    assert.equal(read(2), 'ab');
    type('cde');
    assert.equal(read(), 'cde');
    tty.termios.cc[VMIN] = 0;
    assert.equal(read(), '');
  });

  it('waits for VTIME tenths of a second', () => {
    const { tty, type, read, pass } = terminal();
    tty.termios.lflag &= ~(ICANON | ECHO);
    tty.termios.cc[VMIN] = 0;
    tty.termios.cc[VTIME] = 5;
    assert.equal(read(), 'waits');
    pass(4e8);
    assert.equal(read(), 'waits');
    pass(1e8);
    assert.equal(read(), '');
    assert.equal(read(), 'waits');
    type('x');
    assert.equal(read(), 'x');
    tty.termios.cc[VMIN] = 5;
    type('ab');
    assert.equal(read(), 'waits');
    pass(5e8);
    assert.equal(read(), 'ab');
  });

  it('keeps what was typed when the mode changes', () => {
    const { tty, type, read } = terminal();
    type('half');
    tty.termios.lflag &= ~ICANON;
    tty.modeChanged(true);
    assert.equal(read(), 'half');
  });
});
