/** sysinfo(2). */

import { writeBytes } from '../mm/guest.ts';
import type { Kernel } from '../kernel.ts';
import type { Task } from '../task/task.ts';

const NO_CEILING = 16 * 1024 ** 3;

/** Memory as guests see it: the ceiling, and what is left of it. */
export function memoryFigures(kernel: Kernel): { totalBytes: number; freeBytes: number } {
  const { limitBytes, committedBytes } = kernel.account;
  const totalBytes = Number.isFinite(limitBytes) ? limitBytes : NO_CEILING;
  return { totalBytes, freeBytes: Math.max(totalBytes - committedBytes, 0) };
}

export function sys_sysinfo(task: Task, address: number): number {
  const { kernel } = task;
  const out = new Uint8Array(112);
  const data = new DataView(out.buffer);
  const { totalBytes, freeBytes } = memoryFigures(kernel);
  data.setBigInt64(0, BigInt(Math.floor((kernel.host.monotonicNs() - kernel.bootMonotonicNs) / 1e9)), true);
  const load = BigInt(kernel.runnable + 1) << 16n;
  for (const at of [8, 16, 24]) data.setBigUint64(at, load, true);
  data.setBigUint64(32, BigInt(Math.floor(totalBytes)), true);
  data.setBigUint64(40, BigInt(Math.floor(freeBytes)), true);
  data.setUint16(80, kernel.processes.size, true);
  data.setUint32(104, 1, true);
  writeBytes(task.mm, address, out);
  return 0;
}
