/**
 * What an enclave says about itself beside evidence. On SGX, TDX and SEV-SNP the hardware measures what carries the enclave
 * (a loader, a virtual machine) and not the enclave; the *statement* says which enclave it is, and the evidence binds it:
 *
 *     runtime data = canonical JSON (RFC 8785) of one object
 *     REPORT_DATA  = SHA-384(runtime data) ‖ 16 zero bytes
 *
 * as clients of the KBS protocol do. What an object is about is told by its members, so that none passes for another:
 *
 *     {cloister, purpose: "evidence", nonce, channel?}     for whoever asks, over their nonce; `channel` ties it to a connection
 *     {cloister, purpose: "guest", data}                   for a program inside, over 64 bytes of its choice
 *     {cloister, nonce, "tee-pubkey", …}                   for a broker (KBS protocol); has no `purpose`
 *     {broker, purpose: "evidence", nonce, channel?}       by a broker, for whoever asks
 *
 * `cloister` has the claims of an enclave. A broker is none: nobody has measured an image or a configuration of it, so it has
 * other claims, below another name. Nothing here uses a Node API: verifiers read statements with it.
 */

import { toHex } from '../base/bytes.ts';
import { type Canonical, canonicalBytes, canonicalJson } from './canonical.ts';

/** An enclave's claims, as they are stated: hexadecimal SHA-384 of 48 bytes, and numbers below 65536. */
export interface StatedClaims {
  readonly measurement: string;
  readonly signer: string;
  readonly productId: number;
  readonly securityVersion: number;
  readonly debuggable: boolean;
  readonly imageKind: 'integrity' | 'encrypted';
}

/** What a broker that runs in a TEE states: which broker it is. Its program is what the hardware has measured. */
export interface BrokerClaims {
  /** SHA-256 of the public key that it signs its audit log with (SubjectPublicKeyInfo), hexadecimal: who has it has opened the broker's database. */
  readonly key: string;
}

/** What is stated, by the name of who states it. */
export type Stated = { readonly cloister: StatedClaims } | { readonly broker: BrokerClaims };

export type ImageKind = StatedClaims['imageKind'];

/** A TLS connection: SHA-256 of its server's SubjectPublicKeyInfo, and what both ends export from it (RFC 5705). Hexadecimal, 32 bytes each. */
export interface Channel {
  readonly key: string;
  readonly binding: string;
}

/** Bytes that a program may have attested. */
export const GUEST_DATA_BYTES = 64;
/** Of a nonce. */
export const NONCE_BYTES = { min: 8, max: 64 } as const;

/** As `EnclaveIdentity` of `measurement.ts`, which is not for browsers. */
interface Identity {
  readonly measurement: Uint8Array;
  readonly signer: Uint8Array;
  readonly productId: number;
  readonly securityVersion: number;
  readonly debuggable: boolean;
}

export const statedClaims = ({ measurement, signer, productId, securityVersion, debuggable }: Identity, imageKind: ImageKind): StatedClaims => ({
  measurement: toHex(measurement),
  signer: toHex(signer),
  productId,
  securityVersion,
  debuggable,
  imageKind,
});

const isHex = (value: unknown, bytes: number): value is string => typeof value === 'string' && value.length === bytes * 2 && /^[0-9a-f]*$/.test(value);
const isU16 = (value: unknown): boolean => Number.isInteger(value) && (value as number) >= 0 && (value as number) < 65536;

/** Hexadecimal of 8 to 64 bytes, as it was given. */
export const isNonce = (value: unknown): value is string => typeof value === 'string' && /^(?:[0-9a-fA-F]{2}){8,64}$/.test(value);

const memberOf = (stated: Stated): { readonly [name: string]: { readonly [claim: string]: Canonical } } => ('broker' in stated ? { broker: { ...stated.broker } } : { cloister: { ...stated.cloister } });

/** Throws RangeError for a nonce that is none: nothing is padded or cut. */
export function evidenceStatement(stated: Stated, nonce: string, channel?: Channel): Uint8Array {
  if (!isNonce(nonce)) throw new RangeError(`a nonce has ${NONCE_BYTES.min} to ${NONCE_BYTES.max} bytes, in hexadecimal`);
  return canonicalBytes({ ...memberOf(stated), purpose: 'evidence', nonce, ...(channel !== undefined && { channel: { key: channel.key, binding: channel.binding } }) });
}

/** Throws RangeError unless there are exactly 64 bytes. */
export function guestStatement(cloister: StatedClaims, data: Uint8Array): Uint8Array {
  if (data.length !== GUEST_DATA_BYTES) throw new RangeError(`a program may have ${GUEST_DATA_BYTES} bytes attested, not ${data.length}`);
  return canonicalBytes({ cloister: { ...cloister }, purpose: 'guest', data: toHex(data) });
}

/** The claims alone: what certificates carry, and what run-time registers are extended by. */
export const claimsBytes = (claims: StatedClaims | BrokerClaims): Uint8Array => canonicalBytes({ ...claims });

export interface Statement {
  /** Of an enclave: this, or `broker`. */
  readonly cloister?: StatedClaims;
  readonly broker?: BrokerClaims;
  /** Absent in what a broker gets. */
  readonly purpose?: 'evidence' | 'guest';
  readonly nonce?: string;
  readonly channel?: Channel;
  /** Of a guest: 64 bytes, hexadecimal. */
  readonly data?: string;
}

/** The bytes name `cloister` or `broker`, and are not what an enclave or a broker states. */
export class StatementError extends Error {
  override readonly name = 'StatementError';
}

const CLAIMS = 6;

/** The claims in a value of JSON; throws StatementError for anything but exactly these members. */
export function readStatedClaims(value: unknown): StatedClaims {
  const claims = value as StatedClaims | null;
  const whole =
    typeof claims === 'object' &&
    claims !== null &&
    isHex(claims.measurement, 48) &&
    isHex(claims.signer, 48) &&
    isU16(claims.productId) &&
    isU16(claims.securityVersion) &&
    typeof claims.debuggable === 'boolean' &&
    (claims.imageKind === 'integrity' || claims.imageKind === 'encrypted') &&
    Object.keys(claims).length === CLAIMS;
  if (!whole) throw new StatementError('the claims of the enclave are damaged');
  return claims;
}

/** The same for a broker's. */
export function readBrokerClaims(value: unknown): BrokerClaims {
  const claims = value as BrokerClaims | null;
  if (typeof claims !== 'object' || claims === null || !isHex(claims.key, 32) || Object.keys(claims).length !== 1) throw new StatementError('the claims of the broker are damaged');
  return claims;
}

function parseCanonical(bytes: Uint8Array): unknown {
  const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  const value: unknown = JSON.parse(text);
  if (canonicalJson(value as Canonical) !== text) throw new StatementError('the statement of the enclave is not canonical JSON');
  return value;
}

function parseClaims<T>(bytes: Uint8Array, read: (value: unknown) => T): T {
  try {
    return read(parseCanonical(bytes));
  } catch (error) {
    throw error instanceof StatementError ? error : new StatementError('the claims that are stated are not canonical JSON');
  }
}

/** From bytes of `claimsBytes`. Throws StatementError. */
export const parseStatedClaims = (bytes: Uint8Array): StatedClaims => parseClaims(bytes, readStatedClaims);
/** The same for a broker's. */
export const parseBrokerClaims = (bytes: Uint8Array): BrokerClaims => parseClaims(bytes, readBrokerClaims);

/**
 * The statement in runtime data; undefined where it is about something else. To be believed only after the evidence was
 * found to bind these very bytes. Throws StatementError.
 */
export function parseStatement(runtimeData: Uint8Array): Statement | undefined {
  let value: Readonly<Record<string, unknown>>;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(runtimeData));
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  // Others may use this word: without our purpose it is not about us.
  const byBroker = Object.hasOwn(value, 'broker') && value.purpose === 'evidence';
  if (!byBroker && !Object.hasOwn(value, 'cloister')) return undefined;
  try {
    parseCanonical(runtimeData);
  } catch (error) {
    throw error instanceof StatementError ? error : new StatementError('the statement of the enclave is not canonical JSON');
  }
  if (byBroker) return { broker: readBrokerClaims(value.broker), purpose: 'evidence', ...overNonce(value, 'broker') };
  const cloister = readStatedClaims(value.cloister);
  const { purpose, nonce, data } = value;
  const members = Object.keys(value).sort().join(' ');
  if (purpose === 'guest') {
    if (members !== 'cloister data purpose' || !isHex(data, GUEST_DATA_BYTES)) throw new StatementError("the statement is not one of a program's data");
    return { cloister, purpose, data };
  }
  if (purpose === 'evidence') {
    return { cloister, purpose, ...overNonce(value, 'cloister') };
  }
  if (purpose !== undefined) throw new StatementError('a statement of an unknown purpose');
  return { cloister, ...(typeof nonce === 'string' && { nonce }) };
}

/** Nonce and channel of a statement over a nonce that has these members, the one that is named, and no others. */
function overNonce(value: Readonly<Record<string, unknown>>, name: 'broker' | 'cloister'): { readonly nonce: string; readonly channel?: Channel } {
  const { nonce } = value;
  const channel = value.channel as Channel | undefined;
  const members = Object.keys(value).sort().join(' ');
  const wanted = [name, ...(channel === undefined ? [] : ['channel']), 'nonce', 'purpose'].sort().join(' ');
  const whole = isNonce(nonce) && members === wanted && (channel === undefined || (isHex(channel?.key, 32) && isHex(channel?.binding, 32) && Object.keys(channel).length === 2));
  if (!whole) throw new StatementError('the statement is not one over a nonce');
  return { nonce, ...(channel !== undefined && { channel }) };
}
