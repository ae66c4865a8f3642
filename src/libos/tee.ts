/** The environment that an enclave runs in. Each of its threads that makes evidence opens it for itself. */

import { type EnclaveIdentity, SimTee, type Tee } from '../attestation/index.ts';
import { toByteString } from '../base/bytes.ts';
import { NodeDirectory } from '../pal/node/storage.ts';

export interface TeeRequest {
  /** Where keys of the simulated machine are. */
  readonly stateDirectory: string;
  readonly identity: EnclaveIdentity;
}

export const openTee = ({ stateDirectory, identity }: TeeRequest): Tee => new SimTee(new NodeDirectory(toByteString(`${stateDirectory}/sim`)), identity);
