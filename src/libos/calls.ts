/** Requests to a running enclave that are answered with a result: what `ps` and `status` show. */

import type { Kernel } from '../kernel/kernel.ts';
import { toText } from '../base/bytes.ts';
import type { Vfs } from '../kernel/vfs/vfs.ts';
import { errnoText, FILE_METHODS } from './files.ts';

export interface ProcessRow {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  /** As ps(1) writes it: R, S, T, Z. */
  readonly state: string;
  readonly threads: number;
  readonly residentBytes: number;
  readonly userMs: number;
  readonly name: string;
}

export type CallResult = { readonly result: unknown } | { readonly error: string };

type Method = (kernel: Kernel, params: unknown) => unknown;

// biome-ignore format: a table
const METHODS: Readonly<Record<string, Method>> = {
  ps:     (kernel) => processes(kernel),
  status: (kernel) => ({ processes: kernel.processes.size, threads: kernel.tasks.size, committedBytes: kernel.account.committedBytes, uptimeMs: Math.round((kernel.host.monotonicNs() - kernel.bootMonotonicNs) / 1e6) }),
};

export function answer(kernel: Kernel, method: string, params: unknown): CallResult {
  if (Object.hasOwn(METHODS, method)) return { result: METHODS[method](kernel, params) };
  if (!Object.hasOwn(FILE_METHODS, method) || typeof params !== 'object' || params === null) return { error: `there is no method ${method}` };
  try {
    return { result: FILE_METHODS[method](kernel.files as Vfs, params as Record<string, unknown>) };
  } catch (error) {
    const told = errnoText(error);
    if (told === undefined) throw error;
    return { error: told };
  }
}

function processes(kernel: Kernel): ProcessRow[] {
  return [...kernel.processes.values()].map((process) => {
    const tasks = [...process.tasks];
    const running = tasks.some((task) => task.state === 'running' || task.state === 'runnable');
    const userNs = tasks.reduce((sum, task) => sum + task.times.userNs, process.times.userNs);
    return {
      pid: process.pid,
      parent: process.parent?.pid ?? 0,
      group: process.group.pgid,
      session: process.session.sid,
      state: process.state === 'zombie' ? 'Z' : process.state === 'stopped' ? 'T' : running ? 'R' : 'S',
      threads: tasks.length,
      residentBytes: tasks.length === 0 ? 0 : tasks[0].mm.memory.residentBytes(),
      userMs: Math.round(userNs / 1e6),
      name: toText(process.exe === '' ? (tasks[0]?.comm ?? '') : process.exe),
    };
  });
}
