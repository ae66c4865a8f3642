/**
 * A trusted execution environment, as Cloister needs one. The same code runs over every back end; `sim` differs in
 * who signs the quote and in that it protects nothing.
 */

import type { EnclaveIdentity } from './measurement.ts';
import type { TeeType } from './tee-type.ts';

export type { TeeType } from './tee-type.ts';

/** What a sealing key is bound to: any build of the same signer and product, or this very build. */
export type SealBinding = 'signer' | 'measurement';

export const REPORT_DATA_BYTES = 64;

/** What a TEE gives besides the quote, for verifiers that would have to fetch it otherwise. */
export interface TeeEvidence {
  /** Quote (SGX, TDX, sim) or report (SEV-SNP). */
  readonly quote: Uint8Array;
  /** Certificates of SEV-SNP: the table of the GHCB specification, as the kernel gives it. */
  readonly certificateTable?: Uint8Array;
  /** TCG event log (CCEL) of TDX. */
  readonly eventLog?: Uint8Array;
}

export interface Tee {
  readonly type: TeeType;
  /** To be shown to the user, loudly, where the environment does not protect. */
  readonly warning?: string;
  measurements(): EnclaveIdentity;
  /** A quote over exactly 64 bytes of report data (RangeError otherwise). Throws TeeError. */
  quote(reportData: Uint8Array): Uint8Array;
  /** The quote with what goes with it. Throws RangeError, TeeError. */
  evidence(reportData: Uint8Array): TeeEvidence;
  /** 32 bytes; the same for the same machine, binding and context (an instance's id, a purpose). Throws TeeError where the environment has no such keys. */
  sealingKey(binding: SealBinding, context: string): Uint8Array;
  /** Adds an event to the run-time register, where there is one: register = SHA-384(register ‖ digest). Throws RangeError, TeeError. */
  extend(digest: Uint8Array): void;
  /** A counter that the host cannot turn back, where the environment has one. */
  readonly counter?: { read(): number; advanceTo(value: number): void };
}

/** Throws RangeError: nothing is padded or cut. */
export function checkReportData(reportData: Uint8Array): void {
  if (reportData.length !== REPORT_DATA_BYTES) throw new RangeError(`report data has ${REPORT_DATA_BYTES} bytes, not ${reportData.length}`);
}
