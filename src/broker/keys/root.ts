/**
 * The root key, and what guards it while the broker is not running: the TEE's sealing key, shares that people hold, a
 * security module, or a KMS elsewhere. The database holds the root key only as its guard has wrapped it.
 */

import { concat } from '../../base/bytes.ts';
import { AeadKey, KEY_BYTES, NONCE_BYTES, randomBytes, TAG_BYTES, wipe } from '../../crypto/index.ts';
import { combineShares, encodeShare, type Share, splitSecret } from './shamir.ts';

export type GuardKind = 'tee' | 'shares' | 'pkcs11' | 'transit';

export interface RootGuard {
  readonly kind: GuardKind;
  wrap(root: Uint8Array): Promise<Uint8Array>;
  /** Throws RootKeyError. */
  unwrap(wrapped: Uint8Array): Promise<Uint8Array>;
}

export class RootKeyError extends Error {
  override readonly name = 'RootKeyError';
  readonly code = 'broker-root-key';
}

const LABEL = new TextEncoder().encode('cloister broker root key v1');

/** `nonce ‖ ciphertext ‖ tag`. The nonce is random: a key seals few messages. */
export function sealWith(key: Uint8Array, plaintext: Uint8Array, additional: Uint8Array): Uint8Array {
  const [nonce, tag] = [randomBytes(NONCE_BYTES), new Uint8Array(TAG_BYTES)];
  return concat([nonce, new AeadKey(key).seal(nonce, plaintext, additional, tag), tag]);
}

/** `undefined` for anything that was not sealed with this key for this purpose. */
export function openWith(key: Uint8Array, sealed: Uint8Array, additional: Uint8Array): Uint8Array | undefined {
  if (sealed.length < NONCE_BYTES + TAG_BYTES) return undefined;
  const end = sealed.length - TAG_BYTES;
  return new AeadKey(key).open(sealed.subarray(0, NONCE_BYTES), sealed.subarray(NONCE_BYTES, end), additional, sealed.subarray(end));
}

function openRoot(key: Uint8Array, wrapped: Uint8Array, otherwise: string): Uint8Array {
  const root = openWith(key, wrapped, LABEL);
  if (root === undefined || root.length !== KEY_BYTES) throw new RootKeyError(otherwise);
  return root;
}

/** Sealed to the environment that the broker runs in. */
export function teeGuard(sealingKey: Uint8Array): RootGuard {
  return {
    kind: 'tee',
    wrap: async (root) => sealWith(sealingKey, root, LABEL),
    unwrap: async (wrapped) => openRoot(sealingKey, wrapped, 'the root key was sealed to another machine or program'),
  };
}

export interface ShareOptions {
  readonly threshold: number;
  readonly count: number;
  /** Gets the shares when they are made, once; they are kept nowhere else. */
  readonly deliver: (shares: readonly string[]) => void;
}

/** Any M of N people start the broker together. */
export function sharesGuard(given: readonly Share[], options?: ShareOptions): RootGuard {
  return {
    kind: 'shares',
    async wrap(root) {
      if (options === undefined) throw new RootKeyError('how many shares there are to be is not said');
      const key = randomBytes(KEY_BYTES);
      options.deliver(splitSecret(key, options.threshold, options.count).map(encodeShare));
      const wrapped = sealWith(key, root, LABEL);
      wipe(key);
      return wrapped;
    },
    async unwrap(wrapped) {
      const key = combineShares(given);
      const root = openRoot(key, wrapped, 'these are not the shares of this broker, or one of them is wrong');
      wipe(key);
      return root;
    },
  };
}

/** A key that does not leave its hardware: authenticated encryption happens there. Both throw RootKeyError. */
export interface HsmKey {
  seal(plaintext: Uint8Array, additional: Uint8Array): Uint8Array;
  /** `undefined` for what was not sealed with this key for this purpose. */
  open(sealed: Uint8Array, additional: Uint8Array): Uint8Array | undefined;
}

export function pkcs11Guard(key: HsmKey): RootGuard {
  return {
    kind: 'pkcs11',
    wrap: async (root) => key.seal(root, LABEL),
    async unwrap(wrapped) {
      const root = key.open(wrapped, LABEL);
      if (root?.length !== KEY_BYTES) throw new RootKeyError('the root key was sealed by another key than that of the security module');
      return root;
    },
  };
}

export interface TransitOptions {
  /** As `https://vault.example:8200`. */
  readonly url: string;
  readonly mount: string;
  readonly key: string;
  readonly token: string;
  readonly timeoutMs: number;
}

/** A KMS that speaks the HTTP API of Vault's transit engine: `POST /v1/MOUNT/encrypt/KEY` and `…/decrypt/KEY`. */
export function transitGuard({ url, mount, key, token, timeoutMs }: TransitOptions, send: typeof fetch = fetch): RootGuard {
  async function call(operation: 'encrypt' | 'decrypt', field: 'plaintext' | 'ciphertext', value: string, wanted: string): Promise<string> {
    let answer: { data?: Readonly<Record<string, unknown>> };
    try {
      const response = await send(`${url.replace(/\/$/, '')}/v1/${mount}/${operation}/${encodeURIComponent(key)}`, {
        method: 'POST',
        headers: { 'X-Vault-Token': token, 'Content-Type': 'application/json' },
        body: JSON.stringify({ [field]: value }),
        signal: AbortSignal.timeout(timeoutMs),
        redirect: 'error',
      });
      if (!response.ok) throw new RootKeyError(`the KMS answered ${operation} with status ${response.status}`);
      answer = await response.json();
    } catch (error) {
      throw error instanceof RootKeyError ? error : new RootKeyError(`the KMS at ${url} does not answer: ${(error as Error).message}`);
    }
    const result = answer.data?.[wanted];
    if (typeof result !== 'string') throw new RootKeyError(`the KMS answered ${operation} without ${wanted}`);
    return result;
  }
  return {
    kind: 'transit',
    wrap: async (root) => new TextEncoder().encode(await call('encrypt', 'plaintext', root.toBase64(), 'ciphertext')),
    async unwrap(wrapped) {
      const root = Uint8Array.fromBase64(await call('decrypt', 'ciphertext', new TextDecoder().decode(wrapped), 'plaintext'));
      if (root.length !== KEY_BYTES) throw new RootKeyError('the KMS gave back something that is no root key');
      return root;
    },
  };
}
