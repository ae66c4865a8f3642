/** Keys of simulated machines as a policy names them: the same few come with every quote. */

import { toHex } from '../../../base/bytes.ts';
import { pemBlocks } from '../x509/pem.ts';
import { digest } from '../x509/subtle.ts';

export interface SimKey {
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array;
  /** Hexadecimal SHA-256 of it. */
  readonly id: string;
}

const KEPT = 64;
const known = new Map<string, Promise<readonly SimKey[]>>();

const read = (pem: string): Promise<readonly SimKey[]> => Promise.all((pemBlocks(pem) ?? []).map(async ({ der }) => ({ spki: der, id: toHex(await digest('SHA-256', der)) })));

/** All keys in a text of PEM blocks; none where it is damaged. */
export function simKeysIn(pem: string): Promise<readonly SimKey[]> {
  let keys = known.get(pem);
  if (keys === undefined) {
    keys = read(pem);
    if (known.size >= KEPT) known.delete(known.keys().next().value as string);
    known.set(pem, keys);
  }
  return keys;
}
