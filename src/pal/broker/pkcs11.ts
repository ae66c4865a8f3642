/**
 * A key in a hardware security module, through the module's own library: PKCS #11 v2.40 over `node:ffi`. The key is an
 * AES key that does not leave the token; what is sealed is `nonce ‖ ciphertext ‖ tag` of CKM_AES_GCM.
 *
 * The token and key are named by a URI (RFC 7512). Called when a broker starts, not while it serves: calls block.
 */

import { readFileSync } from 'node:fs';
import { type HsmKey, RootKeyError } from '../../broker/index.ts';
import { concat } from '../../base/bytes.ts';
import { NONCE_BYTES, randomBytes, TAG_BYTES, wipe } from '../../crypto/index.ts';
import { loadFfi } from '../node/memory/libc.ts';

/** Where a key is: the attributes of a `pkcs11:` URI that are understood. */
export interface Pkcs11Uri {
  readonly token: string;
  readonly object: string;
  readonly modulePath: string;
  /** File with the PIN of the user; without it the PIN is in CLOISTER_PKCS11_PIN. */
  readonly pinFile?: string;
}

/** Attributes of the path and of the query (RFC 7512, 2.3 and 2.4). */
const ATTRIBUTES = ['token', 'object', 'module-path', 'pin-source'] as const;

/** Throws RootKeyError. An attribute that is not understood is refused: it might have told two keys apart. */
export function parsePkcs11Uri(text: string): Pkcs11Uri {
  const parts = /^pkcs11:([^?#]*)(?:\?([^#]*))?$/.exec(text);
  if (parts === null) throw new RootKeyError('the URI of the key does not begin with pkcs11:');
  const given = new Map<string, string>();
  for (const attribute of [...parts[1].split(';'), ...(parts[2] ?? '').split('&')].filter((each) => each !== '')) {
    const at = attribute.indexOf('=');
    const name = attribute.slice(0, Math.max(at, 0));
    if (name === 'pin-value') throw new RootKeyError('a PIN in the URI is seen by every user of the machine: use pin-source=FILE, or CLOISTER_PKCS11_PIN');
    if (!ATTRIBUTES.some((each) => each === name)) throw new RootKeyError(`"${attribute}" in the URI of the key is not understood: it takes ${ATTRIBUTES.join(', ')}`);
    if (given.has(name)) throw new RootKeyError(`the URI of the key gives ${name} twice`);
    given.set(name, percentDecode(attribute.slice(at + 1)));
  }
  const needed = (name: string): string => {
    const value = given.get(name);
    if (value === undefined || value === '') throw new RootKeyError(`the URI of the key lacks ${name}`);
    return value;
  };
  const pinFile = given.get('pin-source')?.replace(/^file:(\/\/)?/, '');
  return { token: needed('token'), object: needed('object'), modulePath: needed('module-path'), ...(pinFile !== undefined && { pinFile }) };
}

function percentDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new RootKeyError('the URI of the key has a bad percent escape');
  }
}

// biome-ignore format: a table
const CK = {
  SLOT: 'uint64', SESSION: 'uint64', OBJECT: 'uint64', FLAGS: 'uint64', USER: 'uint64', LENGTH: 'uint64', POINTER: 'uint64', RV: 'uint64',
} as const;

/** The calls that are used, as pkcs11f.h declares them. */
// biome-ignore format: a table
const FUNCTIONS = {
  C_Initialize:       { return: CK.RV, arguments: [CK.POINTER] },
  C_GetSlotList:      { return: CK.RV, arguments: ['uint8', CK.POINTER, CK.POINTER] },
  C_GetTokenInfo:     { return: CK.RV, arguments: [CK.SLOT, CK.POINTER] },
  C_OpenSession:      { return: CK.RV, arguments: [CK.SLOT, CK.FLAGS, CK.POINTER, CK.POINTER, CK.POINTER] },
  C_CloseSession:     { return: CK.RV, arguments: [CK.SESSION] },
  C_Login:            { return: CK.RV, arguments: [CK.SESSION, CK.USER, CK.POINTER, CK.LENGTH] },
  C_FindObjectsInit:  { return: CK.RV, arguments: [CK.SESSION, CK.POINTER, CK.LENGTH] },
  C_FindObjects:      { return: CK.RV, arguments: [CK.SESSION, CK.POINTER, CK.LENGTH, CK.POINTER] },
  C_FindObjectsFinal: { return: CK.RV, arguments: [CK.SESSION] },
  C_EncryptInit:      { return: CK.RV, arguments: [CK.SESSION, CK.POINTER, CK.OBJECT] },
  C_Encrypt:          { return: CK.RV, arguments: [CK.SESSION, CK.POINTER, CK.LENGTH, CK.POINTER, CK.POINTER] },
  C_DecryptInit:      { return: CK.RV, arguments: [CK.SESSION, CK.POINTER, CK.OBJECT] },
  C_Decrypt:          { return: CK.RV, arguments: [CK.SESSION, CK.POINTER, CK.LENGTH, CK.POINTER, CK.POINTER] },
} as const;

const CKF_SERIAL_SESSION = 4n,
  CKU_USER = 1n,
  CKM_AES_GCM = 0x1087n,
  CKO_SECRET_KEY = 4n,
  CKK_AES = 0x1fn;
const CKA_CLASS = 0n,
  CKA_LABEL = 3n,
  CKA_KEY_TYPE = 0x100n;
const CKR_OK = 0n,
  CKR_ENCRYPTED_DATA_INVALID = 0x40n,
  CKR_ENCRYPTED_DATA_LEN_RANGE = 0x41n,
  CKR_GENERAL_ERROR = 5n,
  CKR_USER_ALREADY_LOGGED_IN = 0x100n,
  CKR_CRYPTOKI_ALREADY_INITIALIZED = 0x191n;
/** What damaged data makes modules answer: those of some makers have no better word than a general error. */
const DAMAGED: readonly bigint[] = [CKR_ENCRYPTED_DATA_INVALID, CKR_ENCRYPTED_DATA_LEN_RANGE, CKR_GENERAL_ERROR];

/** Return values that a person can do something about (pkcs11t.h). */
// biome-ignore format: a table
const REASONS: Readonly<Record<number, string>> = {
  0x05: 'general error', 0x31: 'the device has no memory left', 0x32: 'the device was removed', 0x30: 'the device failed', 0x54: 'it does not offer this function',
  0x63: 'the key is of another type', 0x68: 'the key may not be used for this', 0x70: 'it does not offer AES-GCM', 0xa0: 'the PIN is wrong',
  0xa2: 'the PIN has a wrong length', 0xa3: 'the PIN has expired', 0xa4: 'the PIN is locked', 0xe0: 'the token is not present', 0x102: 'the PIN of the user was never set',
};

/** The label of a token in CK_TOKEN_INFO: 32 bytes, filled with blanks. */
const TOKEN_INFO_BYTES = 208,
  LABEL_BYTES = 32;
const ARENA_BYTES = 1 << 14;
const MOST_SLOTS = 256;

/** Memory that the module reads and writes; whoever has called wipes it. */
class Arena {
  readonly #bytes = new Uint8Array(new ArrayBuffer(ARENA_BYTES));
  readonly #words = new DataView(this.#bytes.buffer);
  readonly #base: bigint;
  #used = 0;

  constructor(addressOf: (buffer: ArrayBuffer) => bigint) {
    this.#base = addressOf(this.#bytes.buffer);
  }

  #take(length: number): number {
    const at = this.#used;
    this.#used += (length + 15) & ~15;
    if (this.#used > ARENA_BYTES) throw new RootKeyError('what the security module is asked for is too large');
    return at;
  }

  space(length: number): bigint {
    return this.#base + BigInt(this.#take(length));
  }

  put(bytes: Uint8Array): bigint {
    const at = this.#take(bytes.length);
    this.#bytes.set(bytes, at);
    return this.#base + BigInt(at);
  }

  /** CK_ULONGs and pointers, one after the other. */
  putWords(words: readonly bigint[]): bigint {
    const at = this.#take(words.length * 8);
    words.forEach((word, index) => this.#words.setBigUint64(at + index * 8, word, true));
    return this.#base + BigInt(at);
  }

  word(address: bigint): bigint {
    return this.#words.getBigUint64(Number(address - this.#base), true);
  }

  /** A copy. */
  bytes(address: bigint, length: number): Uint8Array {
    const at = Number(address - this.#base);
    return this.#bytes.slice(at, at + length);
  }

  wipe(): void {
    wipe(this.#bytes);
    this.#used = 0;
  }
}

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

/** The user's PIN, which no command line holds. */
function pinOf({ pinFile }: Pkcs11Uri): Uint8Array {
  if (pinFile !== undefined) {
    try {
      return text(readFileSync(pinFile, 'utf8').replace(/\r?\n$/, ''));
    } catch (error) {
      throw new RootKeyError(`the PIN cannot be read from ${pinFile}: ${(error as NodeJS.ErrnoException).code}`);
    }
  }
  const pin = process.env.CLOISTER_PKCS11_PIN;
  if (pin === undefined) throw new RootKeyError('no PIN: set CLOISTER_PKCS11_PIN, or add pin-source=FILE to the URI of the key');
  return text(pin);
}

type Module = ReturnType<typeof load>;

function load(path: string) {
  const ffi = loadFfi();
  if (ffi === undefined) throw new RootKeyError('security modules need node:ffi, which is off here (--no-experimental-ffi)');
  try {
    return { functions: ffi.dlopen(path, FUNCTIONS).functions, arena: new Arena((buffer) => ffi.getRawPointer(buffer)) };
  } catch (error) {
    throw new RootKeyError(`${path} is no PKCS #11 module whose functions can be called by name: ${(error as Error).message}`);
  }
}

function check(what: string, result: bigint, ...fine: readonly bigint[]): void {
  if (result === CKR_OK || fine.includes(result)) return;
  throw new RootKeyError(`the security module refuses ${what}: ${REASONS[Number(result)] ?? 'PKCS #11 error'} (0x${result.toString(16)})`);
}

function slotOf({ functions: c, arena }: Module, token: string): bigint {
  const count = arena.putWords([BigInt(MOST_SLOTS)]);
  const list = arena.space(MOST_SLOTS * 8);
  check('to list its tokens', c.C_GetSlotList(1, list, count));
  const info = arena.space(TOKEN_INFO_BYTES);
  const slots = Array.from({ length: Number(arena.word(count)) }, (_, index) => arena.word(list + BigInt(index * 8)));
  const found = slots.filter((slot) => c.C_GetTokenInfo(slot, info) === CKR_OK && new TextDecoder().decode(arena.bytes(info, LABEL_BYTES)).trimEnd() === token);
  if (found.length !== 1) throw new RootKeyError(`the security module has ${found.length === 0 ? 'no token' : 'several tokens'} called "${token}"`);
  return found[0];
}

function keyIn({ functions: c, arena }: Module, session: bigint, label: string): bigint {
  const [name, kind, type] = [text(label), arena.putWords([CKO_SECRET_KEY]), arena.putWords([CKK_AES])];
  // CK_ATTRIBUTE: type, pointer, length.
  const template = arena.putWords([CKA_CLASS, kind, 8n, CKA_KEY_TYPE, type, 8n, CKA_LABEL, arena.put(name), BigInt(name.length)]);
  const [found, count] = [arena.space(16), arena.putWords([0n])];
  check('to look for the key', c.C_FindObjectsInit(session, template, 3n));
  check('to look for the key', c.C_FindObjects(session, found, 2n, count));
  check('to look for the key', c.C_FindObjectsFinal(session));
  const keys = arena.word(count);
  if (keys !== 1n) throw new RootKeyError(`the token has ${keys === 0n ? 'no AES key' : 'several AES keys'} called "${label}"`);
  return arena.word(found);
}

/** The key that `uri` names. Each use logs in, and out again. */
export function openPkcs11(uri: Pkcs11Uri): HsmKey {
  const module = load(uri.modulePath);
  const { functions: c, arena } = module;
  check('to begin', c.C_Initialize(0n), CKR_CRYPTOKI_ALREADY_INITIALIZED);

  /** A session of the user in which the key was found. */
  function within<T>(use: (session: bigint, key: bigint) => T): T {
    const pin = pinOf(uri);
    try {
      const handle = arena.space(8);
      check('a session', c.C_OpenSession(slotOf(module, uri.token), CKF_SERIAL_SESSION, 0n, 0n, handle));
      const session = arena.word(handle);
      try {
        check('the log-in', c.C_Login(session, CKU_USER, arena.put(pin), BigInt(pin.length)), CKR_USER_ALREADY_LOGGED_IN);
        return use(session, keyIn(module, session, uri.object));
      } finally {
        // With the last session of a token, its log-in ends.
        c.C_CloseSession(session);
      }
    } finally {
      arena.wipe();
      wipe(pin);
    }
  }

  /** CK_MECHANISM with CK_GCM_PARAMS: IV, its bytes and bits, additional data, bits of the tag. */
  function gcm(iv: bigint, additional: Uint8Array): bigint {
    const parameters = arena.putWords([iv, BigInt(NONCE_BYTES), BigInt(NONCE_BYTES * 8), arena.put(additional), BigInt(additional.length), BigInt(TAG_BYTES * 8)]);
    return arena.putWords([CKM_AES_GCM, parameters, 48n]);
  }

  return {
    seal: (plaintext, additional) =>
      within((session, key) => {
        const iv = arena.put(randomBytes(NONCE_BYTES));
        check('to encrypt', c.C_EncryptInit(session, gcm(iv, additional), key));
        const most = plaintext.length + TAG_BYTES;
        const [sealed, length] = [arena.space(most), arena.putWords([BigInt(most)])];
        check('to encrypt', c.C_Encrypt(session, arena.put(plaintext), BigInt(plaintext.length), sealed, length));
        // Some modules choose the nonce themselves, and say so where they were given one.
        return concat([arena.bytes(iv, NONCE_BYTES), arena.bytes(sealed, Number(arena.word(length)))]);
      }),
    open: (sealed, additional) =>
      within((session, key) => {
        if (sealed.length < NONCE_BYTES + TAG_BYTES) return undefined;
        const body = sealed.subarray(NONCE_BYTES);
        check('to decrypt', c.C_DecryptInit(session, gcm(arena.put(sealed.subarray(0, NONCE_BYTES)), additional), key));
        const [opened, length] = [arena.space(body.length), arena.putWords([BigInt(body.length)])];
        const result = c.C_Decrypt(session, arena.put(body), BigInt(body.length), opened, length);
        if (DAMAGED.includes(result)) return undefined;
        check('to decrypt', result);
        return arena.bytes(opened, Number(arena.word(length)));
      }),
  };
}
