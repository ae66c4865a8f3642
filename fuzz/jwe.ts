/**
 * Fuzz target: JWE and the keys that are encrypted to. A changed message is a JweError, never another text; a changed key is a
 * JweError, or one that can be encrypted to.
 *
 *     node fuzz/jwe.ts [seed] [iterations]
 */

import { generateKeyPairSync } from 'node:crypto';
import { encryptJwe, type FlattenedJwe, JweError, RecipientKey, recipientOf } from '../src/crypto/index.ts';
import { randomFrom } from '../src/encfs/5-disk/model.ts';
import { equalBytes } from '../src/base/bytes.ts';
import { type Json, mutateJson } from './mutate-json.ts';
import { fromCommandLine } from './mutate.ts';

const TEXT = new TextEncoder().encode('a secret');
const KEYS = [new RecipientKey(), new RecipientKey('P-521')];
const MESSAGES = KEYS.map((key) => ({ key, jwe: encryptJwe(key.publicJwk, TEXT) }));
const { n, e } = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'jwk' });
const JWKS = [...KEYS.map(({ publicJwk }) => publicJwk), { kty: 'RSA', alg: 'RSA-OAEP-256', n, e }] as unknown as Json[];

export function fuzz(seed: number, iterations: number): void {
  const random = randomFrom(seed);
  for (let iteration = 0; iteration < iterations; iteration++) {
    try {
      if (random(2) === 0) {
        const { key, jwe } = MESSAGES[random(MESSAGES.length)];
        const changed = mutateJson(jwe as unknown as Json, random) as unknown as FlattenedJwe | null;
        // What clients check before: that it has the members, as text.
        if (typeof changed !== 'object' || changed === null || !['protected', 'encrypted_key', 'iv', 'ciphertext', 'tag'].every((name) => typeof changed[name as keyof FlattenedJwe] === 'string')) continue;
        const opened = key.decrypt(changed);
        if (!equalBytes(opened, TEXT)) throw new Error('another text');
        for (const name of Object.keys(jwe) as (keyof FlattenedJwe)[]) if (changed[name] !== jwe[name]) throw new Error(`${name} is free`);
      } else {
        encryptJwe(recipientOf(mutateJson(JWKS[random(JWKS.length)], random)), TEXT);
      }
    } catch (error) {
      if (!(error instanceof JweError)) throw new Error(`seed ${seed}, iteration ${iteration}: ${String(error)}`, { cause: error });
    }
  }
}

if (import.meta.main) await fromCommandLine(fuzz, 10_000);
