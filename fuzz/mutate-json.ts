/** Damage to JSON that stays JSON: members are replaced, dropped, doubled and renamed, at any depth; texts are damaged as text. */

import type { Random } from './mutate.ts';

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

// biome-ignore format: a table
const EDGES: readonly Json[] = [null, true, false, 0, -1, 1.5, 1e300, 2 ** 53, '', 'x', '\0', '\ud800', '\u{1f600}', 'A'.repeat(5000), '__proto__', [], [[]], {}, { toString: 'x' }, { length: 1 }, '0'.repeat(96), "' OR 1=1 --", '../..', 'null', '2027-01-31T00:00:00Z'];

function damagedText(text: string, random: Random): string {
  const at = random(text.length + 1);
  const kind = random(5);
  if (kind === 0) return text.slice(0, at);
  if (kind === 1) return text.slice(0, at) + String.fromCharCode(random(random(3) === 0 ? 0x10000 : 128)) + text.slice(at + 1);
  if (kind === 2) return `${text} `;
  if (kind === 3) return text.slice(0, at) + text.slice(random(text.length + 1));
  return text.toUpperCase();
}

function damaged(value: Json, random: Random): Json {
  if (random(3) === 0) return structuredClone(EDGES[random(EDGES.length)]);
  if (typeof value === 'string') return damagedText(value, random);
  if (typeof value === 'number') return [value + 1, -value, value / 3, value * 2 ** 40, String(value)][random(5)];
  if (typeof value === 'boolean') return !value;
  if (Array.isArray(value)) return random(2) === 0 ? [...value, ...value] : value.slice(0, random(value.length + 1));
  if (value !== null) {
    const names = Object.keys(value);
    if (names.length > 0) {
      const name = names[random(names.length)];
      const { [name]: gone, ...rest } = value;
      return random(2) === 0 ? rest : { ...rest, [damagedText(name, random)]: gone };
    }
  }
  return structuredClone(EDGES[random(EDGES.length)]);
}

/** A changed copy. */
export function mutateJson(sample: Json, random: Random): Json {
  const root = { root: structuredClone(sample) };
  for (let changes = 1 + random(3); changes > 0; changes--) {
    let [holder, name]: [Record<string, Json>, string] = [root, 'root'];
    for (let inner = holder[name]; typeof inner === 'object' && inner !== null && random(4) !== 0; inner = holder[name]) {
      const names = Object.keys(inner);
      if (names.length === 0) break;
      [holder, name] = [inner as Record<string, Json>, names[random(names.length)]];
    }
    holder[name] = damaged(holder[name], random);
  }
  return root.root;
}

export type { Json };
