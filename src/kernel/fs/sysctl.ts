/** /proc/sys: sysctl(8) values that programs ask for (proc_sys(5)). */

import { IPCMNI, MSGMAX, MSGMNB, SEMMSL, SEMOPM } from '../../abi/ipc.ts';
import { UTS } from '../../abi/utsname.ts';
import type { Kernel } from '../kernel.ts';

export interface SysctlValue {
  readonly read: (kernel: Kernel) => string;
  readonly write?: (kernel: Kernel, text: string) => void;
}

export interface SysctlTree {
  readonly [name: string]: SysctlValue | SysctlTree;
}

const constant = (text: string): SysctlValue => ({ read: () => text });

function uuid(kernel: Kernel): string {
  const bytes = new Uint8Array(16);
  kernel.host.random(bytes);
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  return bytes.toHex().replace(/(.{8})(.{4})(.{4})(.{4})(.{12})/, '$1-$2-$3-$4-$5');
}

let bootId: string | undefined;

// biome-ignore format: a table
export const SYSCTL: SysctlTree = {
  fs: {
    'aio-max-nr': constant('0'), 'file-max': constant('1048576'), 'file-nr': constant('0\t0\t1048576'), 'inode-nr': constant('0\t0'), 'nr_open': constant('1048576'), 'pipe-max-size': constant('1048576'),
    'protected_hardlinks': constant('0'), 'protected_symlinks': constant('0'), 'suid_dumpable': constant('0'), inotify: { max_queued_events: constant('16384'), max_user_instances: constant('128'), max_user_watches: constant('65536') },
    epoll: { max_user_watches: constant('1048576') },
  },
  kernel: {
    cap_last_cap: constant('40'), core_pattern: constant('core'), domainname: { read: (kernel) => kernel.domainname }, hostname: { read: (kernel) => kernel.hostname }, ngroups_max: constant('65536'),
    osrelease: constant(UTS.release), ostype: constant(UTS.sysname), overflowgid: constant('65534'), overflowuid: constant('65534'), pid_max: constant('4194304'), randomize_va_space: constant('0'),
    sched_rr_timeslice_ms: constant('100'), seccomp: { actions_avail: constant('') }, msgmax: constant(`${MSGMAX}`), msgmnb: constant(`${MSGMNB}`), msgmni: constant(`${IPCMNI}`), sem: constant(`${SEMMSL}\t1024000000\t${SEMOPM}\t${IPCMNI}`), shmall: constant('18446744073692774399'), shmmax: constant('18446744073692774399'), shmmni: constant(`${IPCMNI}`), tainted: constant('0'),
    'threads-max': constant('32768'), version: constant(UTS.version), yama: { ptrace_scope: constant('3') },
    random: { boot_id: { read: (kernel) => (bootId ??= uuid(kernel)) }, uuid: { read: uuid }, entropy_avail: constant('256'), poolsize: constant('256') },
  },
  net: { core: { somaxconn: constant('4096'), rmem_default: constant('212992'), wmem_default: constant('212992'), rmem_max: constant('212992'), wmem_max: constant('212992') },
    ipv4: { ip_local_port_range: constant('32768\t60999'), tcp_fin_timeout: constant('60'), ip_forward: constant('0') }, unix: { max_dgram_qlen: constant('512') } },
  vm: { max_map_count: constant('1048576'), min_free_kbytes: constant('0'), mmap_min_addr: constant('65536'), nr_hugepages: constant('0'), overcommit_memory: constant('0'), overcommit_ratio: constant('50'), swappiness: constant('0') },
};
