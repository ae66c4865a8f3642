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

export interface Tee {
  readonly type: TeeType;
  /** To be shown to the user, loudly, where the environment does not protect. */
  readonly warning?: string;
  measurements(): EnclaveIdentity;
  /** Evidence over exactly 64 bytes of report data (RangeError otherwise). */
  quote(reportData: Uint8Array): Uint8Array;
  /** 32 bytes; the same for the same machine, binding and context (an instance's id, a purpose). */
  sealingKey(binding: SealBinding, context: string): Uint8Array;
  /** Adds an event to the run-time register, where there is one: register = SHA-384(register ‖ digest). */
  extend(digest: Uint8Array): void;
  /** A counter that the host cannot turn back, where the environment has one. */
  readonly counter?: { read(): number; advanceTo(value: number): void };
}
