/** Resource limits of a process, indexed by RLIMIT_* (getrlimit(2)). */

import { RLIM_INFINITY } from '../../abi/resource.ts';

export interface Rlimit {
  readonly soft: number;
  readonly hard: number;
}

const unlimited: Rlimit = { soft: RLIM_INFINITY, hard: RLIM_INFINITY };

/** What a login on Debian starts with. */
export function defaultLimits(): Rlimit[] {
  // biome-ignore format: a table
  return [
    unlimited,                                             // CPU
    unlimited,                                             // FSIZE
    unlimited,                                             // DATA
    { soft: 8 * 1024 * 1024, hard: RLIM_INFINITY },        // STACK
    { soft: 0, hard: 0 },                                  // CORE: no core files
    unlimited,                                             // RSS
    { soft: 32768, hard: 32768 },                          // NPROC
    { soft: 1024, hard: 1048576 },                         // NOFILE
    { soft: 8 * 1024 * 1024, hard: 8 * 1024 * 1024 },      // MEMLOCK
    unlimited,                                             // AS
    unlimited,                                             // LOCKS
    { soft: 32768, hard: 32768 },                          // SIGPENDING
    { soft: 819200, hard: 819200 },                        // MSGQUEUE
    { soft: 0, hard: 0 },                                  // NICE
    { soft: 0, hard: 0 },                                  // RTPRIO
    unlimited,                                             // RTTIME
  ];
}
