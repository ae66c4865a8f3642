/** System V interprocess communication (sysvipc(7)): flags, commands, layouts of x86-64 Linux. */

export const IPC_PRIVATE = 0;

// biome-ignore format: a table
export const
  IPC_CREAT = 0o1000, IPC_EXCL = 0o2000, IPC_NOWAIT = 0o4000,
  IPC_RMID = 0, IPC_SET = 1, IPC_STAT = 2, IPC_INFO = 3,
  MSG_STAT = 11, MSG_INFO = 12, MSG_STAT_ANY = 13, SHM_LOCK = 11, SHM_UNLOCK = 12, SHM_STAT = 13, SHM_INFO = 14, SHM_STAT_ANY = 15,
  GETPID = 11, GETVAL = 12, GETALL = 13, GETNCNT = 14, GETZCNT = 15, SETVAL = 16, SETALL = 17, SEM_STAT = 18, SEM_INFO = 19, SEM_STAT_ANY = 20;

export const SHM_RDONLY = 0o10000, SHM_RND = 0o20000, SHM_REMAP = 0o40000, SHM_EXEC = 0o100000;
/** Bits of shm_perm.mode. */
export const SHM_DEST = 0o1000, SHM_LOCKED = 0o2000;
export const SEM_UNDO = 0x1000;
export const MSG_NOERROR = 0o10000, MSG_EXCEPT = 0o20000, MSG_COPY = 0o40000;

/** /proc/sys/kernel/sem, msgmax, msgmnb, shmmni and the like. */
export const SEMMSL = 32000, SEMOPM = 500, SEMVMX = 32767, MSGMAX = 8192, MSGMNB = 16384, IPCMNI = 32768;

export const IPC_PERM_BYTES = 48, SHMID_DS_BYTES = 112, SEMID_DS_BYTES = 104, MSQID_DS_BYTES = 120;
