/**
 * Counters at the broker for what can be written and has its key there (docs/adr/0035): the enclave's own side, synchronous. The exchange
 * is done by a thread of its own (counters.ts), so that programs do not wait for the network at each commit; they do wait
 * where the broker is behind by more than LAG_MS, so that a host that keeps messages back gains no more than that.
 */

import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { HostFileError } from '../base/host-files.ts';
import { toHex } from '../base/bytes.ts';
import type { Configuration } from '../config/schema.ts';
import { randomBytes } from '../crypto/index.ts';
import type { LayerCounter } from '../encfs/5-disk/layer-store.ts';
import type { CounterThread, Told, Wanted } from './counters.ts';
import { entry } from './entry.ts';
import type { AttesterRequest } from './tee.ts';

/** How much older than the newest commit the broker's number may be while programs run. */
const LAG_MS = 2000;
/** How long a program waits for the broker. */
const WAIT_MS = 30_000;

export interface CountersRequest {
  readonly broker: Configuration['broker'];
  readonly tee: AttesterRequest;
  readonly log: (message: string) => void;
  readonly lagMs?: number;
  readonly patienceMs?: number;
}

/** Where a counter stood when its key was given out. */
export interface CounterPosition {
  readonly path: string;
  readonly version: number;
  readonly value: number;
}

class Counted implements LayerCounter {
  readonly position: CounterPosition;
  readonly #owner: BrokerCounters;
  counted: number;
  /** Commits that are not counted yet, the oldest first; `at` in milliseconds of this thread's clock. */
  readonly pending: { readonly value: number; readonly at: number }[] = [];
  fault: string | undefined;
  final = false;

  constructor(position: CounterPosition, owner: BrokerCounters) {
    this.position = position;
    this.counted = position.value;
    this.#owner = owner;
  }

  read(): number {
    return this.counted;
  }

  advanceTo(value: number): void {
    this.#owner.advance(this, value);
  }

  settle(): void {
    const last = this.pending.at(-1);
    if (last !== undefined) this.#owner.wait(this, last.value);
  }
}

export class BrokerCounters {
  readonly #request: CountersRequest;
  readonly #all = new Map<string, Counted>();
  readonly #bell = new Int32Array(new SharedArrayBuffer(4));
  readonly #channel = new MessageChannel();
  #worker: Worker | undefined;

  constructor(request: CountersRequest) {
    this.#request = request;
  }

  at(position: CounterPosition): LayerCounter {
    const counted = new Counted(position, this);
    this.#all.set(position.path, counted);
    return counted;
  }

  /** For `Counted`. */
  advance(counter: Counted, value: number): void {
    this.#hear();
    const { pending } = counter;
    if (value > counter.counted && value > (pending.at(-1)?.value ?? 0)) {
      pending.push({ value, at: performance.now() });
      const { path, version, value: from } = counter.position;
      if (!counter.final) this.#send({ path, version, from, value });
    }
    if (pending.length > 0 && (counter.final || performance.now() - pending[0].at > (this.#request.lagMs ?? LAG_MS))) this.wait(counter, value);
  }

  /** For `Counted`. Throws HostFileError. */
  wait(counter: Counted, value: number): void {
    const end = performance.now() + (this.#request.patienceMs ?? WAIT_MS);
    for (;;) {
      const heard = Atomics.load(this.#bell, 0);
      this.#hear();
      if (counter.counted >= value) return;
      const left = end - performance.now();
      if (counter.final || left <= 0) throw new HostFileError('EIO', `the counter of ${counter.position.path} at the broker does not advance to ${value}: ${counter.fault ?? 'no answer'}`);
      Atomics.wait(this.#bell, 0, heard, left);
    }
  }

  #send(wanted: Wanted): void {
    const { port1, port2 } = this.#channel;
    if (this.#worker === undefined) {
      const { broker, tee } = this.#request;
      const data: CounterThread = { port: port2, bell: this.#bell.buffer as SharedArrayBuffer, broker, tee, holder: toHex(randomBytes(16)) };
      this.#worker = new Worker(entry('counters'), { workerData: data, transferList: [port2] });
      this.#worker.on('error', (error) => this.#request.log(`the thread of the counters: ${String(error)}`));
      this.#worker.unref();
      port1.unref();
    }
    port1.postMessage(wanted);
  }

  #hear(): void {
    for (let got = receiveMessageOnPort(this.#channel.port1); got !== undefined; got = receiveMessageOnPort(this.#channel.port1)) {
      const told = got.message as Told;
      const counter = this.#all.get(told.path);
      if (counter === undefined) continue;
      if ('value' in told) {
        counter.counted = Math.max(counter.counted, told.value);
        counter.fault = undefined;
        while (counter.pending.length > 0 && counter.pending[0].value <= counter.counted) counter.pending.shift();
      } else {
        if (told.fault !== counter.fault) this.#request.log(`the counter of ${told.path} at the broker: ${told.fault}`);
        counter.fault = told.fault;
        counter.final = told.final;
      }
    }
  }

  /** After the volumes were closed: waits until all of their commits are counted; says so where they are not. */
  close(): void {
    for (const counter of this.#all.values()) {
      try {
        counter.settle();
      } catch (error) {
        this.#request.log(`${(error as Error).message}. What is there now is the newest; until the next run, an older copy would not be noticed.`);
      }
    }
    this.abandon();
  }

  /** Waits for nothing: for a start that failed. */
  abandon(): void {
    this.#channel.port1.close();
    void this.#worker?.terminate();
  }
}
