/** Resource limits of a process, indexed by RLIMIT_* (getrlimit(2)). */

import { RLIM_INFINITY } from '../../abi/resource.ts';

export interface Rlimit {
  readonly soft: number;
  readonly hard: number;
}

const unlimited: Rlimit = { soft: RLIM_INFINITY, hard: RLIM_INFINITY };

export interface LimitOptions {
  /** Processes and threads of all users together. No program can raise it. */
  readonly maxTasks?: number;
  /** RLIMIT_STACK that programs start with, in bytes. */
  readonly stackBytes?: number;
  /** RLIMIT_NOFILE that programs start with. */
  readonly openFiles?: number;
}

export const MAX_TASKS = 32768;
const MAX_FILES = 1_048_576;

/** What a login on Debian starts with, unless told otherwise. */
export function defaultLimits({ maxTasks = MAX_TASKS, stackBytes = 8 * 1024 * 1024, openFiles = 1024 }: LimitOptions): Rlimit[] {
  // biome-ignore format: a table
  return [
    unlimited,                                             // CPU
    unlimited,                                             // FSIZE
    unlimited,                                             // DATA
    { soft: stackBytes, hard: RLIM_INFINITY },             // STACK
    { soft: 0, hard: 0 },                                  // CORE: no core files
    unlimited,                                             // RSS
    { soft: maxTasks, hard: maxTasks },                    // NPROC
    { soft: openFiles, hard: MAX_FILES },                  // NOFILE
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
