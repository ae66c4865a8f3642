/** Evidence of the broker in this process, made by a thread of its own (quotes.ts). */

import { Worker } from 'node:worker_threads';
import { type EvidenceSource, TeeError, type TeeType } from '../attestation/index.ts';
import { evidenceSource } from './attest-call.ts';
import { entry } from './entry.ts';
import type { QuotesAnswer, QuotesReady, QuotesThread } from './quotes.ts';

export interface BrokerEvidence {
  readonly tee: TeeType;
  readonly source: EvidenceSource;
  close(): Promise<void>;
}

/** `undefined` where the broker runs in no TEE, or is not to say so. Rejects with TeeError where the one that was asked for is not here. */
export async function openBrokerEvidence(request: QuotesThread): Promise<BrokerEvidence | undefined> {
  const worker = new Worker(entry('quotes'), { workerData: request });
  const waiting = new Map<number, { readonly resolve: (result: unknown) => void; readonly reject: (error: Error) => void }>();
  let asked = 0;
  let ended: Error | undefined;
  const end = (error: Error): void => {
    ended ??= error;
    for (const { reject } of waiting.values()) reject(ended);
    waiting.clear();
  };
  const ready = await new Promise<QuotesReady>((resolve, reject) => {
    worker.once('message', resolve);
    const ending = (error: Error): void => {
      end(error);
      reject(error);
    };
    worker.on('error', ending);
    worker.on('exit', () => ending(new Error('the thread that makes evidence has ended')));
  });
  if ('failed' in ready || ready.tee === undefined) {
    await worker.terminate();
    if (!('failed' in ready)) return undefined;
    const { code, message } = ready.failed;
    throw code === undefined ? new Error(message) : new TeeError(code, message);
  }
  worker.on('message', ({ id, result }: QuotesAnswer) => {
    waiting.get(id)?.resolve(result);
    waiting.delete(id);
  });
  const call = (_method: string, params: unknown): Promise<unknown> =>
    new Promise((resolve, reject) => {
      if (ended !== undefined) return reject(ended);
      waiting.set(++asked, { resolve, reject });
      worker.postMessage({ id: asked, params });
    });
  return { tee: ready.tee, source: evidenceSource({ call }), close: async () => void (await worker.terminate()) };
}
