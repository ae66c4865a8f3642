/** getrusage(2), times(2). */

import { RUSAGE_CHILDREN, RUSAGE_SELF, RUSAGE_THREAD } from '../../abi/resource.ts';
import { USER_HZ } from '../../abi/time.ts';
import { EINVAL } from '../errno.ts';
import { writeBytes } from '../mm/guest.ts';
import type { CpuTimes, Process, Task } from '../task/task.ts';

/** Times of all threads of a process, ended ones too. */
export function processTimes(process: Process): CpuTimes {
  const sum = { ...process.times };
  for (const { times } of process.tasks) add(sum, times);
  for (const { mm } of process.tasks) {
    sum.maxResidentBytes = Math.max(sum.maxResidentBytes, mm.memory.residentBytes());
    break;
  }
  return sum;
}

function add(sum: CpuTimes, more: CpuTimes): void {
  sum.userNs += more.userNs;
  sum.systemNs += more.systemNs;
  sum.minorFaults += more.minorFaults;
  sum.voluntarySwitches += more.voluntarySwitches;
  sum.involuntarySwitches += more.involuntarySwitches;
  sum.maxResidentBytes = Math.max(sum.maxResidentBytes, more.maxResidentBytes);
}

/** What wait4 reports of an ended child: it and the children it waited for. */
export function rusageOf(child: Process): CpuTimes {
  const sum = processTimes(child);
  add(sum, child.childTimes);
  return sum;
}

export function encodeRusage(times: CpuTimes): Uint8Array {
  const words = new BigInt64Array(18);
  const us = (ns: number): [bigint, bigint] => [BigInt(Math.floor(ns / 1e9)), BigInt(Math.floor((ns % 1e9) / 1000))];
  [words[0], words[1]] = us(times.userNs);
  [words[2], words[3]] = us(times.systemNs);
  words[4] = BigInt(Math.floor(times.maxResidentBytes / 1024));
  words[8] = BigInt(times.minorFaults);
  words[16] = BigInt(times.voluntarySwitches);
  words[17] = BigInt(times.involuntarySwitches);
  return new Uint8Array(words.buffer);
}

export function sys_getrusage(task: Task, who: number, address: number): number {
  const times = who === RUSAGE_SELF ? processTimes(task.process) : who === RUSAGE_CHILDREN ? task.process.childTimes : who === RUSAGE_THREAD ? task.times : undefined;
  if (times === undefined) throw EINVAL;
  writeBytes(task.mm, address, encodeRusage(times));
  return 0;
}

const ticks = (ns: number): number => Math.floor((ns * USER_HZ) / 1e9);

export function sys_times(task: Task, address: number): number {
  const { kernel, process } = task;
  if (address !== 0) {
    const own = processTimes(process);
    const words = new BigInt64Array([own.userNs, own.systemNs, process.childTimes.userNs, process.childTimes.systemNs].map((ns) => BigInt(ticks(ns))));
    writeBytes(task.mm, address, new Uint8Array(words.buffer));
  }
  return ticks(kernel.host.monotonicNs() - kernel.bootMonotonicNs) + 1000;
}
