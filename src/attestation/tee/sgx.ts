/**
 * Intel SGX below a library OS that offers `/dev/attestation` (Gramine: "Attestation and Secret Provisioning"): 64 bytes are
 * written to `user_report_data`, `quote` is read; sealing keys lie in `keys/`.
 */

import { equalBytes, toHex } from '../../base/bytes.ts';
import { HostFileError } from '../../base/host-files.ts';
import { hkdfSha256, KEY_BYTES, SHA384_BYTES } from '../../crypto/index.ts';
import { canonicalBytes } from '../canonical.ts';
import type { EnclaveIdentity } from '../measurement.ts';
import { checkReportData, type SealBinding, type Tee, type TeeEvidence } from '../tee.ts';
import { readQuote } from '../verifier/dcap/abi.ts';
import { FormatError } from '../verifier/reader.ts';
import { TeeError } from './errors.ts';
import { readText, type TeeFiles } from './files.ts';

export const SGX_ATTESTATION = '/dev/attestation';
const QUOTE_BYTES = 1 << 20;
/** Sealing keys of EGETKEY. */
const EGETKEY_BYTES = 16;
/** The pair of files is shared by everything in the process. */
const ATTEMPTS = 5;

/** `dcap`, `epid`, `none`; undefined where there is no such door. */
export function sgxAttestationType(files: TeeFiles): string | undefined {
  try {
    return readText(files, `${SGX_ATTESTATION}/attestation_type`);
  } catch (error) {
    if (error instanceof HostFileError) return undefined;
    throw error;
  }
}

export class SgxTee implements Tee {
  readonly type = 'sgx';
  readonly #files: TeeFiles;
  readonly #identity: EnclaveIdentity;

  constructor(files: TeeFiles, identity: EnclaveIdentity) {
    this.#files = files;
    this.#identity = identity;
  }

  measurements(): EnclaveIdentity {
    return this.#identity;
  }

  quote(reportData: Uint8Array): Uint8Array {
    checkReportData(reportData);
    for (let tries = 0; tries < ATTEMPTS; tries++) {
      const quote = this.#quoteOnce(reportData);
      if (quote !== undefined) return quote;
    }
    throw new TeeError('tee-busy', `${SGX_ATTESTATION}: somebody else keeps changing the report data`);
  }

  #quoteOnce(reportData: Uint8Array): Uint8Array | undefined {
    let quote: Uint8Array | undefined;
    try {
      this.#files.write(`${SGX_ATTESTATION}/user_report_data`, reportData);
      quote = this.#files.read(`${SGX_ATTESTATION}/quote`, QUOTE_BYTES);
    } catch (error) {
      if (!(error instanceof HostFileError)) throw error;
      throw new TeeError(error.code === 'ENOENT' ? 'tee-missing' : 'tee-answer', `no quote from ${SGX_ATTESTATION}: ${error.message}`);
    }
    if (quote === undefined) throw new TeeError('tee-missing', `there is no ${SGX_ATTESTATION}/quote: remote attestation is off`);
    try {
      const { body } = readQuote(quote);
      if (body.kind !== 'sgx') throw new TeeError('tee-answer', `${SGX_ATTESTATION}/quote is a quote of another kind`);
      return equalBytes(body.report.reportData, reportData) ? quote : undefined;
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      throw new TeeError('tee-answer', `${SGX_ATTESTATION}/quote is no DCAP quote: ${error.message}`);
    }
  }

  evidence(reportData: Uint8Array): TeeEvidence {
    return { quote: this.quote(reportData) };
  }

  /** The hardware's key is that of what carries this enclave; which enclave it is goes into the derivation. */
  sealingKey(binding: SealBinding, context: string): Uint8Array {
    const name = binding === 'signer' ? '_sgx_mrsigner' : '_sgx_mrenclave';
    let secret: Uint8Array | undefined;
    try {
      secret = this.#files.read(`${SGX_ATTESTATION}/keys/${name}`, EGETKEY_BYTES);
    } catch (error) {
      if (!(error instanceof HostFileError)) throw error;
    }
    // Keys that nobody has set read as nothing, or as zeros.
    if (secret?.length !== EGETKEY_BYTES || secret.every((byte) => byte === 0)) throw new TeeError('tee-sealing', `${SGX_ATTESTATION}/keys/${name} holds no sealing key`);
    const { measurement, signer, productId, debuggable } = this.#identity;
    const salt = canonicalBytes({ binding, to: toHex(binding === 'signer' ? signer : measurement), productId, debuggable });
    const key = hkdfSha256(secret, salt, `cloister sgx seal ${context}`, KEY_BYTES);
    secret.fill(0);
    return key;
  }

  /** There is no run-time register: report data binds the claims. */
  extend(digest: Uint8Array): void {
    if (digest.length !== SHA384_BYTES) throw new RangeError(`a register is extended by ${SHA384_BYTES} bytes, not ${digest.length}`);
  }
}
