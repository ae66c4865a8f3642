/** Random bytes from the host CPU and kernel by way of OpenSSL's generator, and wiping. */

import { randomFillSync } from 'node:crypto';

export function randomBytes(length: number): Uint8Array {
  return randomFillSync(new Uint8Array(length));
}

export const fillRandom = (into: Uint8Array): void => void randomFillSync(into);

/** Overwrites a secret. Copies that the engine made are out of reach. */
export function wipe(...secrets: readonly Uint8Array[]): void {
  for (const secret of secrets) secret.fill(0);
}
