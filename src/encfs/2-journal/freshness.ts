/**
 * The freshness record: which state of the layer is the newest. It is kept apart from the layer, so that a layer (or
 * a record) that is swapped with an older one alone is noticed. Both swapped together are not, unless the TEE or
 * the broker offers a counter.
 *
 *     12 nonce, 16 tag, then sealed: 16 layer id, f64 sequence, f64 generation, 16 tag of the last frame,
 *     f64 journal bytes, u32 slots, u8 clean
 */

import { equalBytes } from '../../base/bytes.ts';
import type { HostDirectory } from '../../base/host-files.ts';
import { type AeadKey, NONCE_BYTES, TAG_BYTES } from '../../crypto/index.ts';
import { LAYER_ID_BYTES, type LayerKeys } from '../1-crypto/layer-keys.ts';
import { NoncePool } from '../1-crypto/keys.ts';
import { StorageError } from '../errors.ts';

export const FRESHNESS_FILE = 'layer-freshness';

export interface Freshness {
  readonly sequence: number;
  readonly generation: number;
  readonly tag: Uint8Array;
  readonly journalBytes: number;
  readonly slots: number;
  /** The layer was closed: nothing was written after this record. */
  readonly clean: boolean;
}

const BODY = LAYER_ID_BYTES + 8 + 8 + TAG_BYTES + 8 + 4 + 1;
const SEALED_AT = NONCE_BYTES + TAG_BYTES;

export class FreshnessFile {
  readonly #directory: HostDirectory;
  readonly #key: AeadKey;
  readonly #id: Uint8Array;
  readonly #nonces = new NoncePool();

  constructor(directory: HostDirectory, keys: LayerKeys) {
    this.#directory = directory;
    this.#key = keys.derive('freshness');
    this.#id = keys.id;
  }

  /** `undefined` where there is none. Throws StorageError. */
  load(): Freshness | undefined {
    const file = this.#directory.load(FRESHNESS_FILE);
    if (file === undefined) return undefined;
    const body = file.length === SEALED_AT + BODY ? this.#key.open(file.subarray(0, NONCE_BYTES), file.subarray(SEALED_AT), undefined, file.subarray(NONCE_BYTES, SEALED_AT)) : undefined;
    if (body === undefined || !equalBytes(body.subarray(0, LAYER_ID_BYTES), this.#id)) {
      throw new StorageError('layer-corrupt', `the freshness record of the writable layer (${FRESHNESS_FILE}) is damaged or belongs to another layer`);
    }
    const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
    return {
      sequence: view.getFloat64(16, true),
      generation: view.getFloat64(24, true),
      tag: body.slice(32, 32 + TAG_BYTES),
      journalBytes: view.getFloat64(48, true),
      slots: view.getUint32(56, true),
      clean: body[60] === 1,
    };
  }

  store(freshness: Freshness): void {
    const body = new Uint8Array(BODY);
    const view = new DataView(body.buffer);
    body.set(this.#id);
    view.setFloat64(16, freshness.sequence, true);
    view.setFloat64(24, freshness.generation, true);
    body.set(freshness.tag, 32);
    view.setFloat64(48, freshness.journalBytes, true);
    view.setUint32(56, freshness.slots, true);
    body[60] = freshness.clean ? 1 : 0;
    const file = new Uint8Array(SEALED_AT + BODY);
    const nonce = this.#nonces.next();
    file.set(nonce);
    file.set(this.#key.seal(nonce, body, undefined, file.subarray(NONCE_BYTES, SEALED_AT)), SEALED_AT);
    this.#directory.replace(FRESHNESS_FILE, file);
  }
}
