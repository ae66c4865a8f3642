/** An address at which a running enclave answers for itself. */

import { type EvidenceEndpoint, parseEvidenceAddress, serveEvidence } from '../pal/tls/index.ts';
import type { EnclaveThread } from '../pal/node/enclave-thread.ts';
import { Failure } from './failure.ts';
import { evidenceSource } from './attest-call.ts';

/** Rejects with Failure where the address cannot be listened on, and with TeeError. */
export async function answerForEvidence(enclave: Pick<EnclaveThread, 'call'>, address: string, log: (message: string) => void): Promise<EvidenceEndpoint> {
  const parsed = parseEvidenceAddress(address);
  if (parsed === undefined) throw new Failure('usage', `${address} is not HOST:PORT or http://HOST:PORT`);
  try {
    return await serveEvidence(evidenceSource(enclave), parsed, log);
  } catch (error) {
    const { code, message, syscall } = error as NodeJS.ErrnoException;
    if (syscall === undefined || code === undefined) throw error;
    throw new Failure('host', `cannot answer for evidence at ${address}: ${message}`);
  }
}
