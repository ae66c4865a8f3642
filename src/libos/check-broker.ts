/** `broker.policy` at the build: one that cannot be used would let nothing start. Apart from `needs.ts`, which every start loads. */

import { UnreadableError } from '../attestation/verifier/index.ts';
import type { Configuration } from '../config/schema.ts';
import { appraisalOf } from './broker-session.ts';
import { Failure } from './failure.ts';

/** Throws Failure. */
export function checkBroker({ broker }: Configuration, file: string): void {
  const fail = (message: string, hint: string): never => {
    throw new Failure('configuration', `${file}: ${message}`, hint);
  };
  try {
    if (appraisalOf(broker) === undefined) return;
  } catch (error) {
    if (!(error instanceof UnreadableError)) throw error;
    fail(`broker.${error.message}`, 'It is written as for cloister verify --policy: docs/reference/verification.md. Roots and keys are PEM.');
  }
  const { url, certificate } = broker;
  if (certificate !== '') fail('broker.policy and broker.certificate exclude each other', 'A broker that is known by its evidence makes its certificate anew each day: leave the certificate out.');
  if (url !== '' && !url.startsWith('https://')) fail(`broker.policy demands evidence of the broker, and ${url} is not https:`, 'Name the address at which it speaks TLS.');
}
