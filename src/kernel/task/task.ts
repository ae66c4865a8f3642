/**
 * Tasks (threads), processes (thread groups), process groups and sessions: the rows that everything else in the
 * kernel hangs its state on (clone(2), credentials(7)).
 *
 * Linux's words: a *task* is what is scheduled, with its own tid; a *process* is a thread group, with the pid of its
 * leader. What clone(2) can share between tasks (address space, files, fs context, signal handlers) is an object that
 * tasks point at, counted by its own `users`.
 */

import type { Pid } from '../../base/flavor.ts';
import type { Kernel } from '../kernel.ts';
import type { AddressSpace } from '../mm/space.ts';
import type { PendingSignals, SignalHandlers } from '../signal/state.ts';
import { initialContext } from '../../x86/state.ts';
import type { FdTable } from '../vfs/fdtable.ts';
import type { FsContext } from '../vfs/context.ts';
import { WaitQueue } from '../wait.ts';
import type { Creds } from './creds.ts';
import type { Rlimit } from './rlimit.ts';
import { Sleep } from './block.ts';

export interface Session {
  readonly sid: Pid;
  readonly leader: Process;
  /** The controlling terminal; owned by the tty layer. */
  tty: ControllingTerminal | undefined;
}

/** What the process model needs to know of a terminal. */
export interface ControllingTerminal {
  /** Foreground process group, 0 = none. */
  foregroundPgid: Pid;
  /** Linux device number, for /proc/<pid>/stat. */
  readonly rdev: number;
  /** The session's leader is gone: SIGHUP and SIGCONT have been sent, nobody owns the terminal. */
  disowned(session: Session): void;
}

export interface ProcessGroup {
  readonly pgid: Pid;
  readonly session: Session;
  readonly members: Set<Process>;
}

/** What the process model asks of an object that clone(2) shares or copies: `FdTable` and `FsContext` implement it. */
export interface Cloneable<T> {
  /** One more user; returns itself. */
  share(): T;
  /** A copy of its own for one user. */
  fork(): T;
  /** One user less; the last one closes what is open. */
  release(): void;
}

export interface CpuTimes {
  /** Nanoseconds on the CPU; the kernel's own work is not told apart from the guest's. */
  userNs: number;
  systemNs: number;
  minorFaults: number;
  voluntarySwitches: number;
  involuntarySwitches: number;
  maxResidentBytes: number;
}

export const noTimes = (): CpuTimes => ({ userNs: 0, systemNs: 0, minorFaults: 0, voluntarySwitches: 0, involuntarySwitches: 0, maxResidentBytes: 0 });

/** A thread group. */
export class Process {
  readonly kernel: Kernel;
  readonly pid: Pid;
  parent: Process | undefined;
  readonly children = new Set<Process>();
  readonly tasks = new Set<Task>();
  group: ProcessGroup;
  handlers: SignalHandlers;
  /** Signals sent to the process as a whole. */
  readonly pending: PendingSignals;
  limits: Rlimit[];
  /** Path of the program, for /proc/<pid>/exe. */
  exe = '';
  /** Signal that the parent gets when this process ends (0 = none). */
  exitSignal: number;
  /** wait(2) status once `zombie`. */
  exitStatus = 0;
  state: 'running' | 'stopped' | 'zombie' | 'dead' = 'running';
  /** What wait(2) has not reported yet. */
  stopReport: number | undefined;
  continueReport = false;
  /** exit_group or a fatal signal: the status that every task ends with. */
  groupExit: number | undefined;
  /** Woken when a child stops, continues or ends. */
  readonly childEvents = new WaitQueue();
  /** Woken when a signal becomes pending, for the process or one of its threads; signalfd waits here. */
  readonly signalQueue = new WaitQueue();
  /** Woken when this process ends; pidfds wait here. */
  readonly exitQueue = new WaitQueue();
  /** Times of ended threads, and of children that were waited for. */
  readonly times = noTimes();
  readonly childTimes = noTimes();
  startNs: number;
  hasExeced = false;
  /** prctl(PR_SET_CHILD_SUBREAPER), PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS, PR_SET_PDEATHSIG. */
  subreaper = false;
  dumpable = 1;
  noNewPrivs = false;
  keepCaps = false;
  oomScoreAdj = 0;
  /** Whose exit the host is told about: the id of its `exec` request, and -1 for no one. */
  hostId = -1;
  /** Interval timers and POSIX timers; made on first use by `time/`. */
  timers: ProcessTimers | undefined;

  constructor(kernel: Kernel, pid: Pid, parent: Process | undefined, group: ProcessGroup, handlers: SignalHandlers, pending: PendingSignals, limits: Rlimit[], exitSignal: number, startNs: number) {
    this.kernel = kernel;
    this.pid = pid;
    this.parent = parent;
    this.group = group;
    this.handlers = handlers;
    this.pending = pending;
    this.limits = limits;
    this.exitSignal = exitSignal;
    this.startNs = startNs;
    parent?.children.add(this);
    group.members.add(this);
  }

  get session(): Session {
    return this.group.session;
  }

  /** The task whose tid is the pid, while it lives; else any other. */
  get leader(): Task {
    for (const task of this.tasks) if (task.tid === this.pid) return task;
    for (const task of this.tasks) return task;
    throw new RangeError(`process ${this.pid} has no task`);
  }
}

/** Opaque here: `time/itimer.ts` knows. */
export interface ProcessTimers {
  dispose(): void;
  disposePosix(): void;
}

/** Registers of a program that starts. */
export const INITIAL_CONTEXT: Uint8Array<ArrayBuffer> = new Uint8Array(initialContext());

/** A thread. */
export class Task {
  readonly kernel: Kernel;
  /** Changes only when a thread that is not the leader calls execve. */
  tid: Pid;
  readonly process: Process;
  mm: AddressSpace;
  /** Open files (F's table); shared after clone(CLONE_FILES). */
  fds: FdTable;
  /** Root, working directory, umask; shared after clone(CLONE_FS). */
  fs: FsContext;
  creds: Creds;
  /** At most 15 bytes, a byte string. */
  comm = '';
  readonly times = noTimes();

  /** The register file while another task of the address space has the CPU. */
  readonly context = INITIAL_CONTEXT.slice();
  state: 'runnable' | 'running' | 'sleeping' | 'stopped' | 'dead' = 'runnable';
  /** Where and for what the task sleeps (proc(5) state S). */
  readonly sleep: Sleep = new Sleep(this);
  /** In the run queue already. */
  queued = false;
  /** Number of the system call being served, -1 outside. */
  syscall = -1;

  readonly pending: PendingSignals;
  /** Blocked signals, bit `signal - 1`. */
  blocked = 0n;
  /** The mask to restore when sigsuspend, ppoll, … return through a handler. */
  savedMask: bigint | undefined;
  /** Something has to be looked at before the guest runs on: signals, exit, stop. Checked on every way back. */
  attention = false;
  altStack = { base: 0, size: 0, flags: 2 /* SS_DISABLE */ };
  parentDeathSignal = 0;

  /** set_tid_address(2), set_robust_list(2). */
  clearChildTid = 0;
  robustList = 0;
  /** clone(CLONE_VFORK): woken when the child has left the address space. */
  vforkParent: Task | undefined;
  readonly vforkQueue = new WaitQueue();
  nice = 0;
  schedPolicy = 0;
  schedPriority = 0;
  /** PR_SET_TIMERSLACK, and what 0 sets it to: that of the task that made it. It is only told. */
  timerSlackNs = 50_000;
  timerSlackDefaultNs = 50_000;
  /** SCHED_RESET_ON_FORK: children have neither the policy nor a nice value below 0. */
  schedResetOnFork = false;

  constructor(kernel: Kernel, tid: Pid, process: Process, mm: AddressSpace, fds: FdTable, fs: FsContext, creds: Creds, pending: PendingSignals) {
    this.kernel = kernel;
    this.tid = tid;
    this.process = process;
    this.mm = mm;
    this.fds = fds;
    this.fs = fs;
    this.creds = creds;
    this.pending = pending;
    process.tasks.add(this);
  }

  get pid(): Pid {
    return this.process.pid;
  }

  get tgid(): Pid {
    return this.process.pid;
  }
}
