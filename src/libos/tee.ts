/** The TEE that an enclave runs in, and what it offers to those who ask the enclave for evidence. */

import { Attester, openTee as openTeeOver, type ImageKind, SimTee, type Tee, type TeeChoice, TeeError } from '../attestation/index.ts';
import type { EnclaveIdentity } from '../attestation/measurement.ts';
import { toByteString } from '../base/bytes.ts';
import type { Configuration } from '../config/schema.ts';
import { type PublicKey, SHA384_BYTES } from '../crypto/index.ts';
import type { GuestAttestation } from '../kernel/fs/attestation.ts';
import { NodeDirectory } from '../pal/node/storage.ts';
import { NodeTeeFiles } from '../pal/node/tee-files.ts';
import { Failure } from './failure.ts';
import type { StorageKey, StorageKeys } from './volumes.ts';

export interface TeeRequest {
  /** Where keys of the simulated machine are. */
  readonly stateDirectory: string;
  readonly identity: EnclaveIdentity;
  /** What is found, unless given. */
  readonly choice?: TeeChoice;
}

/** The keys of the simulated machine are made only where it is used. Throws TeeError. */
export const openTee = ({ stateDirectory, identity, choice = 'auto' }: TeeRequest): Tee => openTeeOver(choice, new NodeTeeFiles(), () => new NodeDirectory(toByteString(`${stateDirectory}/sim`)), identity);

export interface AttesterRequest extends TeeRequest {
  readonly imageKind: ImageKind;
}

/** Throws TeeError. */
export const openAttester = (request: AttesterRequest): Attester => new Attester(openTee(request), request.imageKind);

/** What signs simulated quotes on this machine; it is made where there is none. Throws KeyError, HostFileError. */
export function simulatedKey(stateDirectory: string): PublicKey {
  const nobody = { measurement: new Uint8Array(SHA384_BYTES), signer: new Uint8Array(SHA384_BYTES), productId: 0, securityVersion: 0, debuggable: true };
  return new SimTee(new NodeDirectory(toByteString(`${stateDirectory}/sim`)), nobody).attestationKey;
}

/** What programs find under /dev/attestation. */
export function guestAttestation(attester: Attester, log: (message: string) => void): GuestAttestation {
  // Once for each reason: programs could fill the log.
  let told = '';
  return {
    type: attester.tee.type === 'sgx' ? 'dcap' : attester.tee.type,
    evidence(data) {
      try {
        const envelope = attester.forGuest(data);
        return { quote: Uint8Array.fromBase64(envelope.quote), envelope: new TextEncoder().encode(`${JSON.stringify(envelope)}\n`) };
      } catch (error) {
        if (!(error instanceof TeeError)) throw error;
        if (error.message !== told) log(`no evidence for a program: ${error.message}`);
        told = error.message;
        return undefined;
      }
    },
  };
}

/** Layers have a key of the TEE unless the configuration names one at a broker. Throws TeeError, Failure. */
export function layerKeyOf(tee: Tee, id: string, layer: Configuration['layer'], broker: StorageKeys | undefined): StorageKey {
  if (layer.key === '') return { sealingKey: tee.sealingKey('signer', `layer ${id}`) };
  if (broker === undefined) throw new Failure('key', `the key of the writable layer is at a broker: ${layer.key}`, 'Start the instance: it gets the key by its evidence. cp, ls and cat work on a running one.');
  return broker.storageKey(layer);
}
