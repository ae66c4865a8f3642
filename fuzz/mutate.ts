/** Damage to bytes: a few changes of the kinds that break parsers, never none. */

export type Random = (below: number) => number;

const EDGES = [0, 1, 0x7f, 0x80, 0xfe, 0xff];

export function mutate(sample: Uint8Array, random: Random): Uint8Array {
  for (;;) {
    let bytes = sample.slice();
    for (let changes = 1 + random(4); changes > 0 && bytes.length > 0; changes--) {
      const at = random(bytes.length);
      const kind = random(8);
      if (kind < 3) bytes[at] ^= 1 << random(8);
      else if (kind === 3) bytes[at] = EDGES[random(EDGES.length)];
      else if (kind === 4) bytes[at] = random(256);
      else if (kind === 5) bytes = bytes.slice(0, at);
      else if (kind === 6) bytes.copyWithin(at, random(bytes.length), random(bytes.length));
      else bytes = Uint8Array.from([...bytes.subarray(0, at), ...Array.from({ length: 1 + random(4) }, () => random(256)), ...bytes.subarray(at)]);
    }
    if (bytes.length !== sample.length || bytes.some((byte, index) => byte !== sample[index])) return bytes;
  }
}

/** Runs a target from the command line: `node fuzz/TARGET.ts [seed] [iterations]`. */
export async function fromCommandLine(run: (seed: number, iterations: number) => unknown, iterations: number): Promise<void> {
  const seed = Number(process.argv[2] ?? Math.floor(Math.random() * 2 ** 31));
  console.log(`seed ${seed}`);
  await run(seed, Number(process.argv[3] ?? iterations));
}
