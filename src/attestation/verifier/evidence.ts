/** Evidence as the verifier takes it, whatever form it came in. */

import type { TeeType } from '../tee-type.ts';
import type { Certificate } from './x509/certificate.ts';
import type { HashName } from './x509/subtle.ts';

/** A TPM 2.0 quote (TPMS_ATTEST) with the registers that it covers. */
export interface TpmQuote {
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
  /** SHA-256 bank, in order from PCR 0. */
  readonly pcrs: readonly Uint8Array[];
}

/** Azure's confidential VMs: the hardware report lies in the TPM, and vouches for the TPM's attestation key. */
export interface VtpmEvidence {
  readonly hclReport: Uint8Array;
  readonly quote?: TpmQuote;
}

/** How a certificate carries evidence. */
export interface CarrierCertificate {
  readonly certificate: Certificate;
  readonly form: 'dice' | 'gramine' | 'sgx-sdk' | 'open-enclave';
  /** Of the interoperable form: the claims, as the bytes that the report data hashes. */
  readonly claims?: Uint8Array;
}

/** What an envelope says that the report data (or the nonce of a TPM quote, where there is one) are made of. */
export type BoundData =
  /** Its hash: of one of the forms that it may have been hashed in, by `hash` or any that is usual. */
  | { readonly name: string; readonly forms: readonly Uint8Array[]; readonly hash?: HashName }
  /** Itself, filled up with zeros. */
  | { readonly name: string; readonly itself: Uint8Array };

export interface Evidence {
  readonly tee: TeeType;
  /** Quote (SGX, TDX, sim) or report (SEV-SNP). */
  readonly quote: Uint8Array;
  /** Certificates that came with it. */
  readonly certificates: readonly Certificate[];
  /** TCG event log (CCEL), to be replayed to the registers of the quote. */
  readonly eventLog?: Uint8Array;
  /** The attestation agent's log of what it measured into RTMR3. */
  readonly agentLog?: string;
  readonly vtpm?: VtpmEvidence;
  readonly carrier?: CarrierCertificate;
  /** What the report data is the hash of, where the evidence brings it. */
  readonly runtimeData?: Uint8Array;
  /** The same, of the envelopes of others. */
  readonly bound?: readonly BoundData[];
  /** Parts that came with it and that nobody judges here. */
  readonly unjudged?: readonly string[];
  /** What the form was recognised as, for people. */
  readonly form: string;
}
