/** Every code of a failure has evidence that fails in it alone. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FAILURE_CODES } from '../../src/attestation/verifier/index.ts';
import { AMD } from './fixtures/amd.ts';
import { AROUND } from './fixtures/around.ts';
import { INTEL } from './fixtures/intel.ts';

const FIXTURES = { 'SGX and TDX': INTEL, 'SEV-SNP': AMD, 'what lies around a quote': AROUND };

test('every code has a fixture', () => {
  const covered = new Set(Object.values(FIXTURES).flatMap((fixtures) => fixtures.map(({ code }) => code)));
  assert.deepEqual(
    FAILURE_CODES.map(([code]) => code).filter((code) => !covered.has(code)),
    [],
  );
});

for (const [name, fixtures] of Object.entries(FIXTURES))
  describe(name, () => {
    for (const { code, what, judge } of fixtures)
      test(`${code}: ${what}`, async () => {
        const verdict = await judge();
        assert.deepEqual([...new Set(verdict.failures.map((failure) => failure.code))], [code], JSON.stringify(verdict.failures, null, 1));
        assert.equal(verdict.accepted, false);
      });
  });
