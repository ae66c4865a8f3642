/** The bench's inputs: the same bytes on every machine, from a linear congruential generator. */

import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const NUMBERS_BYTES = 12_000_000;
const PROSE_BYTES = 8_000_000;
const FUNCTIONS = 250;

class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  next(): number {
    this.#state = (Math.imul(this.#state, 1103515245) + 12345) >>> 0;
    return this.#state;
  }

  /** The upper bits: the lower ones have short periods. */
  below(limit: number): number {
    return Math.floor((this.next() / 2 ** 32) * limit);
  }
}

function writeLines(path: string, bytes: number, line: () => string): void {
  const fd = openSync(path, 'w');
  for (let written = 0; written < bytes; ) {
    let block = '';
    while (block.length < 1_000_000) block += line();
    written += writeSync(fd, block);
  }
  closeSync(fd);
}

/** Words whose frequencies fall off as in a language, so that compressors find what they usually find. */
function proseLine(random: Random, words: readonly string[]): string {
  let line = '';
  while (line.length < 72) line += `${words[Math.floor((random.next() / 2 ** 32) ** 3 * words.length)]} `;
  return `${line.trimEnd()}\n`;
}

/** A C file of 20 lines per function: structures, loops, switches, calls, floating point; no headers. */
function sourceOf(random: Random): string {
  const parts = ['typedef struct node { struct node *next; int key; double weight; char name[16]; } node;', 'static int table[64];', 'int total;'];
  for (let n = 0; n < FUNCTIONS; n++) {
    const [a, b, c] = [random.below(90) + 2, random.below(60) + 1, random.below(1000)];
    const callee = n === 0 ? 'total' : `f${random.below(n)}(list, x - 1)`;
    parts.push(`int f${n}(node *list, int x) {
  int sum = ${c}, i;
  double w = ${a}.5;
  if (x <= 0) return sum ^ table[${b % 64}];
  for (i = 0; i < ${a}; i++) {
    sum += table[(i * ${b} + x) & 63] * (i ^ ${c});
    if (sum > ${c * 7 + 1}) sum = sum % ${a + 3} - i;
  }
  for (node *each = list; each; each = each->next) {
    w += each->weight * ${b} / (each->key + ${a});
    each->name[i & 15] = (char)(sum >> ${b % 8});
  }
  switch (sum & 7) {
    case 0: sum = sum * ${a} + x; break;
    case 1: case 5: sum ^= (int)w; break;
    case 2: sum -= ${callee}; break;
    case 3: table[x & 63] = sum; break;
    default: sum = sum < 0 ? -sum : sum + ${b};
  }
  return sum + (w > ${c}.25 ? ${a} : x); }`);
  }
  return `${parts.join('\n')}\n`;
}

export function writeData(directory: string): void {
  const numbers = new Random(12345);
  writeLines(join(directory, 'numbers'), NUMBERS_BYTES, () => {
    const n = numbers.next();
    return `${n} ${n >>> 7}\n`;
  });
  const random = new Random(99);
  const syllables = ['an', 'ber', 'co', 'de', 'el', 'fi', 'gra', 'ho', 'in', 'ka', 'lo', 'men', 'no', 'or', 'per', 'qua', 'ri', 'sta', 'ti', 'ul'];
  const words = Array.from({ length: 4000 }, () => Array.from({ length: 1 + random.below(4) }, () => syllables[random.below(syllables.length)]).join(''));
  writeLines(join(directory, 'prose'), PROSE_BYTES, () => proseLine(random, words));
  writeFileSync(join(directory, 'lines.i'), sourceOf(random));
}
