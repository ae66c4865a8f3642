/** procfs: proc(5). The root directory and what is not about one process; `procpid` has the rest. */

import { FS_MAGIC } from '../../abi/mount.ts';
import { UTS } from '../../abi/utsname.ts';
import { byteString } from '../../base/bytes.ts';
import type { Kernel } from '../kernel.ts';
import { anonymousDevice, type FileSystem, type FsStat, type Inode } from '../vfs/inode.ts';
import type { Vfs } from '../vfs/vfs.ts';
import { DirNode, fixedDirectory, LinkNode, type Listed, TextNode } from './nodes.ts';
import { processDirectory } from './procpid.ts';
import { SYSCTL, type SysctlTree } from './sysctl.ts';

/** What /proc/meminfo says when there is no ceiling. */
const PLENTY = 16 * 1024 ** 3;
const kB = (bytes: number): string => `${Math.floor(bytes / 1024)}`.padStart(15, ' ');
const HZ = 100;

export function memoryOf(kernel: Kernel): { readonly total: number; readonly free: number } {
  const total = kernel.account.limitBytes === Number.POSITIVE_INFINITY ? PLENTY : kernel.account.limitBytes;
  return { total, free: Math.max(total - kernel.account.committedBytes, 0) };
}

function meminfo(kernel: Kernel): string {
  const { total, free } = memoryOf(kernel);
  // biome-ignore format: a table
  const rows: readonly (readonly [string, number])[] = [
    ['MemTotal', total], ['MemFree', free], ['MemAvailable', free], ['Buffers', 0], ['Cached', 0], ['SwapCached', 0], ['Active', total - free], ['Inactive', 0],
    ['SwapTotal', 0], ['SwapFree', 0], ['Dirty', 0], ['Writeback', 0], ['AnonPages', total - free], ['Mapped', 0], ['Shmem', 0], ['Slab', 0], ['PageTables', 0],
    ['CommitLimit', total], ['Committed_AS', kernel.account.committedBytes], ['VmallocTotal', 0], ['VmallocUsed', 0],
  ];
  return `${rows.map(([name, bytes]) => `${`${name}:`.padEnd(16)}${kB(bytes).slice(7)} kB\n`).join('')}HugePages_Total:       0\nHugePages_Free:        0\nHugepagesize:       2048 kB\n`;
}

const seconds = (ns: number): string => (ns / 1e9).toFixed(2);

function uptime(kernel: Kernel): string {
  const up = kernel.host.monotonicNs() - kernel.bootMonotonicNs;
  return `${seconds(up)} ${seconds(up / 2)}\n`;
}

function loadavg(kernel: Kernel): string {
  return `0.00 0.00 0.00 ${kernel.runnable + 1}/${kernel.tasks.size} ${kernel.lastPid}\n`;
}

function stat(kernel: Kernel): string {
  let userNs = 0;
  for (const task of kernel.tasks.values()) userNs += task.times.userNs;
  const user = Math.floor((userNs / 1e9) * HZ);
  const idle = Math.max(Math.floor(((kernel.host.monotonicNs() - kernel.bootMonotonicNs) / 1e9) * HZ) - user, 0);
  const cpu = `${user} 0 0 ${idle} 0 0 0 0 0 0`;
  return `cpu  ${cpu}\ncpu0 ${cpu}\nintr 0\nctxt 0\nbtime ${Math.floor(kernel.bootRealtimeNs / 1e9)}\nprocesses ${kernel.forks}\nprocs_running ${kernel.runnable + 1}\nprocs_blocked 0\nsoftirq 0\n`;
}

function cpuinfo(): string {
  // biome-ignore format: a table
  const rows: readonly (readonly [string, string])[] = [
    ['processor', '0'], ['vendor_id', 'GenuineIntel'], ['cpu family', '6'], ['model', '15'], ['model name', 'Cloister virtual CPU'], ['stepping', '1'], ['cpu MHz', '1000.000'], ['cache size', '4096 KB'],
    ['physical id', '0'], ['siblings', '1'], ['core id', '0'], ['cpu cores', '1'], ['apicid', '0'], ['fpu', 'yes'], ['fpu_exception', 'yes'], ['cpuid level', '13'], ['wp', 'yes'],
    ['flags', 'fpu tsc cx8 cmov mmx fxsr sse sse2 syscall nx rdtscp lm constant_tsc nopl pni ssse3 cx16 sse4_1 sse4_2 popcnt lahf_lm'], ['bogomips', '2000.00'], ['clflush size', '64'], ['cache_alignment', '64'],
    ['address sizes', '46 bits physical, 48 bits virtual'], ['power management', ''],
  ];
  return `${rows.map(([name, value]) => `${name}${name.length < 8 ? '\t\t' : '\t'}: ${value}\n`).join('')}\n`;
}

export const VERSION = `${UTS.sysname} version ${UTS.release} (cloister) ${UTS.version}`;
const FILESYSTEMS = 'nodev\tsysfs\nnodev\ttmpfs\nnodev\tproc\nnodev\tdevtmpfs\nnodev\tpipefs\nnodev\tsockfs\nnodev\tdevpts\nnodev\toverlay\n\tcloister\n';
const DEVICES = 'Character devices:\n  1 mem\n  5 /dev/tty\n  5 /dev/console\n  5 /dev/ptmx\n136 pts\n\nBlock devices:\n';

export class ProcFs implements FileSystem {
  readonly type = 'proc';
  readonly dev = anonymousDevice();
  readonly readOnly = false;
  readonly volatile = true;
  readonly root: Inode;
  readonly vfs: Vfs;
  readonly #fixed: Readonly<Record<string, (ino: number) => Inode>>;

  constructor(vfs: Vfs) {
    this.vfs = vfs;
    const text =
      (make: (kernel: Kernel) => string, permissions = 0o444) =>
      (ino: number): Inode =>
        new TextNode(this, ino, permissions, ({ kernel }) => make(kernel));
    // biome-ignore format: a table
    this.#fixed = {
      cgroups: text(() => '#subsys_name\thierarchy\tnum_cgroups\tenabled\n'),
      cmdline: text(() => 'cloister\n'),
      cpuinfo: text(cpuinfo),
      devices: text(() => DEVICES),
      diskstats: text(() => ''),
      filesystems: text(() => FILESYSTEMS),
      interrupts: text(() => '           CPU0\n'),
      loadavg: text(loadavg),
      locks: text(() => ''),
      meminfo: text(meminfo),
      modules: text(() => ''),
      mounts: (ino) => new LinkNode(this, ino, () => 'self/mounts'),
      net: (ino) => new LinkNode(this, ino, () => 'self/net'),
      partitions: text(() => 'major minor  #blocks  name\n\n'),
      self: (ino) => new LinkNode(this, ino, (task) => String(task?.pid ?? '')),
      stat: text(stat),
      swaps: text(() => 'Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n'),
      sys: (ino) => this.#sysctl(SYSCTL, ino + 1000),
      'thread-self': (ino) => new LinkNode(this, ino, (task) => (task === undefined ? '' : `${task.pid}/task/${task.tid}`)),
      uptime: text(uptime),
      version: text(() => `${VERSION}\n`),
      vmstat: text(() => 'nr_free_pages 0\npgfault 0\npgmajfault 0\n'),
    };
    const names = Object.keys(this.#fixed);
    const find = (name: string): Inode | undefined => {
      const at = names.indexOf(name);
      if (at >= 0) return this.#fixed[name](at + 2);
      return /^[1-9]\d*$/.test(name) ? processDirectory(this, Number(name)) : undefined;
    };
    const list = (): readonly Listed[] => [
      ...[...vfs.kernel.processes.keys()].sort((a, b) => a - b).map((pid) => ({ name: String(pid), node: processDirectory(this, pid) as Inode })),
      ...names.map((name, at) => ({ name, node: this.#fixed[name](at + 2) })),
    ];
    this.root = new DirNode(this, 1, find, list);
  }

  get kernel(): Kernel {
    return this.vfs.kernel;
  }

  #sysctl(tree: SysctlTree, ino: number): Inode {
    const made: Record<string, (ino: number) => Inode> = {};
    let at = 0;
    for (const [name, value] of Object.entries(tree)) {
      const base = ino + 64 * ++at;
      if ('read' in value && typeof value.read === 'function') {
        const { read, write } = value as { read: (kernel: Kernel) => string; write?: (kernel: Kernel, text: string) => void };
        made[name] = () => new TextNode(this, base, write === undefined ? 0o444 : 0o644, ({ kernel }) => `${read(kernel)}\n`, write === undefined ? undefined : ({ kernel }, bytes) => write(kernel, byteString(bytes).trim()));
      } else made[name] = () => this.#sysctl(value as SysctlTree, base * 64);
    }
    return fixedDirectory(this, ino, made);
  }

  statfs(): FsStat {
    return { magic: FS_MAGIC.proc, blockSize: 4096, blocks: 0, blocksFree: 0, files: 0, filesFree: 0 };
  }

  sync(): void {}
}
