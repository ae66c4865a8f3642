/**
 * Fuzz target: attestation tokens as a broker reads them. A changed token is refused.
 *
 *     node fuzz/broker-token.ts [seed] [iterations]
 */

import { Problem } from '../src/broker/errors.ts';
import { refused } from '../src/broker/kbs/appraise.ts';
import { Tokens } from '../src/broker/kbs/token.ts';
import { PrivateKey, randomBytes, RecipientKey } from '../src/crypto/index.ts';
import { randomFrom } from '../src/encfs/5-disk/model.ts';
import { fromCommandLine, mutate } from './mutate.ts';
import { mutateJson } from './mutate-json.ts';

const NOW = Date.UTC(2026, 0, 1);
const tokens = await Tokens.with(PrivateKey.generate('ES256'), { now: () => NOW, random: randomBytes, version: 'fuzz' });
const context = { tee: 'sim', simulated: true, tcbStatus: 'NotPublished', tcbDate: 0, advisories: [], debug: false, measurement: 'ab'.repeat(48), signer: '', productId: 0, securityVersion: 0 };
const token = await tokens.issue({ ...refused('sim', '', ''), accepted: true, failures: [] }, { context, key: new RecipientKey().publicJwk }, 'AAAA', NOW + 300_000);
const parts = token.split('.');
const decode = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString());
const encode = (value: unknown): string => Buffer.from(JSON.stringify(value) ?? '').toString('base64url');

export async function fuzz(seed: number, iterations: number): Promise<void> {
  const random = randomFrom(seed);
  for (let iteration = 0; iteration < iterations; iteration++) {
    const kind = random(3);
    const changed = kind === 0 ? new TextDecoder().decode(mutate(new TextEncoder().encode(token), random)) : [0, 1, 2].map((at) => (at === kind - 1 ? encode(mutateJson(decode(parts[at]), random)) : parts[at])).join('.');
    if (changed === token) continue;
    try {
      await tokens.read(changed);
      throw new Error(`accepted: ${changed}`);
    } catch (error) {
      if (!(error instanceof Problem)) throw new Error(`seed ${seed}, iteration ${iteration}: ${String(error)}`, { cause: error });
    }
  }
}

if (import.meta.main) await fromCommandLine(fuzz, 5000);
