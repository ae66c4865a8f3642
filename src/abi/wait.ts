/** Waiting for children (wait(2), waitid(2)). */

// biome-ignore format: a table
export const
  WNOHANG = 1, WUNTRACED = 2, WSTOPPED = 2, WEXITED = 4, WCONTINUED = 8, WNOWAIT = 0x0100_0000,
  __WNOTHREAD = 0x2000_0000, __WALL = 0x4000_0000, __WCLONE = 0x8000_0000;

export const P_ALL = 0, P_PID = 1, P_PGID = 2, P_PIDFD = 3;

export const exitedStatus = (code: number): number => (code & 0xff) << 8;
export const killedStatus = (signal: number): number => signal & 0x7f;
export const stoppedStatus = (signal: number): number => (signal << 8) | 0x7f;
export const CONTINUED_STATUS = 0xffff;
