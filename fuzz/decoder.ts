/**
 * Fuzz target: the decoder. Noise, and real instructions with bits flipped: it never throws, never reads beyond the
 * bytes, gives the same answer for what it called one instruction, and what it names can be lifted without harm.
 *
 *     node fuzz/decoder.ts [seed] [iterations]
 */

import { Builder } from '../src/ir/index.ts';
import { decode, disassemble, FORMS, randomInstance, TRUNCATED } from '../src/x86/index.ts';
import type { Random } from '../src/x86/index.ts';

const PC = 0x40_0000;

function generator(seed: number): Random {
  let state = seed >>> 0;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 0x1_0000_0000) * limit);
  };
}

export function fuzz(seed: number, iterations: number): void {
  const random = generator(seed);
  for (let iteration = 0; iteration < iterations; iteration++) {
    const bytes = Uint8Array.from({ length: 1 + random(20) }, () => random(256));
    if (random(2) === 0) {
      const real = randomInstance(FORMS[random(FORMS.length)], random)?.bytes ?? bytes;
      bytes.set(real.subarray(0, bytes.length));
      bytes[random(bytes.length)] ^= 1 << random(8);
    }
    const shown = (): string => `seed ${seed}, iteration ${iteration}: ${Buffer.from(bytes).toString('hex')}`;
    const insn = decode(bytes, 0, PC);
    if (insn === undefined) continue;
    if (insn === TRUNCATED) {
      if (bytes.length >= 15) throw new Error(`${shown()}: truncated, with fifteen bytes at hand`);
      continue;
    }
    if (insn.length < 1 || insn.length > Math.min(15, bytes.length)) throw new Error(`${shown()}: length ${insn.length}`);
    const again = decode(bytes.subarray(0, insn.length), 0, PC);
    if (typeof again !== 'object' || disassemble(again) !== disassemble(insn)) throw new Error(`${shown()}: depends on what follows`);
    if (insn.length > 1 && decode(bytes.subarray(0, insn.length - 1), 0, PC) !== TRUNCATED) throw new Error(`${shown()}: a shorter one is not truncated`);
    try {
      new Builder().lift(insn);
    } catch (error) {
      throw new Error(`${shown()}: ${disassemble(insn)} cannot be lifted`, { cause: error });
    }
  }
}

if (import.meta.main) {
  const [seed = Date.now() >>> 0, iterations = 100_000] = process.argv.slice(2).map(Number);
  console.log(`decoder: seed ${seed}, ${iterations} iterations`);
  fuzz(seed, iterations);
}
