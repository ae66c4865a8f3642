/** An enclave's thread without an enclave: programs named `cat`, `flood`, `exit`, `hold` and `fail`, for tests of what surrounds it. */

import { workerData } from 'node:worker_threads';
import type { HostStream } from '../../../kernel/host.ts';
import type { InnerData } from '../enclave-thread.ts';
import { WorkerHost } from '../host.ts';

interface Running {
  readonly id: number;
  readonly stdio: readonly [HostStream, HostStream, HostStream];
  /** Bytes read and not written yet. */
  pending: Uint8Array;
  /** Makes progress; the wait status at the end. */
  step(this: Running): number | undefined;
  signal: number;
}

const { port, bell, boot } = workerData as InnerData;
const host = new WorkerHost(port, bell);
host.admit = ({ argv, env, cwd }) => (argv[0] === 'refuse' ? { refused: { code: 'entry-point', kind: 'entry-point', message: 'refused' } } : { argv, env, cwd });
const chunk = new Uint8Array(5000);

/** SIGPIPE, or the error as an exit code. */
const refused = (count: number): number => (count === -1 ? 13 : -count << 8);

const PROGRAMS: Readonly<Record<string, (argv: readonly string[]) => Running['step']>> = {
  cat: ([, limit]) => {
    let left = limit === undefined ? Number.POSITIVE_INFINITY : Number(limit);
    return function () {
      while (true) {
        if (this.pending.length === 0) {
          if (left === 0) return 0;
          const count = this.stdio[0].read(chunk.subarray(0, Math.min(chunk.length, left)));
          if (count === 0) return this.signal > 0 ? this.signal : undefined;
          if (count === -1) return 0;
          left -= count;
          this.pending = chunk.slice(0, count);
        }
        const count = this.stdio[1].write(this.pending);
        if (count < 0) return refused(count);
        if (count === 0) return undefined;
        this.pending = this.pending.subarray(count);
      }
    };
  },
  flood: ([, total]) => {
    let left = Number(total);
    return function () {
      while (left > 0) {
        const count = this.stdio[1].write(chunk.subarray(0, Math.min(chunk.length, left)));
        if (count < 0) return refused(count);
        if (count === 0) return undefined;
        left -= count;
      }
      return 0;
    };
  },
  exit:
    ([, code]) =>
    () =>
      Number(code) << 8,
  hold: () =>
    function () {
      return this.signal > 0 ? this.signal : undefined;
    },
};

const running = new Set<Running>();
host.post({ kind: 'booted', info: boot });
for (let stopped = false; !stopped; ) {
  for (let request = host.nextRequest(); request !== undefined; request = host.nextRequest()) {
    if (request.kind === 'exec') {
      running.add({ id: request.id, stdio: [...request.stdio], pending: new Uint8Array(0), signal: 0, step: PROGRAMS[request.argv[0]](request.argv) });
    } else if (request.kind === 'signal') {
      for (const program of running) if (program.id === request.id) program.signal = request.signal;
    } else if (request.kind === 'call') {
      if (request.method === 'fail') throw new Error('a fault of ours');
      host.reply(request.reply, { result: request.params });
    } else if (request.kind === 'kill') host.reply(request.reply, request.pid === 1);
    else if (request.kind === 'shutdown') stopped = true;
  }
  for (const program of [...running]) {
    const status = program.step();
    if (status === undefined) continue;
    running.delete(program);
    for (const stream of program.stdio) stream.close();
    host.exited(program.id, status);
  }
  if (!host.poll() && !stopped) host.wait(Number.POSITIVE_INFINITY);
}
port.close();
