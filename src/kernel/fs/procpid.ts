/** /proc/<pid> (proc_pid(5) and the pages it names): one row for each entry. */

import { NSIG, SIG_DFL, SIG_IGN } from '../../abi/signal.ts';
import { isSock, major, minor } from '../../abi/stat.ts';
import { byteString } from '../../base/bytes.ts';
import { ENOENT, EACCES, EINVAL, ESRCH } from '../errno.ts';
import { AnonymousInode } from '../ipc/anon.ts';
import type { AddressSpace } from '../mm/space.ts';
import { PROT_EXEC, PROT_READ, PROT_WRITE } from '../platform.ts';
import { bit } from '../signal/state.ts';
import type { Process, Task } from '../task/task.ts';
import { fdInfo } from '../vfs/fdinfo.ts';
import type { OpenFile } from '../vfs/file.ts';
import type { Inode } from '../vfs/inode.ts';
import { Path, pathName } from '../vfs/mount.ts';
import { DirNode, LinkNode, type Listed, TextNode } from './nodes.ts';
import type { ProcFs } from './procfs.ts';

const HZ = 100;
const ticks = (ns: number): number => Math.floor((ns / 1e9) * HZ);

type Text = (task: Task, reader: Task) => string;
type Row =
  | { readonly text: Text; readonly mode?: number; readonly write?: (task: Task, text: string) => void }
  | { readonly link: (task: Task) => string; readonly jump: (task: Task) => Path | undefined }
  | { readonly dir: (fs: ProcFs, ino: number, task: Task) => Inode };

/** Bytes of another process's memory, as far as they can be read. */
function memory(mm: AddressSpace, start: number, end: number): string {
  const length = mm.vmas.allowedPrefix(start, Math.max(end - start, 0), PROT_READ);
  return length <= 0 ? '' : byteString(mm.memory.bytes.slice(start, start + length));
}

export function stateOf(task: Task): 'R' | 'S' | 'T' | 'Z' {
  if (task.process.state === 'zombie' || task.state === 'dead') return 'Z';
  if (task.process.state === 'stopped' || task.state === 'stopped') return 'T';
  return task.state === 'sleeping' ? 'S' : 'R';
}

const STATE_WORDS = { R: 'R (running)', S: 'S (sleeping)', T: 'T (stopped)', Z: 'Z (zombie)' } as const;

interface SignalSets {
  readonly ignored: bigint;
  readonly caught: bigint;
}

function signalSets(task: Task): SignalSets {
  let ignored = 0n;
  let caught = 0n;
  for (let signal = 1; signal <= NSIG; signal++) {
    const { handler } = task.process.handlers.actions[signal];
    if (handler === SIG_IGN) ignored |= bit(signal);
    else if (handler !== SIG_DFL) caught |= bit(signal);
  }
  return { ignored, caught };
}

const hex16 = (set: bigint): string => set.toString(16).padStart(16, '0');

function statText(task: Task): string {
  const { process, mm } = task;
  const { ignored, caught } = signalSets(task);
  const tty = process.session.tty;
  const low = (set: bigint): string => String(set & 0x7fff_ffffn);
  // biome-ignore format: as proc_pid_stat(5) numbers them
  const fields = [
    process.parent?.pid ?? 0, process.group.pgid, process.session.sid, tty?.rdev ?? 0, tty?.foregroundPgid ?? -1, 0x400000, task.times.minorFaults, 0, 0, 0,
    ticks(process.times.userNs + task.times.userNs), ticks(process.times.systemNs + task.times.systemNs), ticks(process.childTimes.userNs), ticks(process.childTimes.systemNs),
    20 + task.nice, task.nice, process.tasks.size, 0, ticks(process.startNs - task.kernel.bootMonotonicNs), mm.vmas.totalBytes, Math.ceil(mm.memory.residentBytes() / 4096), '18446744073709551615',
    mm.startCode, mm.endCode, mm.stackTop, 0, 0, low(task.pending.mask | process.pending.mask), low(task.blocked), low(ignored), low(caught), 0, 0, 0, process.exitSignal, 0, task.schedPriority, task.schedPolicy, 0, 0, 0,
    mm.endCode, mm.brkStart, mm.brkStart, mm.argStart, mm.argEnd, mm.envStart, mm.envEnd, process.exitStatus,
  ];
  return `${task.tid} (${task.comm}) ${stateOf(task)} ${fields.join(' ')}\n`;
}

function statusText(task: Task): string {
  const { process, creds, mm } = task;
  const { ignored, caught } = signalSets(task);
  const kB = (bytes: number): string => `${String(Math.floor(bytes / 1024)).padStart(8)} kB`;
  const resident = mm.memory.residentBytes();
  // biome-ignore format: a table
  const rows: readonly (readonly [string, string])[] = [
    ['Name', task.comm], ['Umask', `0${task.fs.umask.toString(8).padStart(3, '0')}`], ['State', STATE_WORDS[stateOf(task)]], ['Tgid', String(process.pid)], ['Ngid', '0'], ['Pid', String(task.tid)], ['PPid', String(process.parent?.pid ?? 0)], ['TracerPid', '0'],
    ['Uid', `${creds.uid}\t${creds.euid}\t${creds.suid}\t${creds.fsuid}`], ['Gid', `${creds.gid}\t${creds.egid}\t${creds.sgid}\t${creds.fsgid}`], ['FDSize', String(Math.max(64, task.fds.size))], ['Groups', creds.groups.join(' ')],
    ['NStgid', String(process.pid)], ['NSpid', String(task.tid)], ['NSpgid', String(process.group.pgid)], ['NSsid', String(process.session.sid)],
    ['VmPeak', kB(mm.vmas.totalBytes)], ['VmSize', kB(mm.vmas.totalBytes)], ['VmLck', kB(0)], ['VmPin', kB(0)], ['VmHWM', kB(resident)], ['VmRSS', kB(resident)], ['RssAnon', kB(resident)], ['RssFile', kB(0)], ['RssShmem', kB(0)],
    ['VmData', kB(mm.committedBytes)], ['VmStk', kB(8 * 1024 * 1024)], ['VmExe', kB(mm.endCode - mm.startCode)], ['VmLib', kB(0)], ['VmPTE', kB(0)], ['VmSwap', kB(0)], ['CoreDumping', '0'], ['THP_enabled', '0'], ['Threads', String(process.tasks.size)],
    ['SigQ', `${process.pending.count + task.pending.count}/32768`], ['SigPnd', hex16(task.pending.mask)], ['ShdPnd', hex16(process.pending.mask)], ['SigBlk', hex16(task.blocked)], ['SigIgn', hex16(ignored)], ['SigCgt', hex16(caught)],
    ['CapInh', hex16(creds.inheritable)], ['CapPrm', hex16(creds.permitted)], ['CapEff', hex16(creds.effective)], ['CapBnd', hex16((1n << 41n) - 1n)], ['CapAmb', hex16(0n)], ['NoNewPrivs', process.noNewPrivs ? '1' : '0'], ['Seccomp', '0'], ['Seccomp_filters', '0'],
    ['Cpus_allowed', '1'], ['Cpus_allowed_list', '0'], ['Mems_allowed', '1'], ['Mems_allowed_list', '0'], ['voluntary_ctxt_switches', String(task.times.voluntarySwitches)], ['nonvoluntary_ctxt_switches', String(task.times.involuntarySwitches)],
  ];
  return rows.map(([name, value]) => `${name}:\t${value}\n`).join('');
}

function mapLine(start: number, end: number, prot: number, shared: boolean, offset: number, dev: number, ino: number, name: string): string {
  const bits = `${prot & PROT_READ ? 'r' : '-'}${prot & PROT_WRITE ? 'w' : '-'}${prot & PROT_EXEC ? 'x' : '-'}${shared ? 's' : 'p'}`;
  const hex = (value: number, width: number): string => value.toString(16).padStart(width, '0');
  const head = `${hex(start, 8)}-${hex(end, 8)} ${bits} ${hex(offset, 8)} ${hex(major(dev), 2)}:${hex(minor(dev), 2)} ${ino} `;
  return name === '' ? `${head}\n` : `${head.padEnd(73)}${name}\n`;
}

function mapsText(task: Task, detail = false): string {
  let out = '';
  for (const vma of task.mm.vmas) {
    out += mapLine(vma.start, vma.end, vma.prot, vma.sharing === 'shared', vma.offset, vma.file?.dev ?? 0, vma.file?.ino ?? 0, vma.name);
    if (!detail) continue;
    const size = (vma.end - vma.start) / 1024;
    const line = (name: string, kB: number): string => `${`${name}:`.padEnd(16)}${String(kB).padStart(8)} kB\n`;
    out +=
      line('Size', size) +
      line('KernelPageSize', 4) +
      line('MMUPageSize', 4) +
      line('Rss', size) +
      line('Pss', size) +
      line('Shared_Clean', 0) +
      line('Shared_Dirty', 0) +
      line('Private_Clean', 0) +
      line('Private_Dirty', size) +
      line('Referenced', size) +
      line('Anonymous', vma.file === undefined ? size : 0) +
      line('Swap', 0) +
      line('Locked', 0);
    out += 'VmFlags: rd wr mr mw me\n';
  }
  return out;
}

const LIMITS = [
  ['Max cpu time', 'seconds'],
  ['Max file size', 'bytes'],
  ['Max data size', 'bytes'],
  ['Max stack size', 'bytes'],
  ['Max core file size', 'bytes'],
  ['Max resident set', 'bytes'],
  ['Max processes', 'processes'],
  ['Max open files', 'files'],
  ['Max locked memory', 'bytes'],
  ['Max address space', 'bytes'],
  ['Max file locks', 'locks'],
  ['Max pending signals', 'signals'],
  ['Max msgqueue size', 'bytes'],
  ['Max nice priority', ''],
  ['Max realtime priority', ''],
  ['Max realtime timeout', 'us'],
] as const;

function limitsText(task: Task): string {
  const value = (limit: number): string => (limit === Number.POSITIVE_INFINITY ? 'unlimited' : String(limit)).padEnd(20);
  const rows = LIMITS.map(([name, unit], index) => `${name.padEnd(25)} ${value(task.process.limits[index].soft)} ${value(task.process.limits[index].hard)} ${unit.padEnd(10)}\n`);
  return `${'Limit'.padEnd(25)} ${'Soft Limit'.padEnd(20)} ${'Hard Limit'.padEnd(20)} ${'Units'.padEnd(10)}\n${rows.join('')}`;
}

const escapeMount = (text: string): string => text.replace(/[ \t\n\\]/g, (letter) => `\\${letter.charCodeAt(0).toString(8).padStart(3, '0')}`);

function* visibleMounts(fs: ProcFs, reader: Task): Iterable<{ readonly mount: Path['mount']; readonly at: string }> {
  for (const mount of fs.vfs.mounts.list) {
    const { name, reachable } = pathName(mount.path, reader.fs.root);
    if (reachable) yield { mount, at: escapeMount(name) };
  }
}

export function mountsText(fs: ProcFs, reader: Task): string {
  let out = '';
  for (const { mount, at } of visibleMounts(fs, reader)) out += `${escapeMount(mount.source)} ${at} ${mount.fs.type} ${[mount.optionText, mount.fs.options].filter((part) => part !== undefined).join(',')} 0 0\n`;
  return out;
}

export function mountInfoText(fs: ProcFs, reader: Task): string {
  let out = '';
  for (const { mount, at } of visibleMounts(fs, reader)) {
    out += `${mount.id} ${mount.at?.mount.id ?? 0} ${major(mount.fs.dev)}:${minor(mount.fs.dev)} / ${at} ${mount.optionText} - ${mount.fs.type} ${escapeMount(mount.source)} ${mount.fs.readOnly ? 'ro' : 'rw'}${mount.fs.options === undefined ? '' : `,${mount.fs.options}`}\n`;
  }
  return out;
}

/** What /proc/<pid>/fd/N shows. */
export function fileName(file: OpenFile, root: Path): string {
  if (file.path !== undefined) {
    const { name, deleted } = pathName(file.path, root);
    return deleted ? `${name} (deleted)` : name;
  }
  return file.inode instanceof AnonymousInode ? file.inode.label : `anon_inode:[${isSock(file.inode.mode) ? 'socket' : 'unknown'}]`;
}

function fdDirectory(fs: ProcFs, ino: number, task: Task, make: (fd: number, ino: number) => Inode): Inode {
  const find = (name: string): Inode | undefined => (/^(0|[1-9]\d*)$/.test(name) && task.fds.has(Number(name)) ? make(Number(name), ino + 1 + Number(name)) : undefined);
  const list = (): readonly Listed[] => [...task.fds].map(([fd]) => ({ name: String(fd), node: make(fd, ino + 1 + fd) }));
  return new DirNode(fs, ino, find, list, 0o500, task.creds.euid, task.creds.egid);
}

function fdLink(fs: ProcFs, ino: number, task: Task, fd: number): Inode {
  const file = task.fds.get(fd);
  const permissions = 0o100 | (file.canRead ? 0o400 : 0) | (file.canWrite ? 0o200 : 0);
  return new LinkNode(
    fs,
    ino,
    (reader) => fileName(task.fds.get(fd), (reader ?? task).fs.root),
    () => {
      const { path, inode } = task.fds.get(fd);
      return path ?? new Path(fs.vfs.mounts.root.mount, nameless(fs, inode));
    },
    permissions,
    task.creds.euid,
    task.creds.egid,
  );
}

/** Opening /proc/self/fd/N of a pipe opens the pipe. */
const nameless = (fs: ProcFs, inode: Inode): Path['dentry'] => fs.vfs.mounts.root.dentry.nameless('', inode);

function placeNamed(fs: ProcFs, name: string): Path | undefined {
  let at = fs.vfs.mounts.root;
  for (const component of name.split('/')) {
    if (component === '') continue;
    const child = at.dentry.child(component);
    if (child === undefined) return undefined;
    at = fs.vfs.mounts.top(at.mount, child);
  }
  return at;
}

function setOom(task: Task, text: string): void {
  const value = Number.parseInt(text, 10);
  if (Number.isNaN(value) || value < -1000 || value > 1000) throw EINVAL;
  task.process.oomScoreAdj = value;
}

const TCP = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';

// biome-ignore format: a table
const ROWS: Readonly<Record<string, Row>> = {
  auxv:          { text: ({ mm }) => byteString(mm.auxv), mode: 0o400 },
  cgroup:        { text: () => '0::/\n' },
  cmdline:       { text: ({ mm, process }) => (process.tasks.size === 0 ? '' : memory(mm, mm.argStart, mm.argEnd)) },
  comm:          { text: ({ comm }) => `${comm}\n`, mode: 0o644, write: (task, text) => { task.comm = text.replace(/\n.*/s, '').slice(0, 15); } },
  coredump_filter: { text: () => '00000033\n' },
  cwd:           { link: (task) => pathName(task.fs.cwd, task.fs.root).name, jump: (task) => task.fs.cwd },
  environ:       { text: ({ mm }) => memory(mm, mm.envStart, mm.envEnd), mode: 0o400 },
  exe:           { link: ({ process }) => process.exe, jump: () => undefined },
  fd:            { dir: (fs, ino, task) => fdDirectory(fs, ino, task, (fd, at) => fdLink(fs, at, task, fd)) },
  fdinfo:        { dir: (fs, ino, task) => fdDirectory(fs, ino, task, (fd, at) => new TextNode(fs, at, 0o400, () => fdInfo(task, fd))) },
  gid_map:       { text: () => '         0          0 4294967295\n' },
  io:            { text: () => 'rchar: 0\nwchar: 0\nsyscr: 0\nsyscw: 0\nread_bytes: 0\nwrite_bytes: 0\ncancelled_write_bytes: 0\n', mode: 0o400 },
  limits:        { text: limitsText },
  loginuid:      { text: () => '4294967295' },
  maps:          { text: (task) => mapsText(task) },
  mem:           { text: () => { throw EACCES; }, mode: 0o600 },
  mountinfo:     { text: (_task, reader) => mountInfoText(procOf(reader), reader) },
  mounts:        { text: (_task, reader) => mountsText(procOf(reader), reader) },
  net:           { dir: (fs, ino) => netDirectory(fs, ino) },
  ns:            { dir: (fs, ino) => new DirNode(fs, ino, () => undefined, () => []) },
  oom_adj:       { text: () => '0\n', mode: 0o644, write: () => {} },
  oom_score:     { text: () => '0\n' },
  oom_score_adj: { text: ({ process }) => `${process.oomScoreAdj}\n`, mode: 0o644, write: setOom },
  personality:   { text: () => '00000000\n', mode: 0o400 },
  root:          { link: () => '/', jump: (task) => task.fs.root },
  sched:         { text: (task) => `${task.comm} (${task.tid}, #threads: ${task.process.tasks.size})\n` },
  schedstat:     { text: (task) => `${Math.floor(task.times.userNs)} 0 ${task.times.voluntarySwitches}\n` },
  sessionid:     { text: () => '4294967295' },
  setgroups:     { text: () => 'allow\n' },
  smaps:         { text: (task) => mapsText(task, true) },
  stack:         { text: () => '', mode: 0o400 },
  stat:          { text: statText },
  statm:         { text: ({ mm }) => { const resident = Math.ceil(mm.memory.residentBytes() / 4096); return `${mm.vmas.totalBytes / 4096} ${resident} 0 ${Math.ceil((mm.endCode - mm.startCode) / 4096)} 0 ${resident} 0\n`; } },
  status:        { text: statusText },
  syscall:       { text: ({ syscall }) => (syscall < 0 ? 'running\n' : `${syscall}\n`), mode: 0o400 },
  task:          { dir: (fs, ino, task) => taskDirectory(fs, ino, task.process) },
  timerslack_ns: { text: ({ timerSlackNs }) => `${timerSlackNs}\n` },
  uid_map:       { text: () => '         0          0 4294967295\n' },
  wchan:         { text: () => '0' },
};

const NAMES = Object.keys(ROWS);

const procOf = (reader: Task): ProcFs => {
  const mount = (reader.kernel.files as unknown as { mounts: { list: readonly { fs: unknown }[] } }).mounts.list.find(({ fs }) => (fs as { type: string }).type === 'proc');
  return mount?.fs as ProcFs;
};

function netDirectory(fs: ProcFs, ino: number): Inode {
  // biome-ignore format: a table
  const files: Readonly<Record<string, () => string>> = {
    arp: () => 'IP address       HW type     Flags       HW address            Mask     Device\n', dev: () => 'Inter-|   Receive                                                |  Transmit\n face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n    lo:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0\n',
    if_inet6: () => '00000000000000000000000000000001 01 80 10 80       lo\n', route: () => 'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n', tcp: () => TCP, tcp6: () => TCP, udp: () => TCP, udp6: () => TCP,
    unix: () => 'Num       RefCount Protocol Flags    Type St Inode Path\n',
  };
  const names = Object.keys(files);
  const make = (name: string): Inode | undefined => (Object.hasOwn(files, name) ? new TextNode(fs, ino + 1 + names.indexOf(name), 0o444, files[name]) : undefined);
  return new DirNode(fs, ino, make, () => names.map((name) => ({ name, node: make(name) as Inode })));
}

/** /proc/<pid>: pidfd_send_signal(2) takes a descriptor of it for one of the process. */
export class ProcessNode extends DirNode {
  readonly process: Process;

  constructor(fs: ProcFs, ino: number, find: (name: string) => Inode | undefined, list: () => readonly Listed[], process: Process, uid = 0, gid = 0) {
    super(fs, ino, find, list, 0o555, uid, gid);
    this.process = process;
  }
}

function taskDirectory(fs: ProcFs, ino: number, process: Process): Inode {
  const find = (name: string): Inode | undefined => {
    for (const task of process.tasks) if (String(task.tid) === name) return taskEntry(fs, task);
    return undefined;
  };
  return new DirNode(fs, ino, find, () => [...process.tasks].map((task) => ({ name: String(task.tid), node: taskEntry(fs, task) })));
}

const taskEntry = (fs: ProcFs, task: Task): Inode =>
  entriesOf(
    fs,
    0x8_0000_0000 + task.tid * 0x1_0000,
    () => task,
    task.creds.euid,
    task.creds.egid,
    (name) => name !== 'task',
  );

/** Inode numbers: 2^16 for each process, so that fd directories have room. */
export function processDirectory(fs: ProcFs, pid: number): Inode | undefined {
  const { processes, tasks } = fs.kernel;
  const process = processes.get(pid) ?? tasks.get(pid)?.process;
  if (process === undefined) return undefined;
  const base = 0x1_0000_0000 + pid * 0x1_0000;
  if (process.tasks.size === 0) return zombie(fs, base, process);
  return entriesOf(
    fs,
    base,
    () => {
      if (process.tasks.size === 0) throw ESRCH;
      return process.leader;
    },
    process.leader.creds.euid,
    process.leader.creds.egid,
    () => true,
    process,
  );
}

function entriesOf(fs: ProcFs, base: number, subject: () => Task, uid: number, gid: number, wanted: (name: string) => boolean, process?: Process): Inode {
  const find = (name: string): Inode | undefined => {
    if (!Object.hasOwn(ROWS, name) || !wanted(name)) return undefined;
    const row = ROWS[name];
    const ino = base + 1 + NAMES.indexOf(name) * 1024;
    if ('dir' in row) return row.dir(fs, ino, subject());
    if ('link' in row) {
      return new LinkNode(
        fs,
        ino,
        () => {
          const text = row.link(subject());
          if (text === '') throw ENOENT;
          return text;
        },
        name === 'exe' ? () => placeNamed(fs, subject().process.exe) : () => row.jump(subject()),
        0o777,
        uid,
        gid,
      );
    }
    const { write } = row;
    return new TextNode(fs, ino, row.mode ?? 0o444, (reader) => row.text(subject(), reader), write === undefined ? undefined : (_writer, bytes) => write(subject(), byteString(bytes)), uid, gid);
  };
  const list = (): readonly Listed[] => NAMES.filter(wanted).map((name) => ({ name, node: find(name) as Inode }));
  return process === undefined ? new DirNode(fs, base, find, list, 0o555, uid, gid) : new ProcessNode(fs, base, find, list, process, uid, gid);
}

/** A process that has ended but was not waited for. */
function zombie(fs: ProcFs, base: number, process: Process): Inode {
  const pid = process.pid;
  const name = process.exe.split('/').at(-1)?.slice(0, 15) ?? '';
  // biome-ignore format: a table
  const files: Readonly<Record<string, () => string>> = {
    cmdline: () => '',
    comm:    () => `${name}\n`,
    stat:    () => `${pid} (${name}) Z ${process.parent?.pid ?? 0} ${process.group.pgid} ${process.session.sid} 0 -1 0 0 0 0 0 ${ticks(process.times.userNs)} 0 0 0 20 0 1 0 ${ticks(process.startNs - process.kernel.bootMonotonicNs)} 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 ${process.exitStatus}\n`,
    status:  () => `Name:\t${name}\nState:\tZ (zombie)\nTgid:\t${pid}\nPid:\t${pid}\nPPid:\t${process.parent?.pid ?? 0}\nUid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nThreads:\t1\n`,
    statm:   () => '0 0 0 0 0 0 0\n',
  };
  const names = Object.keys(files);
  const make = (entry: string): Inode | undefined => (Object.hasOwn(files, entry) ? new TextNode(fs, base + 1 + names.indexOf(entry) * 1024, 0o444, files[entry]) : undefined);
  return new ProcessNode(fs, base, make, () => names.map((entry) => ({ name: entry, node: make(entry) as Inode })), process);
}
