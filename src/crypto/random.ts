/** Random bytes from the host CPU and kernel by way of OpenSSL's generator, and wiping. */

import { randomFillSync } from 'node:crypto';

const POOL_BYTES = 4096;
const MOST_FROM_POOL = 256;
/** Drawn and not yet given out: asking for a few bytes costs as much as for all of these. */
const pool = new Uint8Array(POOL_BYTES);
let used = POOL_BYTES;

export function randomBytes(length: number): Uint8Array {
  if (length > MOST_FROM_POOL) return randomFillSync(new Uint8Array(length));
  if (used + length > POOL_BYTES) {
    randomFillSync(pool);
    used = 0;
  }
  const bytes = pool.slice(used, used + length);
  pool.fill(0, used, (used += length));
  return bytes;
}

export const fillRandom = (into: Uint8Array): void => void randomFillSync(into);

/** Overwrites a secret. Copies that the engine made are out of reach. */
export function wipe(...secrets: readonly Uint8Array[]): void {
  for (const secret of secrets) secret.fill(0);
}
