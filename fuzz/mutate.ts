/** Damage to bytes: a few changes of the kinds that break parsers, never none. */

export type Random = (below: number) => number;

const EDGES = [0, 1, 0x7f, 0x80, 0xfe, 0xff];

export function mutate(sample: Uint8Array, random: Random): Uint8Array {
  if (sample.length === 0) return Uint8Array.of(random(256));
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

const VALUES: readonly unknown[] = [null, true, 0, -1, 1.5, 2 ** 53, 1e308, '', 'x', '0', '00', '2026-01-15T12:00:00Z', 'UpToDate', [], {}, [[]], { svn: 0 }, '__proto__', '\ud800'];

/** Damage to JSON that stays JSON (most of the time): a member or entry that is replaced, dropped, doubled or renamed, or other white space. */
export function mutateJson(text: string, random: Random): string {
  for (;;) {
    const root = { value: JSON.parse(text) as unknown };
    for (let changes = 1 + random(3); changes > 0; changes--) changeIn(root, random);
    const whole = JSON.stringify(root.value) ?? '';
    const written = random(8) === 0 ? new TextDecoder().decode(mutate(new TextEncoder().encode(whole), random)) : random(16) === 0 ? JSON.stringify(root.value, null, 1) : whole;
    if (written !== undefined && written !== text) return written;
  }
}

function changeIn(root: { value: unknown }, random: Random): void {
  let holder: Record<string, unknown> = root;
  let name = 'value';
  while (typeof holder[name] === 'object' && holder[name] !== null && random(6) !== 0) {
    const inner = holder[name] as Record<string, unknown>;
    const names = Object.keys(inner);
    if (names.length === 0) break;
    holder = inner;
    name = names[random(names.length)];
  }
  const kind = random(6);
  const value = holder[name];
  if (kind === 0) delete holder[name];
  else if (kind === 1) holder[`${name}x`] = value;
  else if (kind === 2 && typeof value === 'number') holder[name] = value + 1 - random(3);
  else if (kind === 3 && typeof value === 'string' && value !== '') holder[name] = value.slice(0, random(value.length)) + (random(2) === 0 ? value.slice(random(value.length)) : '');
  else if (kind === 4 && Array.isArray(value) && value.length > 0) value.splice(random(value.length), 1 - random(2), value[random(value.length)]);
  else holder[name] = structuredClone(VALUES[random(VALUES.length)]);
}

/** Runs a target from the command line: `node fuzz/TARGET.ts [seed] [iterations]`. */
export async function fromCommandLine(run: (seed: number, iterations: number) => unknown, iterations: number): Promise<void> {
  const seed = Number(process.argv[2] ?? Math.floor(Math.random() * 2 ** 31));
  console.log(`seed ${seed}`);
  await run(seed, Number(process.argv[3] ?? iterations));
}
