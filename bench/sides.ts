/** The three that are compared: the host, an enclave, and qemu-x86_64. Each runs a row's program whenever it is asked to. */

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { createInterface, type Interface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';

const ANSWER_TIMEOUT_MS = 240_000;

export interface Sample {
  readonly ns: number;
  /** Of the output; '0…0' where it was not read. */
  readonly hash: string;
  readonly lastLine: string;
}

/** Programs of a side that could not answer. */
export class SideError extends Error {}

/** `programs/serve.c` on one side: alive for all repetitions of a row. */
export class Server {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #lines: Interface;
  readonly #answers: AsyncIterator<string>;
  #errors = '';

  constructor(command: string, args: readonly string[], cwd: string) {
    this.#child = spawn(command, args, { cwd, stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child.stderr.on('data', (bytes: Buffer) => {
      this.#errors = (this.#errors + bytes.toString('latin1')).slice(-2000);
    });
    // The end of a side shows as an answer that does not come.
    this.#child.on('error', (error) => (this.#errors += error.message));
    this.#child.stdin.on('error', () => {});
    this.#lines = createInterface({ input: this.#child.stdout });
    this.#answers = this.#lines[Symbol.asyncIterator]();
  }

  /** Until then, time is spent on starting the side. */
  async ready(): Promise<this> {
    const { done } = await this.#answers.next();
    if (done === true) throw new SideError(`did not start: ${this.#lastError()}`);
    return this;
  }

  /** Runs the program once. The time is taken here, by the host's clock. */
  async run(output: 'read' | 'discard'): Promise<Sample> {
    const start = process.hrtime.bigint();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), ANSWER_TIMEOUT_MS);
    this.#child.stdin.write(`${output}\n`);
    const { value, done } = await this.#answers.next();
    const ns = Number(process.hrtime.bigint() - start);
    clearTimeout(timer);
    if (done === true) throw new SideError(`no answer: ${this.#lastError()}`);
    const [status, , hash, ...rest] = value.split(' ');
    if (status !== '0') throw new SideError(`status ${status}: ${this.#lastError()}`);
    return { ns, hash, lastLine: rest.join(' ') };
  }

  async close(): Promise<void> {
    const ended = new Promise((resolve) => (this.#child.exitCode !== null || this.#child.signalCode !== null ? resolve(undefined) : this.#child.once('close', resolve)));
    this.#child.stdin.end();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 5000);
    await ended;
    clearTimeout(timer);
  }

  #lastError(): string {
    return this.#errors.trim().split('\n').at(-1) ?? '';
  }
}
