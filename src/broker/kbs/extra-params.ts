/**
 * What client and broker agree on beside the protocol, in its `extra-params`: whether the runtime data may have `cloister`, the
 * claims of an enclave (docs/attestation.md). Other brokers refuse members that they do not know, so a client states nothing unless
 * the challenge says that the broker reads it.
 */

const OFFERED = 'supported-runtime-data',
  CHOSEN = 'selected-runtime-data',
  STATEMENT = 'cloister';

const names = (params: unknown, member: string): boolean => {
  if (typeof params !== 'object' || params === null || !Object.hasOwn(params, member)) return false;
  const listed = (params as Readonly<Record<string, unknown>>)[member];
  return Array.isArray(listed) && listed.includes(STATEMENT);
};

/** Of a request, by a client that has claims to state. */
export const OFFERS_STATEMENT = { [OFFERED]: [STATEMENT] };

/** Of the challenge, to the `extra-params` of a request. */
export const challengeParams = (offered: unknown): unknown => (names(offered, OFFERED) ? { [CHOSEN]: [STATEMENT] } : '');

/** By the `extra-params` of a challenge. */
export const choosesStatement = (chosen: unknown): boolean => names(chosen, CHOSEN);
