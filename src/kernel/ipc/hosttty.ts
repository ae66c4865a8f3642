/** The terminal that `run -t` and `exec -t` are started from: bytes of the host's terminal through our line discipline. */

import type { HostStream } from '../host.ts';
import type { Kernel } from '../kernel.ts';
import { Tty, type TtyDriver } from './tty.ts';

/** The most that one write(2) hands over. */
const CHUNK = 16384;

/** It is there until the outside goes, whether somebody has it open or not: as with a pair, whose master is outside. */
export class HostTerminal implements TtyDriver {
  readonly tty: Tty;
  readonly input: HostStream;
  readonly #output: HostStream;
  /** The outside has gone. */
  gone: () => void = () => {};

  constructor(kernel: Kernel, input: HostStream, output: HostStream, rdev: number, name: string) {
    this.input = input;
    this.#output = output;
    const { rows, columns } = input.terminal ?? { rows: 24, columns: 80 };
    this.tty = new Tty(kernel, this, rdev, name, rows, columns);
  }

  /** What the host has room for, and no more is taken: nothing waits here that the end could overtake. Where nobody reads any more, all of it is lost. */
  room(): number {
    const room = this.#output.writable();
    return room < 0 ? CHUNK : Math.min(room, CHUNK);
  }

  send(bytes: Uint8Array): void {
    this.#output.write(bytes);
  }

  polled(): void {
    if (!this.tty.writeQueue.empty) this.tty.writeQueue.wake();
    this.refill();
  }

  refill(): void {
    const buffer = new Uint8Array(1024);
    while (true) {
      const room = Math.min(this.tty.inputRoom, buffer.length);
      if (room === 0) return;
      const count = this.input.read(buffer.subarray(0, room));
      if (count < 0) return this.#hangup();
      if (count === 0) return;
      this.tty.receive(buffer.subarray(0, count));
    }
  }

  #hangup(): void {
    this.tty.hangup();
    this.gone();
    this.input.close();
    this.#output.close();
  }
}
