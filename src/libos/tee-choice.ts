/** Which TEE a person asks for. Loaded by every start: imports next to nothing. */

import { TEE_CHOICES, type TeeChoice } from '../attestation/tee-type.ts';
import { Failure } from './failure.ts';

/**
 * `--tee`, or else `CLOISTER_TEE`, or else what is found. Whoever sets it picks whose word the evidence is, and verifiers see
 * whose it is: there is nothing to gain for a host that sets it to something else than what it has.
 */
export function teeChoice(given?: string): TeeChoice {
  const choice = given ?? process.env.CLOISTER_TEE ?? 'auto';
  if (!(TEE_CHOICES as readonly string[]).includes(choice)) throw new Failure('usage', `${given === undefined ? 'CLOISTER_TEE' : '--tee'} is one of ${TEE_CHOICES.join(', ')}, not ${choice}`);
  return choice as TeeChoice;
}
