/**
 * Entry of the thread that advances counters at the broker while the enclave's own thread runs programs. It makes evidence for
 * sessions of its own. What it is asked for again before an answer is here, it asks for once, the highest value.
 */

import { type MessagePort, workerData } from 'node:worker_threads';
import { BrokerClient, BrokerClientError } from '../broker/client.ts';
import type { Configuration } from '../config/schema.ts';
import { attesterOf, carrier, exchangeWith } from './broker-session.ts';
import { type AttesterRequest, openAttester } from './tee.ts';

export interface CounterThread {
  readonly port: MessagePort;
  /** One integer, which is raised and notified with each answer. */
  readonly bell: SharedArrayBuffer;
  readonly broker: Configuration['broker'];
  readonly tee: AttesterRequest;
  readonly holder: string;
}

export interface Wanted {
  readonly path: string;
  readonly version: number;
  /** Where it stood at the start. */
  readonly from: number;
  readonly value: number;
}

/** `final`: it will not be tried again. */
export type Told = { readonly path: string } & ({ readonly value: number } | { readonly fault: string; readonly final: boolean });

const AGAIN_MS = 1000;
/** Nobody becomes allowed to what is refused, and who is behind stays behind. */
const FINAL: readonly BrokerClientError['code'][] = ['broker-refused', 'broker-not-found', 'broker-conflict'];

function run({ port, bell, broker, tee, holder }: CounterThread): void {
  const rung = new Int32Array(bell);
  const exchange = exchangeWith(broker);
  let client: BrokerClient | undefined;
  const wanted = new Map<string, Wanted>();
  let busy = false;
  const tell = (told: Told): void => {
    port.postMessage(told);
    Atomics.add(rung, 0, 1);
    Atomics.notify(rung, 0);
  };
  async function advance(ask: Wanted): Promise<void> {
    const { path, version, from, value } = ask;
    try {
      client ??= new BrokerClient(carrier(exchange, broker), attesterOf(openAttester(tee)));
      await client.advance(path, version, { from, value, holder });
      if (wanted.get(path) === ask) wanted.delete(path);
      tell({ path, value });
    } catch (error) {
      const final = error instanceof BrokerClientError && FINAL.includes(error.code);
      if (final) wanted.delete(path);
      tell({ path, fault: (error as Error).message, final });
      if (!final) await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
  }
  async function pump(): Promise<void> {
    if (busy) return;
    busy = true;
    for (let next = wanted.values().next(); !next.done; next = wanted.values().next()) {
      // The next one of several gets its turn.
      wanted.delete(next.value.path);
      wanted.set(next.value.path, next.value);
      await advance(next.value);
    }
    busy = false;
  }
  port.on('message', (ask: Wanted) => {
    wanted.set(ask.path, ask);
    void pump();
  });
}

run(workerData as CounterThread);
