/**
 * Fuzz target: signed reference values. What is changed in a file is a ReferenceError, or makes no difference to what it says.
 *
 *     node fuzz/reference.ts [seed] [iterations]
 */

import assert from 'node:assert/strict';
import { type EnclaveClaims, openReferenceValues, ReferenceError, signReferenceValues } from '../src/attestation/index.ts';
import { PrivateKey } from '../src/crypto/index.ts';
import { randomFrom } from '../src/encfs/5-disk/model.ts';
import { fromCommandLine, mutate } from './mutate.ts';
import { mutateJson } from './mutate-json.ts';

const CLAIMS: EnclaveClaims = { imageRoot: 'ab'.repeat(48), imageKind: 'encrypted', configuration: 'cd'.repeat(48), productId: 1, securityVersion: 2, debuggable: false, entryPoints: ['/bin'], runtime: 'x' };
const SAMPLES = (['EdDSA', 'ES256'] as const).map((algorithm) => {
  const bytes = signReferenceValues('app', CLAIMS, PrivateKey.generate(algorithm));
  return { bytes, opened: openReferenceValues(bytes) };
});

export function fuzz(seed: number, iterations: number): void {
  const random = randomFrom(seed);
  for (let iteration = 0; iteration < iterations; iteration++) {
    const { bytes, opened } = SAMPLES[random(SAMPLES.length)];
    const changed = random(2) === 0 ? mutate(bytes, random) : new TextEncoder().encode(JSON.stringify(mutateJson(JSON.parse(new TextDecoder().decode(bytes)), random)));
    try {
      const { values, publisher } = openReferenceValues(changed);
      assert.deepEqual(values, opened.values);
      assert.equal(publisher.pem(), opened.publisher.pem());
    } catch (error) {
      if (!(error instanceof ReferenceError)) throw new Error(`seed ${seed}, iteration ${iteration}: ${String(error)}`, { cause: error });
    }
  }
}

if (import.meta.main) await fromCommandLine(fuzz, 5000);
