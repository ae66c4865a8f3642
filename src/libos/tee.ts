/** The TEE that an enclave runs in, and what it offers to those who ask the enclave for evidence. */

import { Attester, type Channel, type EvidenceEnvelope, type EvidenceSource, openTee, type Tee, TEE_CHOICES, TeeError, type TeeChoice } from '../attestation/index.ts';
import type { EnclaveIdentity } from '../attestation/measurement.ts';
import { toByteString } from '../base/bytes.ts';
import type { GuestAttestation } from '../kernel/fs/attestation.ts';
import type { EnclaveThread } from '../pal/node/enclave-thread.ts';
import { NodeDirectory } from '../pal/node/storage.ts';
import { NodeTeeFiles } from '../pal/node/tee-files.ts';
import { Failure } from './failure.ts';

/** The keys of the simulated machine are made in the user's state directory only where it is used. Throws TeeError. */
export const teeOf = (choice: TeeChoice, stateDirectory: string, identity: EnclaveIdentity): Tee => openTee(choice, new NodeTeeFiles(), () => new NodeDirectory(toByteString(`${stateDirectory}/sim`)), identity);

/** `--tee`, or else `CLOISTER_TEE`, or else what is found. Whoever sets it picks whose word the enclave's evidence is, and verifiers see it. */
export function teeChoice(given: string | undefined): TeeChoice {
  const choice = given ?? process.env.CLOISTER_TEE ?? 'auto';
  if (!(TEE_CHOICES as readonly string[]).includes(choice)) throw new Failure('usage', `${given === undefined ? 'CLOISTER_TEE' : '--tee'} is one of ${TEE_CHOICES.join(', ')}, not ${choice}`);
  return choice as TeeChoice;
}

/** What programs find under /dev/attestation. */
export function guestAttestation(attester: Attester, log: (message: string) => void): GuestAttestation {
  return {
    type: attester.tee.type === 'sgx' ? 'dcap' : attester.tee.type,
    evidence(data) {
      try {
        const envelope = attester.forGuest(data);
        return { quote: Uint8Array.fromBase64(envelope.quote), envelope: new TextEncoder().encode(`${JSON.stringify(envelope)}\n`) };
      } catch (error) {
        if (!(error instanceof TeeError)) throw error;
        log(`no evidence for a program: ${error.message}`);
        return undefined;
      }
    },
  };
}

/** The method of the enclave's thread that makes evidence. Not for the control socket: who may name a key speaks for the enclave. */
export const ATTEST = 'attest';

type AttestRequest = { readonly kind: 'evidence'; readonly nonce: string; readonly channel?: Channel } | { readonly kind: 'certificate'; readonly spki: Uint8Array };
type AttestAnswer = { readonly result: unknown } | { readonly failed: { readonly code?: string; readonly message: string } };

/** Inside the thread. */
export function attest(attester: Attester, params: unknown): AttestAnswer {
  const request = params as AttestRequest;
  try {
    return { result: request.kind === 'certificate' ? attester.forKey(request.spki) : attester.overNonce(request.nonce, request.channel) };
  } catch (error) {
    if (error instanceof TeeError) return { failed: { code: error.code, message: error.message } };
    if (error instanceof RangeError) return { failed: { message: error.message } };
    throw error;
  }
}

/** Outside of it, in the same process. */
export function evidenceSource(enclave: Pick<EnclaveThread, 'call'>): EvidenceSource {
  const ask = async (request: AttestRequest): Promise<unknown> => {
    const answer = (await enclave.call(ATTEST, request)) as AttestAnswer;
    if ('result' in answer) return answer.result;
    const { code, message } = answer.failed;
    throw code === undefined ? new RangeError(message) : new TeeError(code as TeeError['code'], message);
  };
  return {
    evidence: async (nonce, channel) => (await ask({ kind: 'evidence', nonce, ...(channel !== undefined && { channel }) })) as EvidenceEnvelope,
    certificate: async (spki) => (await ask({ kind: 'certificate', spki })) as Uint8Array,
  };
}

/** Layers have a key of the TEE unless the configuration names one at a broker. Throws TeeError, Failure. */
export function layerKeyOf(tee: Tee, id: string, fromBroker: Uint8Array | undefined, named: string): Uint8Array {
  if (named === '') return tee.sealingKey('signer', `layer ${id}`);
  if (fromBroker === undefined) throw new Failure('key', `the key of the writable layer is at a broker: ${named}`, 'Start the instance: it gets the key by its evidence. cp, ls and cat work on a running one.');
  return fromBroker;
}
