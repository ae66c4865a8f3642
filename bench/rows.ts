/**
 * What system calls, processes and files cost, one row each; compute.ts has the programs that compute. `args` go to `micro`
 * (programs/micro.c), which runs natively, in the enclave and under qemu.
 */

export interface Row {
  readonly name: string;
  readonly group: 'kernel' | 'files';
  readonly args: readonly string[];
  /** Speed relative to native that is asked for: 1 = as fast. */
  readonly goal?: number;
  /** Programs beside `micro` that the row needs. */
  readonly needs: readonly string[];
}

const BASH_LOOP = 'for ((i = 0; i < 200; i++)); do /bin/true; done';

// biome-ignore format: a table
export const ROWS: readonly Row[] = [
  { name: 'getppid',                      group: 'kernel', args: ['getppid'],                                         goal: 2,    needs: [] },
  { name: 'clock_gettime, system call',   group: 'kernel', args: ['clock-call'],                                      goal: 2,    needs: [] },
  { name: 'clock_gettime, libc',          group: 'kernel', args: ['clock'],                                                       needs: [] },
  { name: 'pread, 1 byte',                group: 'kernel', args: ['pread', '/bench/numbers'],                      goal: 2,    needs: [] },
  { name: 'pipe round trip',              group: 'kernel', args: ['pipe-round-trip'],                                 goal: 3.33, needs: [] },
  { name: 'unix socket round trip',       group: 'kernel', args: ['unix-round-trip'],                                 goal: 3.33, needs: [] },
  { name: 'futex round trip, threads',    group: 'kernel', args: ['futex-round-trip'],                                goal: 3.33, needs: [] },
  { name: 'pipe, per MiB, by 4 KiB',      group: 'kernel', args: ['pipe-throughput', '4096'],                         goal: 1,    needs: [] },
  { name: 'pipe, per MiB, by 128 KiB',    group: 'kernel', args: ['pipe-throughput', '131072'],                       goal: 1,    needs: [] },
  { name: '10,000 threads, a token',      group: 'kernel', args: ['threads', '10000'],                                goal: 1,    needs: [] },
  { name: 'fork, exit, wait',             group: 'kernel', args: ['fork'],                                            goal: 1,    needs: [] },
  { name: 'fork, exit, wait: 100 MB',     group: 'kernel', args: ['fork', '100'],                                     goal: 0.5,  needs: [] },
  { name: 'spawn, wait: static, 9 KB',    group: 'kernel', args: ['spawn', '/bench/bin/tiny'],                        goal: 1.67, needs: [] },
  { name: 'spawn, wait: static',          group: 'kernel', args: ['spawn', '/bin/micro', 'nothing'],                  goal: 1,    needs: [] },
  { name: 'spawn, wait: busybox true',    group: 'kernel', args: ['spawn', '/bin/busybox', 'true'],                   goal: 1,    needs: ['busybox'] },
  { name: 'spawn, wait: dynamic',         group: 'kernel', args: ['spawn', '/bin/true'],                              goal: 1,    needs: ['true'] },
  { name: 'fork, exec, wait: static',     group: 'kernel', args: ['fork-exec', '/bin/micro', 'nothing'],              goal: 1,    needs: [] },
  { name: 'fork, exec, wait: dynamic',    group: 'kernel', args: ['fork-exec', '/bin/true'],                          goal: 1,    needs: ['true'] },
  { name: 'bash, 200 times /bin/true',    group: 'kernel', args: ['command', '/bin/bash', '-c', BASH_LOOP],           goal: 1,    needs: ['bash', 'true'] },
  { name: 'sealed file, write 64 MiB',group: 'files',   args: ['file-write', '/data/written'],                                    needs: [] },
  { name: 'sealed file, read 64 MiB', group: 'files',   args: ['file-read', '/data/written'],                                     needs: [] },
];
