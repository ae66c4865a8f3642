/** What an owner demands of the broker's evidence. */

import { existsSync } from 'node:fs';
import type { Appraisal } from '../../attestation/tls/appraise.ts';
import { NO_COLLATERAL, neededCollateral, UnreadableError } from '../../attestation/verifier/index.ts';
import { brokerPolicy } from '../../libos/broker-session.ts';
import { Failure } from '../../libos/failure.ts';
import { httpOptions, loadCollateral } from '../collateral.ts';
import { type Invocation, value } from '../command.ts';
import { readPolicy } from '../policy-file.ts';

function collateralOf(where: string | undefined): NonNullable<Appraisal['collateral']> {
  if (where === 'offline') return NO_COLLATERAL;
  if (where === undefined || /^https?:\/\/[^/]/.test(where)) return (evidence) => neededCollateral(evidence, httpOptions(where, undefined));
  if (!existsSync(where)) throw new Failure('usage', `${where} is no collateral`, 'Name a file or directory, the URL of a PCCS, or the word offline.');
  return loadCollateral([where]);
}

/** Throws Failure for a policy that cannot be read, or that no broker at this address can satisfy. */
export async function brokerAppraisal(invocation: Invocation, file: string, { protocol, origin }: URL): Promise<Appraisal> {
  if (protocol !== 'https:') throw new Failure('usage', `the broker at ${origin} cannot be verified by its evidence: its address is not https:`, 'Name the address at which it speaks TLS, or leave --broker-policy out.');
  try {
    const policy = brokerPolicy(await readPolicy(file));
    return { policy, collateral: collateralOf(value(invocation, 'broker-collateral')) };
  } catch (error) {
    if (!(error instanceof UnreadableError)) throw error;
    throw new Failure('usage', error.message.startsWith(file) || error.message.startsWith('cannot read') ? error.message : `${file}: ${error.message}`, 'It is written as for cloister verify --policy: docs/reference/verification.md');
  }
}
