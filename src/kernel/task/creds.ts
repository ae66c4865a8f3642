/** Credentials of a thread (credentials(7), capabilities(7)). Immutable: a change makes a new object. */

export interface Creds {
  readonly uid: number;
  readonly euid: number;
  readonly suid: number;
  readonly fsuid: number;
  readonly gid: number;
  readonly egid: number;
  readonly sgid: number;
  readonly fsgid: number;
  readonly groups: readonly number[];
  /** Bit sets of CAP_* (41 of them: exact in a double only up to 2^53, so no shifts on them; use `hasCap`). */
  readonly permitted: bigint;
  readonly effective: bigint;
  readonly inheritable: bigint;
}

export const ALL_CAPS = (1n << 41n) - 1n;

// biome-ignore format: a table
export const CAP = {
  CHOWN: 0, DAC_OVERRIDE: 1, DAC_READ_SEARCH: 2, FOWNER: 3, FSETID: 4, KILL: 5, SETGID: 6, SETUID: 7, SETPCAP: 8, LINUX_IMMUTABLE: 9,
  NET_BIND_SERVICE: 10, NET_BROADCAST: 11, NET_ADMIN: 12, NET_RAW: 13, IPC_LOCK: 14, IPC_OWNER: 15, SYS_MODULE: 16, SYS_RAWIO: 17, SYS_CHROOT: 18, SYS_PTRACE: 19,
  SYS_PACCT: 20, SYS_ADMIN: 21, SYS_BOOT: 22, SYS_NICE: 23, SYS_RESOURCE: 24, SYS_TIME: 25, SYS_TTY_CONFIG: 26, MKNOD: 27, LEASE: 28, AUDIT_WRITE: 29,
  AUDIT_CONTROL: 30, SETFCAP: 31, MAC_OVERRIDE: 32, MAC_ADMIN: 33, SYSLOG: 34, WAKE_ALARM: 35, BLOCK_SUSPEND: 36, AUDIT_READ: 37, PERFMON: 38, BPF: 39, CHECKPOINT_RESTORE: 40,
} as const;

export const hasCap = (creds: Creds, cap: number): boolean => creds.effective === ALL_CAPS || ((creds.effective >> BigInt(cap)) & 1n) === 1n;

export const inGroup = (creds: Creds, gid: number): boolean => creds.fsgid === gid || creds.groups.includes(gid);

/** Credentials of a freshly started program of a user. */
export function credsOf(uid: number, gid: number, groups: readonly number[] = []): Creds {
  const caps = uid === 0 ? ALL_CAPS : 0n;
  return Object.freeze({ uid, euid: uid, suid: uid, fsuid: uid, gid, egid: gid, sgid: gid, fsgid: gid, groups, permitted: caps, effective: caps, inheritable: 0n });
}

export const ROOT_CREDS = credsOf(0, 0);
