/** The terminal that `run -t` and `exec -t` are started from: bytes of the host's terminal through our line discipline. */

import { makedev } from '../../abi/stat.ts';
import type { HostStream } from '../host.ts';
import type { Kernel } from '../kernel.ts';
import { Tty, type TtyDriver } from './tty.ts';

const BUFFER = 16384;
let lastConsole = 0;

export class HostTerminal implements TtyDriver {
  readonly tty: Tty;
  readonly input: HostStream;
  readonly #output: HostStream;
  readonly #forget: () => void;
  #pending: Uint8Array[] = [];
  #queued = 0;

  constructor(kernel: Kernel, input: HostStream, output: HostStream, forget: () => void) {
    this.input = input;
    this.#output = output;
    this.#forget = forget;
    const { rows, columns } = input.terminal ?? { rows: 24, columns: 80 };
    this.tty = new Tty(kernel, this, makedev(4, 64 + lastConsole), `/dev/ttyS${lastConsole++}`, rows, columns);
  }

  room(): number {
    return BUFFER - this.#queued;
  }

  send(bytes: Uint8Array): void {
    this.#pending.push(bytes.slice());
    this.#queued += bytes.length;
    this.#drain();
  }

  #drain(): void {
    while (this.#pending.length > 0) {
      const first = this.#pending[0];
      const count = this.#output.write(first);
      if (count < 0) {
        this.#pending = [];
        this.#queued = 0;
        return;
      }
      this.#queued -= count;
      if (count < first.length) {
        this.#pending[0] = first.subarray(count);
        if (count === 0) return;
      } else this.#pending.shift();
    }
  }

  polled(): void {
    const before = this.#queued;
    this.#drain();
    if (this.#queued < before) this.tty.writeQueue.wake();
    const buffer = new Uint8Array(1024);
    while (true) {
      const room = Math.min(this.tty.inputRoom, buffer.length);
      if (room === 0) return;
      const count = this.input.read(buffer.subarray(0, room));
      if (count < 0) this.tty.hangup();
      if (count <= 0) return;
      this.tty.receive(buffer.subarray(0, count));
    }
  }

  closed(): void {
    this.#drain();
    this.#forget();
    this.input.close();
    this.#output.close();
  }
}
