import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeExec, decodeExecStrings, decodeJson, decodeNumbers, encodeFrame, encodeJson, encodeNumbers, FRAME, FrameReader, MAX_PAYLOAD, ProtocolError } from './frame.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

test('frames survive any cut of the stream', () => {
  const stream = Buffer.concat([encodeJson(FRAME.hello, { protocol: 1 }), encodeFrame(FRAME.input, bytes('abc')), encodeFrame(FRAME.inputEnd, bytes('')), encodeNumbers(FRAME.taken, 1, 1)]);
  for (let cut = 0; cut <= stream.length; cut++) {
    const reader = new FrameReader();
    const frames = [...reader.push(stream.subarray(0, cut)), ...reader.push(stream.subarray(cut))];
    assert.deepEqual(
      frames.map(({ type }) => type),
      [FRAME.hello, FRAME.input, FRAME.inputEnd, FRAME.taken],
    );
    assert.deepEqual(decodeNumbers(frames[3].payload, 2), [1, 1]);
  }
});

test('what is not a frame is refused', () => {
  assert.throws(() => [...new FrameReader().push(Uint8Array.of(99, 0, 0, 0, 0))], ProtocolError);
  const long = encodeFrame(FRAME.input, bytes(''));
  new DataView(long.buffer).setUint32(1, MAX_PAYLOAD + 1, true);
  assert.throws(() => [...new FrameReader().push(long)], ProtocolError);
  for (const text of ['', '1', '[]', 'null', '{', '"x"']) assert.throws(() => decodeJson(bytes(text)), ProtocolError);
  assert.throws(() => decodeNumbers(bytes('abc'), 1), ProtocolError);
});

test('requests to start a program are checked', () => {
  const good = { argv: ['/bin/true'], env: [], hostEnv: ['A=b'], cwd: '' };
  assert.deepEqual(decodeExec(bytes(JSON.stringify(good))), good);
  assert.deepEqual(decodeExec(bytes(JSON.stringify({ ...good, terminal: { rows: 2, columns: 3, more: 1 } }))).terminal, { rows: 2, columns: 3 });
  const bad = [{ argv: [] }, { argv: 'x' }, { argv: ['\0'] }, { argv: ['\u1234'] }, { env: [1] }, { cwd: 1 }, { extra: 1 }, { terminal: 1 }, { terminal: { rows: 0, columns: 1 } }, { hostEnv: null }];
  for (const change of bad) assert.throws(() => decodeExec(bytes(JSON.stringify({ ...good, ...change }))), ProtocolError, JSON.stringify(change));
});

test('the same as strings', () => {
  const strings = (counts: readonly number[], ...texts: readonly string[]): Uint8Array => Uint8Array.from([...counts.flatMap((count) => [count, 0, 0, 0]), ...bytes(texts.map((text) => `${text}\0`).join(''))]);
  assert.deepEqual(decodeExecStrings(strings([2, 3], '/bin/x', '', 'A=b', 'no variable', 'C=')), { argv: ['/bin/x', ''], env: [], hostEnv: ['A=b', 'C='], cwd: '' });
  for (const bad of [strings([0, 1], 'A=b'), strings([1, 1], 'x'), strings([1, 0], 'x', 'y'), strings([1, 0]), strings([1, 0], 'x').subarray(0, -1), strings([0xff, 0], 'x'), bytes('')])
    assert.throws(() => decodeExecStrings(bad), ProtocolError);
});

test('noise gives frames or a refusal, nothing else', () => {
  const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
  console.log(`seed ${seed}`);
  let state = seed;
  const random = (): number => (state = (Math.imul(state, 1103515245) + 12345) & 0x7fff_ffff) >>> 8;
  for (let round = 0; round < 2000; round++) {
    const noise = Uint8Array.from({ length: random() % 64 }, () => (random() % 3 === 0 ? random() : random() % 24));
    try {
      for (const { payload } of new FrameReader().push(noise)) (random() % 2 === 0 ? decodeExec : decodeExecStrings)(payload);
    } catch (error) {
      assert.ok(error instanceof ProtocolError);
    }
  }
});
