/**
 * Fuzz target: `cloister.yaml`. Any text gives a configuration or a `ConfigurationError` whose problems have a place;
 * a configuration that is accepted has exactly the keys of the schema.
 *
 *     node fuzz/configuration.ts [seed] [iterations]
 */

import assert from 'node:assert/strict';
import { ConfigurationError, parseConfiguration } from '../src/config/index.ts';
import { CONFIGURATION, defaultFile, defaultsOf, type Field } from '../src/config/schema.ts';
import { randomFrom } from '../src/encfs/5-disk/model.ts';

// biome-ignore format: a table
const WORDS = [':', ': ', '- ', '\n', '\n  ', '\n    ', '{', '}', '[', ']', '"', "'", '&a ', '*a', '!!int ', '? ', '| ', '> ', '#', '---\n', '...\n', '\t', '\0', '\u{1f600}', '0x10', '1e999', '-1', 'null', 'true', '512 MiB', '/bin', '__proto__', 'constructor', 'tmpfs', 'memory', 'mounts', 'target', 'env', 'default'];

function shapeOf(value: unknown, field: Field): void {
  if (field.kind === 'section') {
    assert.deepEqual(Object.keys(value as object).sort(), Object.keys(field.keys).sort());
    for (const [key, inner] of Object.entries(field.keys)) shapeOf((value as Record<string, unknown>)[key], inner);
  } else if (field.kind === 'list') {
    assert.ok(Array.isArray(value));
    for (const item of value) shapeOf(item, field.of);
  } else {
    assert.equal(typeof value, typeof defaultsOf(field));
  }
}

export function fuzzConfiguration(seed: number, iterations: number): { accepted: number; refused: number } {
  const random = randomFrom(seed);
  const counts = { accepted: 0, refused: 0 };
  for (let round = 0; round < iterations; round++) {
    let text = random(4) === 0 ? '' : defaultFile();
    for (let edits = random(6) + 1; edits > 0; edits--) {
      const at = random(text.length + 1);
      text = text.slice(0, at) + WORDS[random(WORDS.length)] + text.slice(at + random(4) * random(20));
    }
    try {
      shapeOf(parseConfiguration(text), CONFIGURATION);
      counts.accepted++;
    } catch (error) {
      assert.ok(error instanceof ConfigurationError, `seed ${seed}, round ${round}: ${JSON.stringify(text)}: ${String(error)}`);
      for (const { line, column, message } of error.problems) assert.ok(line >= 1 && column >= 1 && message !== '');
      counts.refused++;
    }
  }
  return counts;
}

if (import.meta.main) {
  const seed = Number(process.argv[2] ?? Math.floor(Math.random() * 2 ** 31));
  console.log(`seed ${seed}`, fuzzConfiguration(seed, Number(process.argv[3] ?? 2000)));
}
