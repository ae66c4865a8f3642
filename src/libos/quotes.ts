/**
 * Entry of the thread that makes a broker's evidence. A quote takes milliseconds to seconds, and whoever reaches the broker may ask
 * for one: meanwhile the broker's own thread answers others.
 */

import { parentPort, workerData } from 'node:worker_threads';
import { type BrokerClaims, BrokerAttester, TeeError, type TeeErrorCode, type TeeType } from '../attestation/index.ts';
import { toByteString } from '../base/bytes.ts';
import { NodeTeeFiles } from '../pal/node/tee-files.ts';
import { NodeDirectory } from '../pal/node/storage.ts';
import { attest } from './attest-call.ts';
import { type BrokerTeeChoice, openBrokerTee } from './broker-tee.ts';

export interface QuotesThread {
  readonly choice: BrokerTeeChoice;
  /** Where keys of the simulated machine are. */
  readonly stateDirectory: string;
  readonly claims: BrokerClaims;
}

/** What is told first. */
export type QuotesReady = { readonly tee: TeeType | undefined } | { readonly failed: { readonly code?: TeeErrorCode; readonly message: string } };

export interface QuotesAsked {
  readonly id: number;
  readonly params: unknown;
}

export interface QuotesAnswer {
  readonly id: number;
  readonly result: unknown;
}

const failureOf = (error: unknown): { readonly failed: { readonly code?: TeeErrorCode; readonly message: string } } => ({ failed: { ...(error instanceof TeeError && { code: error.code }), message: (error as Error).message } });

function run({ choice, stateDirectory, claims }: QuotesThread): void {
  const tell = (message: QuotesReady | QuotesAnswer): void => parentPort?.postMessage(message);
  let attester: BrokerAttester | undefined;
  try {
    const tee = openBrokerTee(choice, { files: new NodeTeeFiles(), machine: () => new NodeDirectory(toByteString(`${stateDirectory}/sim`)) });
    if (tee !== undefined) attester = new BrokerAttester(tee, claims);
    attester?.record();
    tell({ tee: tee?.type });
  } catch (error) {
    return tell(failureOf(error));
  }
  const own = attester;
  if (own === undefined) return;
  parentPort?.on('message', ({ id, params }: QuotesAsked) => {
    let result: unknown;
    try {
      result = attest(own, params);
    } catch (error) {
      result = failureOf(error);
    }
    tell({ id, result });
  });
}

run(workerData as QuotesThread);
