/** What can be done about a writable layer that does not open. */

import { existsSync } from 'node:fs';
import type { Configuration } from '../config/schema.ts';
import { StorageError } from '../encfs/errors.ts';
import { lockHolder } from '../pal/node/lock-holder.ts';
import { Failure, toFailure } from './errors.ts';
import type { Instance } from './instance.ts';

/** Its freshness record, in the directory of the records. */
const RECORD = 'layer-freshness';

/** The same error with a hint that fits; `records` is where its record is. */
export function layerFailure(error: unknown, instance: Instance, records: string, { key }: Configuration['layer']): unknown {
  if (!(error instanceof StorageError)) return error;
  const hint = error.code === 'layer-in-use' ? inUse(instance) : key === '' ? HINTS[error.code]?.(`move ${instance.layer} and its record ${records}/${RECORD} away, both of them`) : undefined;
  if (hint === undefined) return error;
  const { kind, message, code, stack } = toFailure(error);
  return Object.assign(new Failure(kind, message, hint, code), { stack });
}

function inUse(instance: Instance): string | undefined {
  if (existsSync(instance.socket)) return undefined;
  const holder = lockHolder(instance.layer);
  return `A \`run\` (or cp, ls or cat, or a \`start\` that is not done yet) has it${holder === undefined ? '' : `, process ${holder}`}: wait for its end, or end it.`;
}

/** For layers whose key is the TEE's: their only count is the record on this machine. `anew`: what gives an empty layer. */
const HINTS: Partial<Record<StorageError['code'], (anew: string) => string>> = {
  'layer-key-wrong': (anew) => `It opens under the signing key and metadata.debuggable that it was written under: go back to them and build again. To begin with an empty layer instead, ${anew}; they can be put back together.`,
  'layer-rolled-back': (anew) => `The writable layer is older than its record on this machine. Restore the newest copy. If there is none, ${anew}: that begins with an empty layer.`,
  'layer-missing': (anew) => `Files of the writable layer are gone. Restore them from a copy. If there is none, ${anew} as far as they are there: that begins with an empty layer.`,
};
