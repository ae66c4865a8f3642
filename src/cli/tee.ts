/** Options of `run` and `start` about the TEE. */

import type { TeeChoice } from '../attestation/tee-type.ts';
import { teeChoice } from '../libos/tee-choice.ts';
import { type Invocation, type OptionRow, value } from './command.ts';

export const TEE_OPTIONS: readonly OptionRow[] = [
  { flag: '--tee NAME', doc: 'auto, sim, tdx, snp or sgx: whose evidence the enclave has. Without it CLOISTER_TEE, or else what this machine offers, and sim where that is nothing.' },
  { flag: '--evidence ADDRESS', doc: 'Answer for evidence at HOST:PORT over TLS, or at http://HOST:PORT.' },
];

export const teeOption = (invocation: Invocation): { readonly tee: TeeChoice } => ({ tee: teeChoice(value(invocation, 'tee')) });

/** HOST:PORT, http://HOST:PORT. Its form is looked at by whoever listens. */
export const evidenceOption = (invocation: Invocation): string | undefined => value(invocation, 'evidence');
