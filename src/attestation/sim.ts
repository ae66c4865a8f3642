/**
 * The simulated TEE: a P-256 key and a sealing secret in a directory of the user. It runs the same path as a real one
 * and protects nothing: whoever reads that directory can forge its quotes and unseal its data.
 *
 * A quote is `u32 length ‖ canonical JSON body ‖ P-256 signature (64 bytes)`, little-endian.
 */

import { concat, fromHex, toHex } from '../base/bytes.ts';
import type { HostDirectory } from '../base/host-files.ts';
import { hkdfSha256, KEY_BYTES, PrivateKey, type PublicKey, randomBytes, SHA384_BYTES, sha384 } from '../crypto/index.ts';
import { canonicalBytes } from './canonical.ts';
import type { EnclaveIdentity } from './measurement.ts';
import { checkReportData, type SealBinding, type Tee, type TeeEvidence } from './tee.ts';

export const SIM_WARNING = 'SIMULATED enclave: nothing is protected from this machine. Whoever controls it can read everything and forge its quotes.';

const ATTESTATION_KEY = 'sim-attestation-key.pem';
const SEALING_SECRET = 'sim-sealing-secret';
const DOMAIN = new TextEncoder().encode('cloister sim quote v1\0');
const text = new TextDecoder();
const utf8 = new TextEncoder();

export class SimTee implements Tee {
  readonly type = 'sim';
  readonly warning = SIM_WARNING;
  readonly #identity: EnclaveIdentity;
  readonly #key: PrivateKey;
  readonly #secret: Uint8Array;
  #register: Uint8Array = new Uint8Array(SHA384_BYTES);

  /** `state` holds the simulated machine's keys; they are made at first use. Throws KeyError, HostFileError. */
  constructor(state: HostDirectory, identity: EnclaveIdentity) {
    this.#identity = identity;
    let pem = state.load(ATTESTATION_KEY);
    if (pem === undefined) {
      pem = utf8.encode(PrivateKey.generate('ES256').pem());
      state.replace(ATTESTATION_KEY, pem);
    }
    this.#key = PrivateKey.fromPem(text.decode(pem));
    let secret = state.load(SEALING_SECRET);
    if (secret === undefined) {
      secret = utf8.encode(`${toHex(randomBytes(KEY_BYTES))}\n`);
      state.replace(SEALING_SECRET, secret);
    }
    this.#secret = fromHex(text.decode(secret).trim());
    if (this.#secret.length !== KEY_BYTES) throw new RangeError(`${SEALING_SECRET} is damaged`);
  }

  get attestationKey(): PublicKey {
    return this.#key.publicKey;
  }

  measurements(): EnclaveIdentity {
    return this.#identity;
  }

  quote(reportData: Uint8Array): Uint8Array {
    checkReportData(reportData);
    const { measurement, signer, productId, securityVersion, debuggable } = this.#identity;
    const body = canonicalBytes({
      type: 'sim',
      measurement: toHex(measurement),
      signer: toHex(signer),
      productId,
      securityVersion,
      debuggable,
      register: toHex(this.#register),
      reportData: toHex(reportData),
    });
    const length = new Uint8Array(4);
    new DataView(length.buffer).setUint32(0, body.length, true);
    return concat([length, body, this.#key.sign(concat([DOMAIN, body]))]);
  }

  evidence(reportData: Uint8Array): TeeEvidence {
    return { quote: this.quote(reportData) };
  }

  /** As on SGX, a debuggable build gets other keys than one that is not. */
  sealingKey(binding: SealBinding, context: string): Uint8Array {
    const { measurement, signer, productId, debuggable } = this.#identity;
    const salt = canonicalBytes({ binding, to: toHex(binding === 'signer' ? signer : measurement), productId, debuggable });
    return hkdfSha256(this.#secret, salt, `cloister sim seal ${context}`, KEY_BYTES);
  }

  extend(digest: Uint8Array): void {
    if (digest.length !== SHA384_BYTES) throw new RangeError(`a register is extended by ${SHA384_BYTES} bytes, not ${digest.length}`);
    this.#register = sha384(concat([this.#register, digest]));
  }
}

export interface SimQuote {
  readonly identity: EnclaveIdentity;
  readonly register: Uint8Array;
  readonly reportData: Uint8Array;
}

/** `undefined` for anything that this key did not sign. The caller judges the identity and the report data. */
export function openSimQuote(quote: Uint8Array, key: PublicKey): SimQuote | undefined {
  if (quote.length < 4 + 64) return undefined;
  const length = new DataView(quote.buffer, quote.byteOffset, quote.byteLength).getUint32(0, true);
  if (quote.length !== 4 + length + 64) return undefined;
  const body = quote.subarray(4, 4 + length);
  if (!key.verify(concat([DOMAIN, body]), quote.subarray(4 + length))) return undefined;
  const { measurement, signer, productId, securityVersion, debuggable, register, reportData } = JSON.parse(text.decode(body));
  return { identity: { measurement: fromHex(measurement), signer: fromHex(signer), productId, securityVersion, debuggable }, register: fromHex(register), reportData: fromHex(reportData) };
}
