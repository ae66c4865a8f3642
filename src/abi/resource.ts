/** Resource limits and usage (getrlimit(2), getrusage(2)). */

// biome-ignore format: a table
export const RLIMIT = {
  CPU: 0, FSIZE: 1, DATA: 2, STACK: 3, CORE: 4, RSS: 5, NPROC: 6, NOFILE: 7,
  MEMLOCK: 8, AS: 9, LOCKS: 10, SIGPENDING: 11, MSGQUEUE: 12, NICE: 13, RTPRIO: 14, RTTIME: 15,
} as const;

export const RLIM_NLIMITS = 16;
/** Stands for RLIM_INFINITY (2^64 − 1) in the kernel. */
export const RLIM_INFINITY = Number.POSITIVE_INFINITY;

export const RUSAGE_SELF = 0, RUSAGE_CHILDREN = -1, RUSAGE_THREAD = 1;
export const PRIO_PROCESS = 0, PRIO_PGRP = 1, PRIO_USER = 2;
