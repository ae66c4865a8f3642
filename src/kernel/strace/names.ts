/** Names of flags and constants, in the order in which strace prints them. */

import { FUTEX_CLOCK_REALTIME, FUTEX_PRIVATE_FLAG } from '../../abi/futex.ts';
import { MADV } from '../../abi/mman.ts';
import { PR } from '../../abi/prctl.ts';
import { RLIMIT } from '../../abi/resource.ts';
import { CLOCK } from '../../abi/time.ts';

type Names = readonly (readonly [string, number])[];

const prefixed = (prefix: string, table: Readonly<Record<string, number>>): Names => Object.entries(table).map(([name, value]) => [prefix + name, value]);

// biome-ignore format: a table
export const NAMES = {
  openFlags: [['O_TMPFILE', 0o20200000], ['O_SYNC', 0o4010000], ['O_CREAT', 0o100], ['O_EXCL', 0o200], ['O_NOCTTY', 0o400], ['O_TRUNC', 0o1000], ['O_APPEND', 0o2000], ['O_NONBLOCK', 0o4000], ['O_DSYNC', 0o10000], ['O_ASYNC', 0o20000], ['O_DIRECT', 0o40000], ['O_LARGEFILE', 0o100000], ['O_NOFOLLOW', 0o400000], ['O_NOATIME', 0o1000000], ['O_CLOEXEC', 0o2000000], ['O_PATH', 0o10000000], ['O_DIRECTORY', 0o200000]],
  openAccess: [['O_RDONLY', 0], ['O_WRONLY', 1], ['O_RDWR', 2], ['O_ACCMODE', 3]],
  atFlags: [['AT_SYMLINK_NOFOLLOW', 0x100], ['AT_REMOVEDIR', 0x200], ['AT_SYMLINK_FOLLOW', 0x400], ['AT_NO_AUTOMOUNT', 0x800], ['AT_EMPTY_PATH', 0x1000]],
  prot: [['PROT_READ', 1], ['PROT_WRITE', 2], ['PROT_EXEC', 4]],
  mapFlags: [['MAP_SHARED_VALIDATE', 3], ['MAP_SHARED', 1], ['MAP_PRIVATE', 2], ['MAP_FIXED', 0x10], ['MAP_ANONYMOUS', 0x20], ['MAP_32BIT', 0x40], ['MAP_GROWSDOWN', 0x100], ['MAP_DENYWRITE', 0x800], ['MAP_LOCKED', 0x2000], ['MAP_NORESERVE', 0x4000], ['MAP_POPULATE', 0x8000], ['MAP_NONBLOCK', 0x10000], ['MAP_STACK', 0x20000], ['MAP_HUGETLB', 0x40000], ['MAP_FIXED_NOREPLACE', 0x100000]],
  cloneFlags: [['CLONE_VM', 0x100], ['CLONE_FS', 0x200], ['CLONE_FILES', 0x400], ['CLONE_SIGHAND', 0x800], ['CLONE_PIDFD', 0x1000], ['CLONE_VFORK', 0x4000], ['CLONE_PARENT', 0x8000], ['CLONE_THREAD', 0x10000], ['CLONE_SYSVSEM', 0x40000], ['CLONE_SETTLS', 0x80000], ['CLONE_PARENT_SETTID', 0x100000], ['CLONE_CHILD_CLEARTID', 0x200000], ['CLONE_DETACHED', 0x400000], ['CLONE_CHILD_SETTID', 0x1000000]],
  waitOptions: [['WNOHANG', 1], ['WSTOPPED', 2], ['WEXITED', 4], ['WCONTINUED', 8], ['WNOWAIT', 0x1000000]],
  signalFlags: [['SA_RESTORER', 0x04000000], ['SA_ONSTACK', 0x08000000], ['SA_RESTART', 0x10000000], ['SA_NODEFER', 0x40000000], ['SA_RESETHAND', 0x80000000], ['SA_NOCLDSTOP', 1], ['SA_NOCLDWAIT', 2], ['SA_SIGINFO', 4]],
  accessMode: [['R_OK', 4], ['W_OK', 2], ['X_OK', 1]],
  randomFlags: [['GRND_NONBLOCK', 1], ['GRND_RANDOM', 2], ['GRND_INSECURE', 4]],
  whence: [['SEEK_SET', 0], ['SEEK_CUR', 1], ['SEEK_END', 2], ['SEEK_DATA', 3], ['SEEK_HOLE', 4]],
  sigprocmaskHow: [['SIG_BLOCK', 0], ['SIG_UNBLOCK', 1], ['SIG_SETMASK', 2]],
  futexOp: ['WAIT', 'WAKE', 'FD', 'REQUEUE', 'CMP_REQUEUE', 'WAKE_OP', 'LOCK_PI', 'UNLOCK_PI', 'TRYLOCK_PI', 'WAIT_BITSET', 'WAKE_BITSET'].flatMap((name, value): [string, number][] => [[`FUTEX_${name}`, value], [`FUTEX_${name}_PRIVATE`, value | FUTEX_PRIVATE_FLAG], [`FUTEX_${name}|FUTEX_CLOCK_REALTIME`, value | FUTEX_CLOCK_REALTIME], [`FUTEX_${name}_PRIVATE|FUTEX_CLOCK_REALTIME`, value | FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME]]),
  clock: Object.entries(CLOCK).map(([name, value]) => [`CLOCK_${name}`, value]),
  resource: Object.entries(RLIMIT).map(([name, value]) => [`RLIMIT_${name}`, value]),
  madvice: Object.entries(MADV).map(([name, value]) => [`MADV_${name}`, value]),
  prctlOption: prefixed('PR_', PR),
  archPrctl: [['ARCH_SET_GS', 0x1001], ['ARCH_SET_FS', 0x1002], ['ARCH_GET_FS', 0x1003], ['ARCH_GET_GS', 0x1004], ['ARCH_CET_STATUS', 0x3001]],
  fcntlCommand: [['F_DUPFD', 0], ['F_GETFD', 1], ['F_SETFD', 2], ['F_GETFL', 3], ['F_SETFL', 4], ['F_GETLK', 5], ['F_SETLK', 6], ['F_SETLKW', 7], ['F_SETOWN', 8], ['F_GETOWN', 9], ['F_OFD_GETLK', 36], ['F_OFD_SETLK', 37], ['F_OFD_SETLKW', 38], ['F_DUPFD_CLOEXEC', 1030], ['F_SETPIPE_SZ', 1031], ['F_GETPIPE_SZ', 1032], ['F_ADD_SEALS', 1033], ['F_GET_SEALS', 1034]],
  ioctlCommand: [['TCGETS', 0x5401], ['TCSETS', 0x5402], ['TCSETSW', 0x5403], ['TCSETSF', 0x5404], ['TIOCSCTTY', 0x540e], ['TIOCGPGRP', 0x540f], ['TIOCSPGRP', 0x5410], ['TIOCGWINSZ', 0x5413], ['TIOCSWINSZ', 0x5414], ['FIONREAD', 0x541b], ['FIONBIO', 0x5421], ['TIOCNOTTY', 0x5422], ['FIONCLEX', 0x5450], ['FIOCLEX', 0x5451], ['TIOCGPTN', 0x80045430], ['TIOCSPTLCK', 0x40045431]],
  family: [['AF_UNSPEC', 0], ['AF_UNIX', 1], ['AF_INET', 2], ['AF_INET6', 10], ['AF_NETLINK', 16]],
  socketType: [['SOCK_STREAM', 1], ['SOCK_DGRAM', 2], ['SOCK_RAW', 3], ['SOCK_SEQPACKET', 5]],
} as const satisfies Record<string, Names>;
