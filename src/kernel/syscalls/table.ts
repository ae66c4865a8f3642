/**
 * Every system call of x86-64 Linux by number (arch/x86/entry/syscalls/syscall_64.tbl, up to Linux 6.17). The one
 * place that says what is supported: dispatch, strace, the reference and the coverage test derive from it.
 */

import { EACCES, EINVAL, ENOSYS, EOPNOTSUPP, EPERM } from '../errno.ts';
import {
  accessMode, addr, archPrctl, atFlags, clock, cloneFlags, dirfd, family, fcntlCmd, fd, futexOp, gid, hex, how, inBuf, inIovec, int, ioctlCmd, long, madvice, mapFlags, mode, off,
  openFlags, outAddr, outBuf, outIovec, outPipe, outRlimit, outSigaction, outSigset, outSockaddr, outStat, outStatus, outTimespec, outTimeval, path, pid, pollfds, prctlOption, prot,
  randomFlags, resource, rlimit, sigaction, signal, sigset, size, sockaddr, socketType, str, strings, timespec, timeval, uid, uint, ulong, waitOptions, whence,
} from './args.ts';
import { sys_brk } from './brk.ts';
import { sys_capget, sys_capset } from './capget.ts';
import { sys_clock_getres, sys_clock_gettime, sys_gettimeofday, sys_time } from './clock_gettime.ts';
import { sys_clone, sys_clone3, sys_fork, sys_vfork } from './clone.ts';
import { sys_copy_file_range } from './copy_file_range.ts';
import { sys_epoll_create, sys_epoll_create1 } from './epoll_create.ts';
import { sys_epoll_ctl } from './epoll_ctl.ts';
import { sys_epoll_pwait, sys_epoll_pwait2, sys_epoll_wait } from './epoll_wait.ts';
import { sys_eventfd, sys_eventfd2 } from './eventfd.ts';
import { sys_execve, sys_execveat } from './execve.ts';
import { sys_exit, sys_exit_group } from './exit.ts';
import { sys_fadvise64, sys_readahead } from './fadvise.ts';
import { sys_fallocate } from './fallocate.ts';
import { sys_futex } from './futex.ts';
import { sys_futex_requeue, sys_futex_wait, sys_futex_waitv, sys_futex_wake } from './futex2.ts';
import { sys_pipe, sys_pipe2 } from './pipe.ts';
import { sys_poll, sys_ppoll } from './poll.ts';
import { sys_pselect6, sys_select } from './select.ts';
import { sys_pidfd_getfd, sys_pidfd_open, sys_pidfd_send_signal } from './pidfd_open.ts';
import { sys_getpid, sys_getppid, sys_gettid } from './getpid.ts';
import { sys_getrandom } from './getrandom.ts';
import { sys_getrlimit, sys_prlimit64, sys_setrlimit } from './getrlimit.ts';
import { sys_getrusage, sys_times } from './getrusage.ts';
import { sys_getegid, sys_geteuid, sys_getgid, sys_getgroups, sys_getresgid, sys_getresuid, sys_getuid, sys_setgroups } from './getuid.ts';
import { sys_inotify_add_watch, sys_inotify_init, sys_inotify_init1, sys_inotify_rm_watch } from './inotify_add_watch.ts';
import { sys_kill, sys_tgkill, sys_tkill } from './kill.ts';
import { sys_madvise } from './madvise.ts';
import { sys_kcmp, sys_membarrier, sys_personality } from './membarrier.ts';
import { sys_memfd_create } from './memfd_create.ts';
import { sys_mlock, sys_mlock2, sys_mlockall, sys_munlock, sys_munlockall } from './mlock.ts';
import { sys_mmap, sys_munmap } from './mmap.ts';
import { sys_mount, sys_umount2 } from './mount.ts';
import { sys_mprotect } from './mprotect.ts';
import { sys_mremap } from './mremap.ts';
import { sys_msgctl, sys_msgget, sys_msgrcv, sys_msgsnd } from './msgop.ts';
import { sys_mincore, sys_msync } from './msync.ts';
import { sys_clock_nanosleep, sys_nanosleep } from './nanosleep.ts';
import { sys_arch_prctl, sys_prctl } from './prctl.ts';
import { sys_process_vm_readv, sys_process_vm_writev } from './process_vm_readv.ts';
import { sys_getcpu, sys_getpriority, sys_ioprio_get, sys_ioprio_set, sys_sched_get_priority_max, sys_sched_get_priority_min, sys_sched_getaffinity, sys_sched_getattr, sys_sched_getparam, sys_sched_getscheduler, sys_sched_rr_get_interval, sys_sched_setaffinity, sys_sched_setattr, sys_sched_setparam, sys_sched_setscheduler, sys_sched_yield, sys_setpriority } from './sched.ts';
import { sys_get_robust_list, sys_set_robust_list, sys_set_tid_address } from './set_tid_address.ts';
import { sys_alarm, sys_getitimer, sys_setitimer } from './setitimer.ts';
import { sys_getpgid, sys_getpgrp, sys_getsid, sys_setpgid, sys_setsid } from './setpgid.ts';
import { sys_setfsgid, sys_setfsuid, sys_setgid, sys_setregid, sys_setresgid, sys_setresuid, sys_setreuid, sys_setuid } from './setuid.ts';
import { sys_rt_sigaction } from './sigaction.ts';
import { sys_signalfd, sys_signalfd4 } from './signalfd.ts';
import { sys_sigaltstack } from './sigaltstack.ts';
import { sys_pause, sys_rt_sigpending, sys_rt_sigprocmask, sys_rt_sigsuspend } from './sigprocmask.ts';
import { sys_rt_sigqueueinfo, sys_rt_tgsigqueueinfo } from './sigqueue.ts';
import { sys_semctl, sys_semget, sys_semop, sys_semtimedop } from './semop.ts';
import { sys_sendfile } from './sendfile.ts';
import { sys_shmat, sys_shmctl, sys_shmdt, sys_shmget } from './shmget.ts';
import { sys_rt_sigreturn } from './sigreturn.ts';
import { sys_rt_sigtimedwait } from './sigtimedwait.ts';
import { sys_splice, sys_tee, sys_vmsplice } from './splice.ts';
import { sys_sysinfo } from './sysinfo.ts';
import { sys_timer_create, sys_timer_delete, sys_timer_getoverrun, sys_timer_gettime, sys_timer_settime } from './timer_create.ts';
import { sys_timerfd_create, sys_timerfd_gettime, sys_timerfd_settime } from './timerfd_create.ts';
import { sys_setdomainname, sys_sethostname, sys_uname } from './uname.ts';
import { sys_wait4, sys_waitid } from './wait.ts';
import * as accept from './accept.ts';
import * as access from './access.ts';
import * as bind from './bind.ts';
import * as chdir from './chdir.ts';
import * as chmod from './chmod.ts';
import * as chown from './chown.ts';
import * as close from './close.ts';
import * as connect from './connect.ts';
import * as dup from './dup.ts';
import * as fcntl from './fcntl.ts';
import * as flock from './flock.ts';
import * as fsync from './fsync.ts';
import * as getcwd from './getcwd.ts';
import * as getdents from './getdents.ts';
import * as getsockname from './getsockname.ts';
import * as getsockopt from './getsockopt.ts';
import * as listen from './listen.ts';
import * as recv from './recv.ts';
import * as send from './send.ts';
import * as shutdown from './shutdown.ts';
import * as socket from './socket.ts';
import * as xattr from './getxattr.ts';
import * as ioctl from './ioctl.ts';
import * as link from './link.ts';
import * as lseek from './lseek.ts';
import * as mkdir from './mkdir.ts';
import * as mknod from './mknod.ts';
import * as open from './open.ts';
import * as read from './read.ts';
import * as readlink from './readlink.ts';
import * as readv from './readv.ts';
import * as rename from './rename.ts';
import * as stat from './stat.ts';
import * as statfs from './statfs.ts';
import * as statx from './statx.ts';
import * as symlink from './symlink.ts';
import * as truncate from './truncate.ts';
import * as umask from './umask.ts';
import * as unlink from './unlink.ts';
import * as utimensat from './utimensat.ts';
import * as write from './write.ts';
import { full, partial, refused, type Row } from './row.ts';

export type { Row } from './row.ts';

const unwritten = 'Never part of x86-64 Linux.';

// biome-ignore format: a table
export const SYSCALLS: Readonly<Record<number, Row>> = {
    0: full('read', [fd, outBuf, size], read.sys_read),
    1: full('write', [fd, inBuf, size], write.sys_write),
    2: full('open', [path, openFlags, mode], open.sys_open),
    3: full('close', [fd], close.sys_close),
    4: full('stat', [path, outStat], stat.sys_stat),
    5: full('fstat', [fd, outStat], stat.sys_fstat),
    6: full('lstat', [path, outStat], stat.sys_lstat),
    7: full('poll', [pollfds, uint, int], sys_poll),
    8: full('lseek', [fd, off, whence], lseek.sys_lseek),
    9: partial('mmap', [addr, size, prot, mapFlags, fd, off], sys_mmap, 'MAP_HUGETLB and MAP_LOCKED are taken for hints; addresses end at 16 GiB.'),
   10: full('mprotect', [addr, size, prot], sys_mprotect),
   11: full('munmap', [addr, size], sys_munmap),
   12: full('brk', [addr], sys_brk),
   13: full('rt_sigaction', [signal, sigaction, outSigaction, size], sys_rt_sigaction),
   14: full('rt_sigprocmask', [how, sigset, outSigset, size], sys_rt_sigprocmask),
   15: full('rt_sigreturn', [], sys_rt_sigreturn),
   16: full('ioctl', [fd, ioctlCmd, ulong], ioctl.sys_ioctl),
   17: full('pread64', [fd, outBuf, size, off], read.sys_pread64),
   18: full('pwrite64', [fd, inBuf, size, off], write.sys_pwrite64),
   19: full('readv', [fd, outIovec, int], readv.sys_readv),
   20: full('writev', [fd, inIovec, int], readv.sys_writev),
   21: full('access', [path, accessMode], access.sys_access),
   22: full('pipe', [outPipe], sys_pipe),
   23: full('select', [int, addr, addr, addr, timeval], sys_select),
   24: full('sched_yield', [], sys_sched_yield),
   25: partial('mremap', [addr, size, size, hex, addr], sys_mremap, 'MREMAP_DONTUNMAP is EINVAL; private pages are moved by copying.'),
   26: full('msync', [addr, size, hex], sys_msync),
   27: partial('mincore', [addr, size, outAddr], sys_mincore, 'Every mapped page counts as resident.'),
   28: full('madvise', [addr, size, madvice], sys_madvise),
   29: full('shmget', [int, size, hex], sys_shmget),
   30: full('shmat', [int, addr, hex], sys_shmat),
   31: partial('shmctl', [int, int, addr], sys_shmctl, 'No SHM_INFO, no IPC_INFO.'),
   32: full('dup', [fd], dup.sys_dup),
   33: full('dup2', [fd, fd], dup.sys_dup2),
   34: full('pause', [], sys_pause),
   35: full('nanosleep', [timespec, outTimespec], sys_nanosleep),
   36: full('getitimer', [int, outAddr], sys_getitimer),
   37: full('alarm', [uint], sys_alarm),
   38: partial('setitimer', [int, addr, outAddr], sys_setitimer, 'ITIMER_VIRTUAL and ITIMER_PROF count elapsed time.'),
   39: full('getpid', [], sys_getpid),
   40: full('sendfile', [fd, fd, addr, size], sys_sendfile),
   41: partial('socket', [family, socketType, int], socket.sys_socket, 'AF_UNIX, and TCP and UDP on the loopback; the outside is ENETUNREACH.'),
   42: full('connect', [fd, sockaddr, int], connect.sys_connect),
   43: full('accept', [fd, outSockaddr, addr], accept.sys_accept),
   44: partial('sendto', [fd, inBuf, size, hex, sockaddr, int], send.sys_sendto, 'No MSG_OOB.'),
   45: partial('recvfrom', [fd, outBuf, size, hex, outSockaddr, addr], recv.sys_recvfrom, 'No MSG_OOB, no error queue.'),
   46: partial('sendmsg', [fd, addr, hex], send.sys_sendmsg, 'No MSG_OOB.'),
   47: partial('recvmsg', [fd, addr, hex], recv.sys_recvmsg, 'No MSG_OOB, no error queue; of IP only the data, no control messages.'),
   48: full('shutdown', [fd, int], shutdown.sys_shutdown),
   49: full('bind', [fd, sockaddr, int], bind.sys_bind),
   50: full('listen', [fd, int], listen.sys_listen),
   51: full('getsockname', [fd, outSockaddr, addr], getsockname.sys_getsockname),
   52: full('getpeername', [fd, outSockaddr, addr], getsockname.sys_getpeername),
   53: full('socketpair', [family, socketType, int, outPipe], socket.sys_socketpair),
   54: partial('setsockopt', [fd, int, int, addr, int], getsockopt.sys_setsockopt, 'Options about wires are kept and do nothing.'),
   55: full('getsockopt', [fd, int, int, outAddr, addr], getsockopt.sys_getsockopt),
   56: partial('clone', [cloneFlags, addr, addr, addr, addr], sys_clone, 'No name spaces.'),
   57: full('fork', [], sys_fork),
   58: full('vfork', [], sys_vfork),
   59: full('execve', [path, strings, strings], sys_execve),
   60: full('exit', [int], sys_exit),
   61: full('wait4', [pid, outStatus, waitOptions, outAddr], sys_wait4),
   62: full('kill', [pid, signal], sys_kill),
   63: full('uname', [outAddr], sys_uname),
   64: full('semget', [int, int, hex], sys_semget),
   65: full('semop', [int, addr, size], sys_semop),
   66: partial('semctl', [int, int, int, ulong], sys_semctl, 'No SEM_INFO, no IPC_INFO.'),
   67: full('shmdt', [addr], sys_shmdt),
   68: full('msgget', [int, hex], sys_msgget),
   69: full('msgsnd', [int, addr, size, hex], sys_msgsnd),
   70: partial('msgrcv', [int, outAddr, size, long, hex], sys_msgrcv, 'No MSG_COPY.'),
   71: partial('msgctl', [int, int, addr], sys_msgctl, 'No MSG_INFO, no IPC_INFO.'),
   72: full('fcntl', [fd, fcntlCmd, ulong], fcntl.sys_fcntl),
   73: full('flock', [fd, hex], flock.sys_flock),
   74: full('fsync', [fd], fsync.sys_fsync),
   75: full('fdatasync', [fd], fsync.sys_fsync),
   76: full('truncate', [path, off], truncate.sys_truncate),
   77: full('ftruncate', [fd, off], truncate.sys_ftruncate),
   78: full('getdents', [fd, outAddr, uint], getdents.sys_getdents),
   79: full('getcwd', [outBuf, size], getcwd.sys_getcwd),
   80: full('chdir', [path], chdir.sys_chdir),
   81: full('fchdir', [fd], chdir.sys_fchdir),
   82: full('rename', [path, path], rename.sys_rename),
   83: full('mkdir', [path, mode], mkdir.sys_mkdir),
   84: full('rmdir', [path], mkdir.sys_rmdir),
   85: full('creat', [path, mode], open.sys_creat),
   86: full('link', [path, path], link.sys_link),
   87: full('unlink', [path], unlink.sys_unlink),
   88: full('symlink', [path, path], symlink.sys_symlink),
   89: full('readlink', [path, outBuf, size], readlink.sys_readlink),
   90: full('chmod', [path, mode], chmod.sys_chmod),
   91: full('fchmod', [fd, mode], chmod.sys_fchmod),
   92: full('chown', [path, uid, gid], chown.sys_chown),
   93: full('fchown', [fd, uid, gid], chown.sys_fchown),
   94: full('lchown', [path, uid, gid], chown.sys_lchown),
   95: full('umask', [mode], umask.sys_umask),
   96: full('gettimeofday', [outTimeval, outAddr], sys_gettimeofday),
   97: full('getrlimit', [resource, outRlimit], sys_getrlimit),
   98: full('getrusage', [int, outAddr], sys_getrusage),
   99: full('sysinfo', [outAddr], sys_sysinfo),
  100: full('times', [outAddr], sys_times),
  101: refused('ptrace', [long, pid, addr, addr], EPERM, 'No process may trace another.'),
  102: full('getuid', [], sys_getuid),
  103: refused('syslog', [int, outBuf, int], EPERM, 'There is no kernel log inside.'),
  104: full('getgid', [], sys_getgid),
  105: full('setuid', [uid], sys_setuid),
  106: full('setgid', [gid], sys_setgid),
  107: full('geteuid', [], sys_geteuid),
  108: full('getegid', [], sys_getegid),
  109: full('setpgid', [pid, pid], sys_setpgid),
  110: full('getppid', [], sys_getppid),
  111: full('getpgrp', [], sys_getpgrp),
  112: full('setsid', [], sys_setsid),
  113: full('setreuid', [uid, uid], sys_setreuid),
  114: full('setregid', [gid, gid], sys_setregid),
  115: full('getgroups', [int, outAddr], sys_getgroups),
  116: full('setgroups', [int, addr], sys_setgroups),
  117: full('setresuid', [uid, uid, uid], sys_setresuid),
  118: full('getresuid', [outAddr, outAddr, outAddr], sys_getresuid),
  119: full('setresgid', [gid, gid, gid], sys_setresgid),
  120: full('getresgid', [outAddr, outAddr, outAddr], sys_getresgid),
  121: full('getpgid', [pid], sys_getpgid),
  122: full('setfsuid', [uid], sys_setfsuid),
  123: full('setfsgid', [gid], sys_setfsgid),
  124: full('getsid', [pid], sys_getsid),
  125: full('capget', [addr, outAddr], sys_capget),
  126: full('capset', [addr, addr], sys_capset),
  127: full('rt_sigpending', [outSigset, size], sys_rt_sigpending),
  128: full('rt_sigtimedwait', [sigset, outAddr, timespec, size], sys_rt_sigtimedwait),
  129: full('rt_sigqueueinfo', [pid, signal, addr], sys_rt_sigqueueinfo),
  130: full('rt_sigsuspend', [sigset, size], sys_rt_sigsuspend),
  131: full('sigaltstack', [addr, outAddr], sys_sigaltstack),
  132: full('utime', [path, addr], utimensat.sys_utime),
  133: full('mknod', [path, mode, uint], mknod.sys_mknod),
  134: refused('uselib', [path], ENOSYS, 'Gone since Linux 5.1 on x86-64.'),
  135: partial('personality', [uint], sys_personality, 'Only PER_LINUX.'),
  136: refused('ustat', [uint, outAddr], ENOSYS, 'Superseded by statfs.'),
  137: full('statfs', [path, outAddr], statfs.sys_statfs),
  138: full('fstatfs', [fd, outAddr], statfs.sys_fstatfs),
  139: refused('sysfs', [int, ulong, ulong], ENOSYS, 'Superseded by /proc/filesystems.'),
  140: full('getpriority', [int, int], sys_getpriority),
  141: partial('setpriority', [int, int, int], sys_setpriority, 'Kept and reported; tasks take turns all the same.'),
  142: full('sched_setparam', [pid, addr], sys_sched_setparam),
  143: full('sched_getparam', [pid, outAddr], sys_sched_getparam),
  144: partial('sched_setscheduler', [pid, int, addr], sys_sched_setscheduler, 'Kept and reported; tasks take turns all the same.'),
  145: full('sched_getscheduler', [pid], sys_sched_getscheduler),
  146: full('sched_get_priority_max', [int], sys_sched_get_priority_max),
  147: full('sched_get_priority_min', [int], sys_sched_get_priority_min),
  148: full('sched_rr_get_interval', [pid, outTimespec], sys_sched_rr_get_interval),
  149: full('mlock', [addr, size], sys_mlock),
  150: full('munlock', [addr, size], sys_munlock),
  151: partial('mlockall', [hex], sys_mlockall, 'Nothing is ever swapped out.'),
  152: full('munlockall', [], sys_munlockall),
  153: refused('vhangup', [], EPERM, 'Terminals are hung up by their owner only.'),
  154: refused('modify_ldt', [int, addr, ulong], ENOSYS, 'No 16- or 32-bit segments.'),
  155: refused('pivot_root', [path, path], EPERM, 'The root is measured and stays.'),
  156: refused('_sysctl', [addr], ENOSYS, 'Gone since Linux 5.5.'),
  157: partial('prctl', [prctlOption, ulong, ulong, ulong, ulong], sys_prctl, 'Options about hardware, seccomp and core scheduling are EINVAL.'),
  158: full('arch_prctl', [archPrctl, addr], sys_arch_prctl),
  159: refused('adjtimex', [addr], EPERM, 'The clock is the host’s.'),
  160: full('setrlimit', [resource, rlimit], sys_setrlimit),
  161: full('chroot', [path], chdir.sys_chroot),
  162: full('sync', [], fsync.sys_sync),
  163: refused('acct', [path], EPERM, 'No process accounting.'),
  164: refused('settimeofday', [timeval, addr], EPERM, 'The clock is the host’s.'),
  165: partial('mount', [path, path, str, hex, addr], sys_mount, 'tmpfs, proc, sysfs, devpts, devtmpfs and bind mounts; mounts are not moved, propagation has no effect.'),
  166: partial('umount2', [path, hex], sys_umount2, 'No MNT_EXPIRE.'),
  167: refused('swapon', [path, hex], EPERM, 'No swap.'),
  168: refused('swapoff', [path], EPERM, 'No swap.'),
  169: refused('reboot', [hex, hex, hex, addr], EPERM, 'An enclave is stopped from outside.'),
  170: full('sethostname', [str, size], sys_sethostname),
  171: full('setdomainname', [str, size], sys_setdomainname),
  172: refused('iopl', [int], EPERM, 'No I/O ports.'),
  173: refused('ioperm', [ulong, ulong, int], EPERM, 'No I/O ports.'),
  174: refused('create_module', [str, size], ENOSYS, 'Gone since Linux 2.6.'),
  175: refused('init_module', [addr, size, str], EPERM, 'No kernel modules.'),
  176: refused('delete_module', [str, hex], EPERM, 'No kernel modules.'),
  177: refused('get_kernel_syms', [addr], ENOSYS, 'Gone since Linux 2.6.'),
  178: refused('query_module', [str, int, addr, size, addr], ENOSYS, 'Gone since Linux 2.6.'),
  179: refused('quotactl', [int, path, int, addr], ENOSYS, 'No quotas.'),
  180: refused('nfsservctl', [int, addr, addr], ENOSYS, 'Gone since Linux 3.1.'),
  181: refused('getpmsg', [], ENOSYS, unwritten),
  182: refused('putpmsg', [], ENOSYS, unwritten),
  183: refused('afs_syscall', [], ENOSYS, unwritten),
  184: refused('tuxcall', [], ENOSYS, unwritten),
  185: refused('security', [], ENOSYS, unwritten),
  186: full('gettid', [], sys_gettid),
  187: full('readahead', [fd, off, size], sys_readahead),
  188: full('setxattr', [path, str, inBuf, size, hex], xattr.sys_setxattr),
  189: full('lsetxattr', [path, str, inBuf, size, hex], xattr.sys_lsetxattr),
  190: full('fsetxattr', [fd, str, inBuf, size, hex], xattr.sys_fsetxattr),
  191: full('getxattr', [path, str, outBuf, size], xattr.sys_getxattr),
  192: full('lgetxattr', [path, str, outBuf, size], xattr.sys_lgetxattr),
  193: full('fgetxattr', [fd, str, outBuf, size], xattr.sys_fgetxattr),
  194: full('listxattr', [path, outBuf, size], xattr.sys_listxattr),
  195: full('llistxattr', [path, outBuf, size], xattr.sys_llistxattr),
  196: full('flistxattr', [fd, outBuf, size], xattr.sys_flistxattr),
  197: full('removexattr', [path, str], xattr.sys_removexattr),
  198: full('lremovexattr', [path, str], xattr.sys_lremovexattr),
  199: full('fremovexattr', [fd, str], xattr.sys_fremovexattr),
  200: full('tkill', [pid, signal], sys_tkill),
  201: full('time', [outAddr], sys_time),
  202: partial('futex', [addr, futexOp, uint, addr, addr, uint], sys_futex, 'No priorities are inherited; the waiter-side PI requeue operations are ENOSYS.'),
  203: full('sched_setaffinity', [pid, size, addr], sys_sched_setaffinity),
  204: full('sched_getaffinity', [pid, size, outAddr], sys_sched_getaffinity),
  205: refused('set_thread_area', [addr], ENOSYS, 'For 32-bit programs.'),
  206: refused('io_setup', [uint, addr], ENOSYS, 'No asynchronous I/O contexts.'),
  207: refused('io_destroy', [ulong], ENOSYS, 'No asynchronous I/O contexts.'),
  208: refused('io_getevents', [ulong, long, long, addr, timespec], ENOSYS, 'No asynchronous I/O contexts.'),
  209: refused('io_submit', [ulong, long, addr], ENOSYS, 'No asynchronous I/O contexts.'),
  210: refused('io_cancel', [ulong, addr, addr], ENOSYS, 'No asynchronous I/O contexts.'),
  211: refused('get_thread_area', [addr], ENOSYS, 'For 32-bit programs.'),
  212: refused('lookup_dcookie', [ulong, outBuf, size], ENOSYS, 'Gone since Linux 6.7.'),
  213: full('epoll_create', [int], sys_epoll_create),
  214: refused('epoll_ctl_old', [], ENOSYS, unwritten),
  215: refused('epoll_wait_old', [], ENOSYS, unwritten),
  216: refused('remap_file_pages', [addr, size, prot, size, hex], ENOSYS, 'Superseded by mmap.'),
  217: full('getdents64', [fd, outAddr, uint], getdents.sys_getdents64),
  218: full('set_tid_address', [addr], sys_set_tid_address),
  219: refused('restart_syscall', [], ENOSYS, 'Interrupted sleeps go on without it.'),
  220: full('semtimedop', [int, addr, size, timespec], sys_semtimedop),
  221: full('fadvise64', [fd, off, size, int], sys_fadvise64),
  222: partial('timer_create', [clock, addr, outAddr], sys_timer_create, 'Timers on CPU clocks count elapsed time.'),
  223: full('timer_settime', [int, hex, addr, outAddr], sys_timer_settime),
  224: full('timer_gettime', [int, outAddr], sys_timer_gettime),
  225: full('timer_getoverrun', [int], sys_timer_getoverrun),
  226: full('timer_delete', [int], sys_timer_delete),
  227: refused('clock_settime', [clock, timespec], EPERM, 'The clock is the host’s.'),
  228: full('clock_gettime', [clock, outTimespec], sys_clock_gettime),
  229: full('clock_getres', [clock, outTimespec], sys_clock_getres),
  230: full('clock_nanosleep', [clock, hex, timespec, outTimespec], sys_clock_nanosleep),
  231: full('exit_group', [int], sys_exit_group),
  232: full('epoll_wait', [fd, outAddr, int, int], sys_epoll_wait),
  233: full('epoll_ctl', [fd, int, fd, addr], sys_epoll_ctl),
  234: full('tgkill', [pid, pid, signal], sys_tgkill),
  235: full('utimes', [path, addr], utimensat.sys_utimes),
  236: refused('vserver', [], ENOSYS, unwritten),
  237: refused('mbind', [addr, size, int, addr, ulong, hex], ENOSYS, 'One memory node.'),
  238: refused('set_mempolicy', [int, addr, ulong], ENOSYS, 'One memory node.'),
  239: refused('get_mempolicy', [outAddr, outAddr, ulong, addr, hex], ENOSYS, 'One memory node.'),
  240: refused('mq_open', [path, openFlags, mode, addr], ENOSYS, 'No POSIX message queues.'),
  241: refused('mq_unlink', [path], ENOSYS, 'No POSIX message queues.'),
  242: refused('mq_timedsend', [int, inBuf, size, uint, timespec], ENOSYS, 'No POSIX message queues.'),
  243: refused('mq_timedreceive', [int, outBuf, size, outAddr, timespec], ENOSYS, 'No POSIX message queues.'),
  244: refused('mq_notify', [int, addr], ENOSYS, 'No POSIX message queues.'),
  245: refused('mq_getsetattr', [int, addr, outAddr], ENOSYS, 'No POSIX message queues.'),
  246: refused('kexec_load', [addr, ulong, addr, hex], EPERM, 'No other kernel.'),
  247: full('waitid', [int, pid, outAddr, waitOptions, outAddr], sys_waitid),
  248: refused('add_key', [str, str, inBuf, size, int], ENOSYS, 'No key rings.'),
  249: refused('request_key', [str, str, str, int], ENOSYS, 'No key rings.'),
  250: refused('keyctl', [int, ulong, ulong, ulong, ulong], ENOSYS, 'No key rings.'),
  251: partial('ioprio_set', [int, int, int], sys_ioprio_set, 'Accepted, without effect.'),
  252: full('ioprio_get', [int, int], sys_ioprio_get),
  253: full('inotify_init', [], sys_inotify_init),
  254: full('inotify_add_watch', [fd, path, hex], sys_inotify_add_watch),
  255: full('inotify_rm_watch', [fd, int], sys_inotify_rm_watch),
  256: refused('migrate_pages', [pid, ulong, addr, addr], ENOSYS, 'One memory node.'),
  257: full('openat', [dirfd, path, openFlags, mode], open.sys_openat),
  258: full('mkdirat', [dirfd, path, mode], mkdir.sys_mkdirat),
  259: full('mknodat', [dirfd, path, mode, uint], mknod.sys_mknodat),
  260: full('fchownat', [dirfd, path, uid, gid, atFlags], chown.sys_fchownat),
  261: full('futimesat', [dirfd, path, addr], utimensat.sys_futimesat),
  262: full('newfstatat', [dirfd, path, outStat, atFlags], stat.sys_newfstatat),
  263: full('unlinkat', [dirfd, path, atFlags], unlink.sys_unlinkat),
  264: full('renameat', [dirfd, path, dirfd, path], rename.sys_renameat),
  265: full('linkat', [dirfd, path, dirfd, path, atFlags], link.sys_linkat),
  266: full('symlinkat', [path, dirfd, path], symlink.sys_symlinkat),
  267: full('readlinkat', [dirfd, path, outBuf, size], readlink.sys_readlinkat),
  268: full('fchmodat', [dirfd, path, mode], chmod.sys_fchmodat),
  269: full('faccessat', [dirfd, path, accessMode], access.sys_faccessat),
  270: full('pselect6', [int, addr, addr, addr, timespec, addr], sys_pselect6),
  271: full('ppoll', [pollfds, uint, timespec, sigset, size], sys_ppoll),
  272: refused('unshare', [hex], EPERM, 'No name spaces.'),
  273: full('set_robust_list', [addr, size], sys_set_robust_list),
  274: full('get_robust_list', [pid, outAddr, outAddr], sys_get_robust_list),
  275: full('splice', [fd, addr, fd, addr, size, hex], sys_splice),
  276: full('tee', [fd, fd, size, hex], sys_tee),
  277: full('sync_file_range', [fd, off, off, hex], fsync.sys_sync_file_range),
  278: full('vmsplice', [fd, inIovec, size, hex], sys_vmsplice),
  279: refused('move_pages', [pid, ulong, addr, addr, addr, hex], ENOSYS, 'One memory node.'),
  280: full('utimensat', [dirfd, path, addr, atFlags], utimensat.sys_utimensat),
  281: full('epoll_pwait', [fd, outAddr, int, int, sigset, size], sys_epoll_pwait),
  282: full('signalfd', [fd, sigset, size], sys_signalfd),
  283: full('timerfd_create', [clock, hex], sys_timerfd_create),
  284: full('eventfd', [uint], sys_eventfd),
  285: partial('fallocate', [fd, hex, off, off], sys_fallocate, 'Room is not set aside; ranges are not collapsed or inserted.'),
  286: full('timerfd_settime', [fd, hex, addr, outAddr], sys_timerfd_settime),
  287: full('timerfd_gettime', [fd, outAddr], sys_timerfd_gettime),
  288: full('accept4', [fd, outSockaddr, addr, hex], accept.sys_accept4),
  289: full('signalfd4', [fd, sigset, size, hex], sys_signalfd4),
  290: full('eventfd2', [uint, hex], sys_eventfd2),
  291: full('epoll_create1', [hex], sys_epoll_create1),
  292: full('dup3', [fd, fd, openFlags], dup.sys_dup3),
  293: full('pipe2', [outPipe, openFlags], sys_pipe2),
  294: full('inotify_init1', [hex], sys_inotify_init1),
  295: full('preadv', [fd, outIovec, int, off, ulong], readv.sys_preadv),
  296: full('pwritev', [fd, inIovec, int, off, ulong], readv.sys_pwritev),
  297: full('rt_tgsigqueueinfo', [pid, pid, signal, addr], sys_rt_tgsigqueueinfo),
  298: refused('perf_event_open', [addr, pid, int, fd, hex], EACCES, 'No performance counters.'),
  299: partial('recvmmsg', [fd, addr, uint, hex, timespec], recv.sys_recvmmsg, 'The remaining time is not written back.'),
  300: refused('fanotify_init', [hex, hex], EPERM, 'inotify is there.'),
  301: refused('fanotify_mark', [fd, hex, ulong, dirfd, path], EPERM, 'inotify is there.'),
  302: full('prlimit64', [pid, resource, rlimit, outRlimit], sys_prlimit64),
  303: refused('name_to_handle_at', [dirfd, path, addr, outAddr, atFlags], EOPNOTSUPP, 'No file handles.'),
  304: refused('open_by_handle_at', [fd, addr, openFlags], EPERM, 'No file handles.'),
  305: refused('clock_adjtime', [clock, addr], EPERM, 'The clock is the host’s.'),
  306: full('syncfs', [fd], fsync.sys_syncfs),
  307: full('sendmmsg', [fd, addr, uint, hex], send.sys_sendmmsg),
  308: refused('setns', [fd, hex], EPERM, 'No name spaces.'),
  309: full('getcpu', [outAddr, outAddr, addr], sys_getcpu),
  310: full('process_vm_readv', [pid, outIovec, ulong, inIovec, ulong, ulong], sys_process_vm_readv),
  311: full('process_vm_writev', [pid, inIovec, ulong, outIovec, ulong, ulong], sys_process_vm_writev),
  312: full('kcmp', [pid, pid, int, ulong, ulong], sys_kcmp),
  313: refused('finit_module', [fd, str, hex], EPERM, 'No kernel modules.'),
  314: full('sched_setattr', [pid, addr, hex], sys_sched_setattr),
  315: full('sched_getattr', [pid, outAddr, uint, hex], sys_sched_getattr),
  316: full('renameat2', [dirfd, path, dirfd, path, hex], rename.sys_renameat2),
  317: refused('seccomp', [uint, hex, addr], EINVAL, 'The enclave’s own wall is the sandbox.'),
  318: full('getrandom', [outBuf, size, randomFlags], sys_getrandom),
  319: partial('memfd_create', [str, hex], sys_memfd_create, 'No huge pages.'),
  320: refused('kexec_file_load', [fd, fd, size, str, hex], EPERM, 'No other kernel.'),
  321: refused('bpf', [int, addr, uint], EPERM, 'No programs in the kernel.'),
  322: full('execveat', [dirfd, path, strings, strings, atFlags], sys_execveat),
  323: refused('userfaultfd', [hex], EPERM, 'Page faults are not handed to guests.'),
  324: full('membarrier', [int, hex, int], sys_membarrier),
  325: full('mlock2', [addr, size, hex], sys_mlock2),
  326: full('copy_file_range', [fd, addr, fd, addr, size, hex], sys_copy_file_range),
  327: full('preadv2', [fd, outIovec, int, off, ulong, hex], readv.sys_preadv2),
  328: full('pwritev2', [fd, inIovec, int, off, ulong, hex], readv.sys_pwritev2),
  329: refused('pkey_mprotect', [addr, size, prot, int], ENOSYS, 'No protection keys.'),
  330: refused('pkey_alloc', [hex, hex], ENOSYS, 'No protection keys.'),
  331: refused('pkey_free', [int], ENOSYS, 'No protection keys.'),
  332: full('statx', [dirfd, path, atFlags, hex, outAddr], statx.sys_statx),
  333: refused('io_pgetevents', [ulong, long, long, addr, timespec, addr], ENOSYS, 'No asynchronous I/O contexts.'),
  334: refused('rseq', [addr, uint, hex, hex], ENOSYS, 'The C library does without.'),
  424: full('pidfd_send_signal', [fd, signal, addr, hex], sys_pidfd_send_signal),
  425: refused('io_uring_setup', [uint, addr], ENOSYS, 'No rings.'),
  426: refused('io_uring_enter', [fd, uint, uint, hex, sigset, size], ENOSYS, 'No rings.'),
  427: refused('io_uring_register', [fd, uint, addr, uint], ENOSYS, 'No rings.'),
  428: refused('open_tree', [dirfd, path, hex], ENOSYS, 'mount is there.'),
  429: refused('move_mount', [dirfd, path, dirfd, path, hex], ENOSYS, 'mount is there.'),
  430: refused('fsopen', [str, hex], ENOSYS, 'mount is there.'),
  431: refused('fsconfig', [fd, uint, str, addr, int], ENOSYS, 'mount is there.'),
  432: refused('fsmount', [fd, hex, hex], ENOSYS, 'mount is there.'),
  433: refused('fspick', [dirfd, path, hex], ENOSYS, 'mount is there.'),
  434: full('pidfd_open', [pid, hex], sys_pidfd_open),
  435: partial('clone3', [addr, size], sys_clone3, 'No name spaces, no set_tid, no cgroups.'),
  436: full('close_range', [uint, uint, hex], close.sys_close_range),
  437: full('openat2', [dirfd, path, addr, size], open.sys_openat2),
  438: full('pidfd_getfd', [fd, fd, hex], sys_pidfd_getfd),
  439: full('faccessat2', [dirfd, path, accessMode, atFlags], access.sys_faccessat2),
  440: refused('process_madvise', [fd, addr, size, madvice, hex], EPERM, 'A process advises on its own memory only.'),
  441: full('epoll_pwait2', [fd, outAddr, int, timespec, sigset, size], sys_epoll_pwait2),
  442: refused('mount_setattr', [dirfd, path, hex, addr, size], ENOSYS, 'mount is there.'),
  443: refused('quotactl_fd', [fd, int, int, addr], ENOSYS, 'No quotas.'),
  444: refused('landlock_create_ruleset', [addr, size, hex], EOPNOTSUPP, 'No Landlock.'),
  445: refused('landlock_add_rule', [fd, int, addr, hex], EOPNOTSUPP, 'No Landlock.'),
  446: refused('landlock_restrict_self', [fd, hex], EOPNOTSUPP, 'No Landlock.'),
  447: refused('memfd_secret', [hex], ENOSYS, 'All memory is secret here; memfd_create is there.'),
  448: refused('process_mrelease', [fd, hex], ENOSYS, 'Memory of a dead process is free at once.'),
  449: full('futex_waitv', [addr, uint, hex, timespec, clock], sys_futex_waitv),
  450: refused('set_mempolicy_home_node', [addr, size, ulong, hex], ENOSYS, 'One memory node.'),
  451: refused('cachestat', [uint, addr, outAddr, hex], ENOSYS, 'No page cache to ask about.'),
  452: full('fchmodat2', [dirfd, path, mode, atFlags], chmod.sys_fchmodat2),
  453: refused('map_shadow_stack', [addr, size, hex], EOPNOTSUPP, 'No shadow stacks.'),
  454: full('futex_wake', [addr, ulong, int, hex], sys_futex_wake),
  455: full('futex_wait', [addr, ulong, ulong, hex, timespec, clock], sys_futex_wait),
  456: full('futex_requeue', [addr, hex, int, int], sys_futex_requeue),
  457: refused('statmount', [addr, outAddr, size, hex], ENOSYS, '/proc/self/mountinfo is there.'),
  458: refused('listmount', [addr, outAddr, size, hex], ENOSYS, '/proc/self/mountinfo is there.'),
  459: refused('lsm_get_self_attr', [uint, addr, addr, hex], EOPNOTSUPP, 'No security modules.'),
  460: refused('lsm_set_self_attr', [uint, addr, uint, hex], EOPNOTSUPP, 'No security modules.'),
  461: refused('lsm_list_modules', [addr, addr, hex], EOPNOTSUPP, 'No security modules.'),
  462: refused('mseal', [addr, size, hex], ENOSYS, 'Mappings cannot be sealed.'),
  463: refused('setxattrat', [dirfd, path, atFlags, str, addr, size], ENOSYS, 'setxattr is there.'),
  464: refused('getxattrat', [dirfd, path, atFlags, str, addr, size], ENOSYS, 'getxattr is there.'),
  465: refused('listxattrat', [dirfd, path, atFlags, outBuf, size], ENOSYS, 'listxattr is there.'),
  466: refused('removexattrat', [dirfd, path, atFlags, str], ENOSYS, 'removexattr is there.'),
  467: refused('open_tree_attr', [dirfd, path, hex, addr, size], ENOSYS, 'mount is there.'),
  468: refused('file_getattr', [dirfd, path, outAddr, size, atFlags], ENOSYS, 'No extended file attributes.'),
  469: refused('file_setattr', [dirfd, path, addr, size, atFlags], ENOSYS, 'No extended file attributes.'),
};
