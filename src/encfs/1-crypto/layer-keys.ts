/**
 * The keys of a writable layer. The layer's own key is random and never changes; the file `key` holds it wrapped by
 * the enclave's sealing key, so that moving a layer to another machine or signer means writing this one file anew.
 *
 *     16 magic, 16 layer id, 12 nonce, 32 wrapped key, 16 tag, 32 SHA-256 of all before
 *
 * The hash protects nothing: it tells a damaged file from a wrong sealing key.
 */

import { equalBytes } from '../../base/bytes.ts';
import type { HostDirectory } from '../../base/host-files.ts';
import { AeadKey, KEY_BYTES, NONCE_BYTES, TAG_BYTES, hkdfSha256, randomBytes, sha256, wipe } from '../../crypto/index.ts';
import { StorageError } from '../errors.ts';

export const KEY_FILE = 'key';
export const LAYER_ID_BYTES = 16;
const MAGIC = new TextEncoder().encode('cloister layer 1');
const NONCE_AT = 32,
  KEY_AT = NONCE_AT + NONCE_BYTES,
  TAG_AT = KEY_AT + KEY_BYTES,
  HASH_AT = TAG_AT + TAG_BYTES,
  FILE_BYTES = HASH_AT + 32;

export class LayerKeys {
  readonly id: Uint8Array;
  readonly #key: Uint8Array;

  constructor(id: Uint8Array, key: Uint8Array) {
    this.id = id;
    this.#key = key;
  }

  static generate(): LayerKeys {
    return new LayerKeys(randomBytes(LAYER_ID_BYTES), randomBytes(KEY_BYTES));
  }

  /** A key for one purpose. */
  derive(purpose: string): AeadKey {
    const bytes = hkdfSha256(this.#key, this.id, `cloister layer ${purpose}`, KEY_BYTES);
    const key = new AeadKey(bytes);
    wipe(bytes);
    return key;
  }

  /** The content of the key file. A random nonce: a sealing key wraps a handful of layer keys in its life. */
  wrap(sealingKey: Uint8Array): Uint8Array {
    const file = new Uint8Array(FILE_BYTES);
    file.set(MAGIC);
    file.set(this.id, 16);
    const nonce = randomBytes(NONCE_BYTES);
    file.set(nonce, NONCE_AT);
    file.set(new AeadKey(sealingKey).seal(nonce, this.#key, file.subarray(0, NONCE_AT), file.subarray(TAG_AT, HASH_AT)), KEY_AT);
    file.set(sha256(file.subarray(0, HASH_AT)), HASH_AT);
    return file;
  }

  /** Throws StorageError. */
  static unwrap(file: Uint8Array, sealingKey: Uint8Array): LayerKeys {
    if (file.length !== FILE_BYTES || !equalBytes(file.subarray(0, 16), MAGIC) || !equalBytes(sha256(file.subarray(0, HASH_AT)), file.subarray(HASH_AT))) {
      throw new StorageError('layer-corrupt', 'the writable layer is damaged: its key file is not whole');
    }
    const key = new AeadKey(sealingKey).open(file.subarray(NONCE_AT, KEY_AT), file.subarray(KEY_AT, TAG_AT), file.subarray(0, NONCE_AT), file.subarray(TAG_AT, HASH_AT));
    if (key === undefined) throw new StorageError('layer-key-wrong', 'the writable layer was sealed on another machine, by another signer, for another instance, or under another debug flag');
    return new LayerKeys(file.slice(16, NONCE_AT), key);
  }

  wipe(): void {
    wipe(this.#key);
  }
}

/** Gives a layer that is not mounted to another sealing key. Throws StorageError, HostFileError. */
export function rewrapLayer(directory: HostDirectory, oldSealingKey: Uint8Array, newSealingKey: Uint8Array): void {
  const file = directory.load(KEY_FILE);
  if (file === undefined) throw new StorageError('layer-missing', 'there is no writable layer here');
  const keys = LayerKeys.unwrap(file, oldSealingKey);
  directory.replace(KEY_FILE, keys.wrap(newSealingKey));
  keys.wipe();
}
