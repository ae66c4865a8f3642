/** Which TEE this is, and its back end. */

import type { HostDirectory } from '../../base/host-files.ts';
import type { EnclaveIdentity } from '../measurement.ts';
import { SimTee } from '../sim.ts';
import type { Tee } from '../tee.ts';
import type { TeeChoice, TeeType } from '../tee-type.ts';
import { tsmProvider } from './configfs.ts';
import { TeeError } from './errors.ts';
import type { TeeFiles } from './files.ts';
import { SgxTee, sgxAttestationType } from './sgx.ts';
import { SNP_PROVIDER, SnpTee } from './snp.ts';
import { TDX_PROVIDER, TdxTee } from './tdx.ts';

/** The TEE that this machine has; `sim` where it has none that we know. */
export function detectTee(files: TeeFiles): TeeType {
  if (sgxAttestationType(files) === 'dcap') return 'sgx';
  const provider = tsmProvider(files);
  return provider === TDX_PROVIDER ? 'tdx' : provider === SNP_PROVIDER ? 'snp' : 'sim';
}

/** `machine` has the keys of the simulated TEE. Throws TeeError (`tee-missing`) where the TEE that was asked for is not here. */
export function openTee(choice: TeeChoice, files: TeeFiles, machine: () => HostDirectory, identity: EnclaveIdentity): Tee {
  if (choice === 'sim') return new SimTee(machine(), identity);
  const found = detectTee(files);
  if (choice !== 'auto' && choice !== found) throw new TeeError('tee-missing', `this machine offers no ${choice.toUpperCase()} evidence${found === 'sim' ? '' : `; it offers ${found.toUpperCase()}`}`);
  if (found === 'tdx') return new TdxTee(files, identity);
  if (found === 'snp') return new SnpTee(files, identity);
  if (found === 'sgx') return new SgxTee(files, identity);
  return new SimTee(machine(), identity);
}
