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

// biome-ignore format: a table
export const ROWS: readonly Row[] = [
  { name: 'getppid',                  group: 'kernel',  args: ['getppid'],                                            goal: 1,    needs: [] },
  { name: 'pipe round trip',          group: 'kernel',  args: ['pipe-round-trip'],                                    goal: 2,    needs: [] },
  { name: 'pipe, per MiB',            group: 'kernel',  args: ['pipe-throughput'],                                                needs: [] },
  { name: 'fork, exit, wait',         group: 'kernel',  args: ['fork'],                                                           needs: [] },
  { name: 'spawn, wait: static',      group: 'kernel',  args: ['spawn', '/bin/micro', 'nothing'],                     goal: 1,    needs: [] },
  { name: 'spawn, wait: dynamic',     group: 'kernel',  args: ['spawn', '/bin/true'],                                             needs: ['true'] },
  { name: 'fork, exec, wait: static', group: 'kernel',  args: ['fork-exec', '/bin/micro', 'nothing'],                             needs: [] },
  { name: 'fork, exec, wait: dynamic',group: 'kernel',  args: ['fork-exec', '/bin/true'],                                         needs: ['true'] },
  { name: 'sealed file, write 64 MiB',group: 'files',   args: ['file-write', '/data/written'],                                    needs: [] },
  { name: 'sealed file, read 64 MiB', group: 'files',   args: ['file-read', '/data/written'],                                     needs: [] },
];
