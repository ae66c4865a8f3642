/**
 * How the blocks of an image are encrypted so that the same tree and key give the same bytes.
 *
 * salt = HMAC(image key, hash of all plaintext); block key = HKDF(image key, salt); nonce = block number. A nonce
 * repeats under a block key only for the same block of the same plaintext, which yields the same ciphertext and
 * tells nobody anything. (The writer makes sure of "the same plaintext": it hashes again what it encrypts.)
 */

import { equalSecret } from '../../base/bytes.ts';
import { AeadKey, KEY_BYTES, NONCE_BYTES, hkdfSha256, hmacSha256, wipe } from '../../crypto/index.ts';
import { KEY_CHECK_BYTES } from '../0-block/image-file.ts';

export class ImageCipher {
  readonly salt: Uint8Array;
  readonly keyCheck: Uint8Array;
  readonly #key: AeadKey;
  readonly #nonce = new Uint8Array(NONCE_BYTES);
  readonly #nonceView = new DataView(this.#nonce.buffer);

  constructor(imageKey: Uint8Array, salt: Uint8Array) {
    this.salt = salt;
    this.keyCheck = hkdfSha256(imageKey, salt, 'cloister image key check', KEY_CHECK_BYTES);
    const bytes = hkdfSha256(imageKey, salt, 'cloister image blocks', KEY_BYTES);
    this.#key = new AeadKey(bytes);
    wipe(bytes);
  }

  static forContent(imageKey: Uint8Array, plaintextHash: Uint8Array): ImageCipher {
    return new ImageCipher(imageKey, hmacSha256(imageKey, plaintextHash));
  }

  /** False for a key that is not the one the image was written with. */
  matches(keyCheck: Uint8Array): boolean {
    return equalSecret(this.keyCheck, keyCheck);
  }

  seal(block: number, plaintext: Uint8Array, tag: Uint8Array): Uint8Array {
    this.#nonceView.setUint32(0, block, true);
    return this.#key.seal(this.#nonce, plaintext, undefined, tag);
  }

  open(block: number, ciphertext: Uint8Array, tag: Uint8Array): Uint8Array | undefined {
    this.#nonceView.setUint32(0, block, true);
    return this.#key.open(this.#nonce, ciphertext, undefined, tag);
  }
}
