/**
 * Keys of stores and the file that holds an image key.
 *
 * An image-key file is one line, `cloister-image-key-v1 <64 hexadecimal digits> <8 digits of its SHA-256>`; the check
 * digits tell a mistyped key from a wrong one.
 */

import { fromHex, toHex } from '../../base/bytes.ts';
import { KEY_BYTES, NONCE_BYTES, fillRandom, randomBytes, sha256 } from '../../crypto/index.ts';
import { StorageError } from '../errors.ts';

const HEADER = 'cloister-image-key-v1';
const LINE = new RegExp(`^${HEADER} ([0-9a-f]{64}) ([0-9a-f]{8})\\n?$`);

const checkDigits = (key: Uint8Array): string => toHex(sha256(key)).slice(0, 8);

export function generateImageKey(): string {
  return formatImageKey(randomBytes(KEY_BYTES));
}

export const formatImageKey = (key: Uint8Array): string => `${HEADER} ${toHex(key)} ${checkDigits(key)}\n`;

/** Throws StorageError `key-format`; the message never holds the key. */
export function parseImageKey(text: string): Uint8Array {
  if (!text.startsWith(HEADER)) throw new StorageError('key-format', `not an image key: a file made by gen-image-key starts with "${HEADER}"`);
  const [, digits, check] = LINE.exec(text) ?? [];
  if (digits === undefined) throw new StorageError('key-format', 'damaged image key: 64 and 8 hexadecimal digits are needed');
  const key = fromHex(digits);
  if (checkDigits(key) !== check) throw new StorageError('key-format', 'damaged image key: the check digits do not match');
  return key;
}

/**
 * The key of a sealed volume: an image key, and a line `root <96 hexadecimal digits>`, so that who has the key also knows
 * which volume is meant.
 */
export const formatVolumeKey = (key: Uint8Array, root: Uint8Array): string => `${formatImageKey(key)}root ${toHex(root)}\n`;

/** Throws StorageError `key-format`. */
export function parseVolumeKey(text: string): { readonly key: Uint8Array; readonly root: Uint8Array } {
  const match = /^([^\n]*\n)root ([0-9a-f]{96})\n?$/.exec(text);
  if (match === null) throw new StorageError('key-format', 'not the key of a sealed volume: cloister seal makes one');
  return { key: parseImageKey(match[1]), root: fromHex(match[2]) };
}

/**
 * Random 96-bit nonces, drawn in bulk. Random rather than counted, because a counter would repeat after a rollback
 * of the host's disk; with at most 2^32 of them under one key the chance of a repeat is below 2^-32 (SP 800-38D §8.3).
 */
export class NoncePool {
  readonly #pool = new Uint8Array(NONCE_BYTES * 256);
  #at = this.#pool.length;

  next(): Uint8Array {
    if (this.#at === this.#pool.length) {
      fillRandom(this.#pool);
      this.#at = 0;
    }
    this.#at += NONCE_BYTES;
    return this.#pool.slice(this.#at - NONCE_BYTES, this.#at);
  }
}
