/**
 * The TEE that a broker runs in: whose evidence it has, and whose sealing key its root key may be under.
 *
 * A broker is no instance: no image and no configuration of it are measured by us. What runs is what the hardware measured
 * (the virtual machine, the loader), and so the identity below is nobody's.
 */

import { detectTee, openTee, SimTee, type Tee, TeeError, type TeeFiles } from '../attestation/index.ts';
import type { EnclaveIdentity } from '../attestation/measurement.ts';
import { TEE_CHOICES, type TeeType } from '../attestation/tee-type.ts';
import type { HostDirectory } from '../base/host-files.ts';
import { sha384, SHA384_BYTES } from '../crypto/index.ts';
import { Failure } from './failure.ts';

export const BROKER_TEE_CHOICES = [...TEE_CHOICES, 'none'] as const;
/** `auto`: the hardware that is found, or none; `sim` only by its name. */
export type BrokerTeeChoice = (typeof BROKER_TEE_CHOICES)[number];

/** `--tee`, or else `CLOISTER_TEE`, or else what is found. */
export function brokerTeeChoice(given?: string): BrokerTeeChoice {
  const choice = given ?? process.env.CLOISTER_TEE ?? 'auto';
  if (!(BROKER_TEE_CHOICES as readonly string[]).includes(choice)) throw new Failure('usage', `${given === undefined ? 'CLOISTER_TEE' : '--tee'} is one of ${BROKER_TEE_CHOICES.join(', ')}, not ${choice}`);
  return choice as BrokerTeeChoice;
}

/** Where TEEs are looked for; `machine` has the keys of a simulated one. */
export interface TeePlaces {
  readonly files: TeeFiles;
  readonly machine: () => HostDirectory;
}

/** `undefined`: the broker has no evidence. */
function chosen(choice: BrokerTeeChoice, files: TeeFiles): TeeType | undefined {
  if (choice === 'none') return undefined;
  if (choice !== 'auto') return choice;
  const found = detectTee(files);
  return found === 'sim' ? undefined : found;
}

const NOBODY: EnclaveIdentity = { measurement: new Uint8Array(SHA384_BYTES), signer: new Uint8Array(SHA384_BYTES), productId: 0, securityVersion: 0, debuggable: false };

/** Throws TeeError where the TEE that was asked for is not here. */
export function openBrokerTee(choice: BrokerTeeChoice, { files, machine }: TeePlaces): Tee | undefined {
  const type = chosen(choice, files);
  return type === undefined ? undefined : openTee(type, files, machine, NOBODY);
}

const hashOf = (text: string): Uint8Array => sha384(new TextEncoder().encode(text));

/** What sealing keys of brokers are derived for: the same for every version, so that an update can open what was there. It is stated to nobody. */
const SEALED_TO: EnclaveIdentity = { measurement: hashOf('cloister broker'), signer: hashOf('cloister'), productId: 0, securityVersion: 0, debuggable: false };

/** Of the hardware where there is any, and of a simulated machine otherwise. Throws TeeError, and Failure where the hardware has no such keys. */
export function rootSealingKey(choice: BrokerTeeChoice, { files, machine }: TeePlaces): Uint8Array {
  const type = chosen(choice, files);
  const tee = type === undefined ? new SimTee(machine(), SEALED_TO) : openTee(type, files, machine, SEALED_TO);
  try {
    return tee.sealingKey('signer', 'broker root key');
  } catch (error) {
    if (!(error instanceof TeeError) || error.code !== 'tee-sealing') throw error;
    throw new Failure(
      'key',
      `the root key of the broker cannot be sealed to this TEE: ${error.message}`,
      'Guard it otherwise: --root-key shares, pkcs11 or transit. (With --tee none it is sealed to a simulated TEE, which keeps it from nobody who controls this machine.)',
      error.code,
    );
  }
}
