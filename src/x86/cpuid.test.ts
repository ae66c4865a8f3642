/** CPUID says what the rows implement. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cpuidLeaf } from './cpuid.ts';
import { ROWS } from './inst/index.ts';
import type { Feature } from './row.ts';

/** Leaf, register (0 EAX … 3 EDX) and bit of each feature that has one (SDM vol. 2, CPUID). */
// biome-ignore format: a table
const BITS: Partial<Record<Feature, readonly [leaf: number, register: number, bit: number]>> = {
  X87: [1, 3, 0], RDTSC: [1, 3, 4], CX8: [1, 3, 8], CMOV: [1, 3, 15], CLFLUSH: [1, 3, 19], MMX: [1, 3, 23], FXSR: [1, 3, 24], SSE: [1, 3, 25], SSE2: [1, 3, 26],
  SSE3: [1, 2, 0], SSSE3: [1, 2, 9], CX16: [1, 2, 13], SSE4_1: [1, 2, 19], SSE4_2: [1, 2, 20], MOVBE: [1, 2, 22], POPCNT: [1, 2, 23], XSAVE: [1, 2, 26], RDRAND: [1, 2, 30],
  BMI1: [7, 1, 3], BMI2: [7, 1, 8], ADX: [7, 1, 19], LAHF64: [0x8000_0001, 2, 0], LZCNT: [0x8000_0001, 2, 5], PREFETCHW: [0x8000_0001, 2, 8], RDTSCP: [0x8000_0001, 3, 27],
};

test('a feature is advertised exactly when it has rows', () => {
  const present = new Set(ROWS.map((row) => row.feature));
  for (const [feature, [leaf, register, bit]] of Object.entries(BITS)) {
    const advertised = ((cpuidLeaf(leaf, 0)[register] >>> bit) & 1) === 1;
    assert.equal(advertised, present.has(feature as Feature), feature);
  }
});

test('the vendor reads as text, and leaf 4 gives sizes', () => {
  const [, b, c, d] = cpuidLeaf(0, 0);
  const text = [b, d, c].map((word) => String.fromCharCode(word & 255, (word >> 8) & 255, (word >> 16) & 255, word >>> 24)).join('');
  assert.equal(text, 'GenuineIntel');
  const bytes = [0, 1, 2, 3].map((n) => {
    const [, ways, sets] = cpuidLeaf(4, n);
    return ((ways >>> 22) + 1) * ((ways & 0xfff) + 1) * (sets + 1);
  });
  assert.deepEqual(bytes, [32768, 32768, 1048576, 16777216]);
  assert.deepEqual(cpuidLeaf(4, 4), [0, 0, 0, 0]);
});
