/** What `build` leaves behind and `run` reads, and the keys of both. Apart from `build`, which needs a YAML parser. */

import { readFileSync } from 'node:fs';
import type { Configuration } from '../config/schema.ts';
import { parseImageKey } from '../encfs/1-crypto/keys.ts';
import { Failure } from './errors.ts';

/** What is measured of the configuration, as it is stored beside the image. */
export interface SealedConfiguration {
  /** SHA-384 of cloister.yaml, so that any change of it asks for a build. */
  readonly source: string;
  readonly configuration: Configuration;
  /** Where the key of an encrypted image is: `kbs:///…`. */
  readonly imageKey?: string;
}

export function readKeyFile(path: string, what: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new Failure('key', `cannot read the ${what} ${path}: ${(error as Error).message}`);
  }
}

export function readImageKey(path: string): Uint8Array {
  return parseImageKey(readKeyFile(path, 'image key'));
}
