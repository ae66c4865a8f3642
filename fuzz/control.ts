/**
 * Fuzz target: the control socket's frames. Any bytes, in any pieces, give frames or a `ProtocolError`; so does what is
 * decoded from their payloads.
 *
 *     node fuzz/control.ts [seed] [iterations]
 */

import assert from 'node:assert/strict';
import { randomFrom } from '../src/encfs/5-disk/model.ts';
import { decodeExec, decodeExecStrings, decodeJson, decodeNumbers, encodeFrame, encodeJson, encodeNumbers, type Frame, FRAME, FrameReader, ProtocolError } from '../src/pal/node/control/frame.ts';

const TYPES = Object.values(FRAME);

export function fuzzControl(seed: number, iterations: number): { frames: number; refused: number } {
  const random = randomFrom(seed);
  const counts = { frames: 0, refused: 0 };
  const good = [
    encodeJson(FRAME.hello, { protocol: 1 }),
    encodeJson(FRAME.exec, { argv: ['/bin/true'], env: [], hostEnv: ['A=b'], cwd: '', terminal: { rows: 24, columns: 80 } }),
    encodeNumbers(FRAME.taken, 0, 1),
    encodeFrame(FRAME.input, new Uint8Array(300)),
    encodeJson(FRAME.call, { method: 'ps', params: null }),
  ];
  const decoders: readonly ((frame: Frame) => unknown)[] = [
    ({ payload }) => decodeExec(payload),
    ({ payload }) => decodeExecStrings(payload),
    ({ payload }) => decodeJson(payload),
    ({ payload }) => decodeNumbers(payload, random(3)),
    () => undefined,
  ];
  for (let round = 0; round < iterations; round++) {
    const stream = Uint8Array.from(Array.from({ length: random(5) + 1 }, () => [...good[random(good.length)]]).flat());
    for (let flips = random(4); flips > 0; flips--) stream[random(stream.length)] = random(3) === 0 ? TYPES[random(TYPES.length)] : random(256);
    const reader = new FrameReader();
    try {
      for (let at = 0; at < stream.length; ) {
        const end = Math.min(stream.length, at + 1 + random(400));
        for (const frame of reader.push(stream.subarray(at, end))) {
          counts.frames++;
          decoders[random(decoders.length)](frame);
        }
        at = end;
      }
    } catch (error) {
      assert.ok(error instanceof ProtocolError, `seed ${seed}, round ${round}: ${String(error)}`);
      counts.refused++;
    }
  }
  return counts;
}

if (import.meta.main) {
  const seed = Number(process.argv[2] ?? Math.floor(Math.random() * 2 ** 31));
  console.log(`seed ${seed}`, fuzzControl(seed, Number(process.argv[3] ?? 20_000)));
}
