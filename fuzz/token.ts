/**
 * Fuzz target: tokens. A changed EAR token does not verify, a changed JWE does not open, and a changed key is refused or is a
 * key; nothing else is thrown.
 *
 *     node fuzz/token.ts [seed] [iterations]
 */

import { earPayload, generateEarKey, jwks, signEar, verifyEar } from '../src/attestation/token/index.ts';
import { encryptJwe, type FlattenedJwe, JweError, RecipientKey, recipientOf } from '../src/crypto/jwe.ts';
import { bytesOf, byteString } from '../src/base/bytes.ts';
import { randomFrom } from '../src/encfs/5-disk/model.ts';
import { judgeIntel } from '../test/attestation/fixtures/intel.ts';
import { forgeIntel } from '../test/attestation/forge/intel.ts';
import { fromCommandLine, mutate, mutateJson, type Random } from './mutate.ts';

const AT = new Date('2026-01-15T12:00:00Z');
const earKey = await generateEarKey();
const TOKEN = await signEar(earPayload(await judgeIntel(forgeIntel()), { verifier: { build: 'fuzz', developer: 'fuzz' }, policyId: 'authentic', issuedAt: AT, lifetime: 300 }), earKey);
const SET = jwks(earKey);
const recipient = new RecipientKey();
const JWE = encryptJwe(recipientOf(recipient.publicJwk), new TextEncoder().encode('a data key'));
const JWK = JSON.stringify(recipient.publicJwk);
const mutateText = (text: string, random: Random): string => byteString(mutate(bytesOf(text), random));

async function token(random: Random): Promise<void> {
  const opened = await verifyEar(mutateText(TOKEN, random), SET, AT);
  if ('payload' in opened) throw new Error('a changed token verifies');
}

function jwe(random: Random): void {
  const names = Object.keys(JWE) as (keyof FlattenedJwe)[];
  const name = names[random(names.length)];
  recipient.decrypt({ ...JWE, [name]: mutateText(JWE[name], random) });
  throw new Error('a changed JWE opens');
}

function jwk(random: Random): void {
  let value: unknown;
  try {
    value = JSON.parse(mutateJson(JWK, random));
  } catch {
    return;
  }
  encryptJwe(recipientOf(value), new Uint8Array(32));
}

export async function fuzz(seed: number, iterations: number): Promise<void> {
  const random = randomFrom(seed);
  const targets = [token, jwe, jwk];
  for (let iteration = 0; iteration < iterations; iteration++) {
    try {
      await targets[random(targets.length)](random);
    } catch (error) {
      if (!(error instanceof JweError)) throw new Error(`seed ${seed}, iteration ${iteration}: ${String(error)}`, { cause: error });
    }
  }
}

if (import.meta.main) await fromCommandLine(fuzz, 5000);
