/**
 * The kernel: one synchronous loop that owns every task, process and address space of an enclave. It runs tasks one
 * at a time until they block, end or have had their share; between them it looks at timers and at the host.
 */

import type { Pid } from '../base/flavor.ts';
import { assert } from '../base/assert.ts';
import { SIG, SIGILL, SIGKILL, type SigInfo, signalName } from '../abi/signal.ts';
import { bytesOf, toHex } from '../base/bytes.ts';
import { CPU, type CpuState, RAX } from '../x86/state.ts';
import { Errno, ENOMEM } from './errno.ts';
import { trapSignal } from './fault.ts';
import type { Host, HostRequest, HostStream } from './host.ts';
import { execTask } from './loader/exec.ts';
import type { OpenExec } from './loader/file.ts';
import { putU32 } from './mm/guest.ts';
import { AddressSpace, type CommitAccount } from './mm/space.ts';
import type { Executor, ExecutorHooks, GuestMemory, Platform, Trap } from './platform.ts';
import { BLOCKED, WOULD_BLOCK, type SysResult } from './result.ts';
import { deliver } from './signal/deliver.ts';
import type { FaultContext } from './signal/frame.ts';
import { force, restoreMask, sendToGroup, sendToProcess } from './signal/send.ts';
import { PendingSignals, SignalHandlers } from './signal/state.ts';
import type { MappingSource } from './syscalls/mmap.ts';
import { dispatch } from './syscalls/dispatch.ts';
import type { Tracer } from './strace/tracer.ts';
import { type Creds, ROOT_CREDS } from './task/creds.ts';
import { exitGroup, exitTask } from './task/exit.ts';
import { defaultLimits, type LimitOptions } from './task/rlimit.ts';
import { Process, type ProcessGroup, type Session, Task } from './task/task.ts';
import { Timers } from './time/timers.ts';
import type { FdTable } from './vfs/fdtable.ts';
import type { FsContext } from './vfs/context.ts';
import { WaitQueue } from './wait.ts';

/** What code may run between two looks at the clock and the run queue: about so many calls, or forty times as many rounds of a loop. */
const FUEL = 10_000;
/** A task that others wait for runs as long as Linux lets it (sched(7), base_slice_ns on few processors). */
const QUANTUM_NS = 3e6;
const PID_MAX = 4_194_304;

/** What the file side of the kernel gives to its core. */
export interface FileSide {
  /** Descriptors 0, 1 and 2 of a new root process. */
  initialFds(kernel: Kernel, stdio: readonly [HostStream, HostStream, HostStream], terminal: boolean): FdTable;
  initialContext(kernel: Kernel, cwd: string): FsContext;
  openExec: OpenExec;
  /** Makes the new process's controlling terminal of its stdin, if that is one. */
  adoptTerminal?(task: Task): void;
  /** Host streams may have become readable or writable. */
  hostPolled?(): void;
  /** What mmap(2) may map of a descriptor; EBADF. `willWrite`: a shared writable mapping is wanted (seals). */
  mapping(task: Task, fd: number, willWrite: boolean): MappingSource;
  /** The open file behind a descriptor, for kcmp(2); EBADF. */
  openFile?(task: Task, fd: number): object;
  /** The process behind a pidfd; throws EBADF. */
  pidfdProcess?(task: Task, fd: number): Process;
  resized?(terminal: HostStream, rows: number, columns: number): void;
  /** A descriptor (close-on-exec) for a process; throws EMFILE. */
  installPidfd?(task: Task, process: Process): number;
  /** The enclave is about to stop: dirty data goes to the volumes. */
  shutdown?(): void;
}

export interface KernelOptions extends LimitOptions {
  /** Bytes that all processes together may commit; Infinity = the host's own limit. */
  readonly memoryLimitBytes?: number;
  /** Fixed addresses of position-independent files, by path. */
  readonly prelink?: ReadonlyMap<string, number>;
  /** CPUID leaf 1 EDX, for AT_HWCAP. */
  readonly hwcap: number;
  readonly hostname?: string;
  readonly strace?: Tracer;
  /** Answers `call` requests of the host. */
  readonly onCall?: (method: string, params: unknown) => unknown;
  /** Stop when no process is left. */
  readonly untilIdle?: boolean;
}

export interface SpawnRequest {
  readonly argv: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  readonly stdio: readonly [HostStream, HostStream, HostStream];
  readonly terminal?: boolean;
  readonly creds?: Creds;
  /** Told to `host.exited`; -1 = nobody waits. */
  readonly hostId?: number;
  /** Asked with the program's path, links resolved; false: nothing is started, and whoever asked has been told. */
  readonly admits?: (resolved: string) => boolean;
  /** Told which interpreter of the program cannot be had, before the error is thrown. */
  readonly onInterpreter?: (path: string) => void;
}

export class Kernel {
  readonly platform: Platform;
  readonly host: Host;
  readonly files: FileSide;
  readonly options: KernelOptions;
  readonly timers = new Timers();
  readonly tasks = new Map<Pid, Task>();
  readonly processes = new Map<Pid, Process>();
  readonly groups = new Map<Pid, ProcessGroup>();
  readonly account: CommitAccount;
  readonly openExec: OpenExec;
  readonly bootMonotonicNs: number;
  readonly bootRealtimeNs: number;
  hostname: string;
  domainname = '(none)';
  /** The task that has the CPU. */
  current!: Task;
  /** When it got it, on CLOCK_MONOTONIC. */
  ranSinceNs = 0;
  /** Processes started since boot, for /proc/stat. */
  forks = 0;
  /** Woken after every host poll that brought something. */
  readonly hostEvents = new WaitQueue();

  readonly #queue: Task[] = [];
  #head = 0;
  #lastPid = 1;
  #entered: AddressSpace | undefined;
  #graves: AddressSpace[] = [];
  #stopping = false;
  #cpu!: CpuState;
  readonly #hooks: ExecutorHooks;

  constructor(platform: Platform, host: Host, files: FileSide, options: KernelOptions) {
    this.platform = platform;
    this.host = host;
    this.files = files;
    this.options = options;
    this.openExec = files.openExec;
    this.account = { committedBytes: 0, limitBytes: options.memoryLimitBytes ?? Number.POSITIVE_INFINITY };
    this.hostname = options.hostname ?? 'cloister';
    this.bootMonotonicNs = host.monotonicNs();
    this.bootRealtimeNs = host.realtimeNs();
    const { strace } = options;
    this.#hooks = {
      syscall: strace === undefined ? () => this.#syscall() : () => this.#tracedSyscall(strace),
      tick: () => this.#tick(),
    };
  }

  // --- processes ---

  /** Starts a root process; undefined when it is not admitted. Throws Errno when the program cannot be run. */
  spawn(request: SpawnRequest): Pid | undefined {
    const pid = this.newPid();
    const session = { sid: pid, leader: undefined as unknown as Process, tty: undefined };
    const group: ProcessGroup = { pgid: pid, session, members: new Set() };
    const process = new Process(this, pid, undefined, group, new SignalHandlers(), new PendingSignals(), defaultLimits(this.options), SIG.SIGCHLD, this.host.monotonicNs());
    session.leader = process;
    const fds = this.files.initialFds(this, request.stdio, request.terminal === true);
    let fs: FsContext;
    try {
      fs = this.files.initialContext(this, request.cwd);
    } catch (error) {
      fds.release();
      throw error;
    }
    // Never runs: execve gives the process its first real one.
    const mm = AddressSpace.make(this.account, () => this.platform.memory.create(request.argv[0]));
    const task = new Task(this, pid, process, mm, fds, fs, request.creds ?? ROOT_CREDS, new PendingSignals());
    this.processes.set(pid, process);
    this.groups.set(pid, group);
    this.tasks.set(pid, task);
    try {
      const program = this.openExec(task, -100, request.argv[0], 0);
      if (request.admits?.(program.path) === false) {
        exitTask(task, 0);
        return undefined;
      }
      execTask(task, program, request.argv[0], request.argv, request.env, request.onInterpreter);
    } catch (error) {
      exitTask(task, 0);
      throw error;
    }
    if (request.terminal === true) this.files.adoptTerminal?.(task);
    process.hostId = request.hostId ?? -1;
    this.enqueue(task);
    return pid;
  }

  /** A number that is no task's, group's or session's. */
  newPid(): Pid {
    do this.#lastPid = this.#lastPid + 1 >= PID_MAX ? 300 : this.#lastPid + 1;
    while (this.tasks.has(this.#lastPid) || this.processes.has(this.#lastPid) || this.groups.has(this.#lastPid));
    this.forks++;
    return this.#lastPid;
  }

  get lastPid(): Pid {
    return this.#lastPid;
  }

  /** Moves a process to a group, which is made when there is none. */
  joinGroup(process: Process, pgid: Pid, session: Session): void {
    let group = this.groups.get(pgid);
    if (group === undefined) {
      group = { pgid, session, members: new Set() };
      this.groups.set(pgid, group);
    }
    const old = process.group;
    old.members.delete(process);
    if (old.members.size === 0) this.groups.delete(old.pgid);
    process.group = group;
    group.members.add(process);
  }

  /** A reaped process. */
  forget(process: Process): void {
    this.processes.delete(process.pid);
    if (process.group.members.size === 0) this.groups.delete(process.group.pgid);
  }

  /** No member has a parent in another group of the same session: nobody could continue it. */
  orphaned(group: ProcessGroup): boolean {
    for (const { parent } of group.members) if (parent !== undefined && parent.group !== group && parent.session === group.session) return false;
    return true;
  }

  /** execve by a thread that is not the leader: it takes over the leader's number. */
  becomeLeader(task: Task): void {
    if (task.tid === task.process.pid) return;
    this.tasks.delete(task.tid);
    task.tid = task.process.pid;
    this.tasks.set(task.tid, task);
  }

  /** A process ends by a signal: a line for the log where the reason is worth one. */
  ended(task: Task, info: SigInfo, fault: FaultContext | undefined): void {
    if (fault === undefined) return;
    const cpu = task.mm.executor.cpu;
    const rip = cpu.rip;
    const bytes = task.mm.vmas.allows(rip, 1, 1) ? toHex(task.mm.memory.bytes.subarray(rip, rip + task.mm.vmas.allowedPrefix(rip, 15, 1))) : 'not mapped';
    const where = task.mm.vmas.find(rip);
    // An instruction that the engines do not know is for whoever runs it to know.
    this.host.log(
      info.signo === SIGILL ? 'warn' : 'info',
      `${task.comm}[${task.tid}]: ${signalName(info.signo)} at 0x${rip.toString(16)} (${where?.name ?? '?'}${where?.file === undefined ? '' : `+0x${(rip - where.start + where.offset).toString(16)}`}), address 0x${(info.addr ?? 0).toString(16)}, code ${bytes}`,
    );
  }

  installPidfd(task: Task, process: Process, address: number): void {
    if (this.files.installPidfd === undefined) throw ENOMEM;
    const fd = this.files.installPidfd(task, process);
    putU32(task.mm, address, fd);
  }

  // --- address spaces ---

  newExecutor(memory: GuestMemory): Executor {
    return this.platform.engine.create(memory, this.platform.memory, this.#hooks);
  }

  forkExecutor(from: AddressSpace, to: AddressSpace): Executor {
    return from.executor.forkOver(to.memory, this.#hooks);
  }

  /** An address space without tasks goes as soon as no guest code is on the stack. */
  bury(mm: AddressSpace): void {
    this.#graves.push(mm);
  }

  // --- the loop ---

  /** To the end of the run queue, unless it is there already. */
  enqueue(task: Task): void {
    if (task.queued || task.state === 'dead') return;
    task.queued = true;
    this.#queue.push(task);
  }

  get runnable(): number {
    return this.#queue.length - this.#head;
  }

  /** Runs until `shutdown` (or until no process is left, if so asked). */
  run(): void {
    this.ranSinceNs = this.host.monotonicNs();
    while (!this.#stopping) {
      if (this.host.poll()) this.#hostPolled();
      if (this.timers.nextNs !== Number.POSITIVE_INFINITY) this.timers.run(this.host.monotonicNs());
      const task = this.#dequeue();
      if (task === undefined) {
        if (this.#stopping || (this.options.untilIdle === true && this.processes.size === 0)) break;
        this.platform.memory.trim();
        this.host.wait(Math.max(this.timers.nextNs - this.host.monotonicNs(), 0));
        this.#hostPolled();
        this.ranSinceNs = this.host.monotonicNs();
        continue;
      }
      this.#runTask(task);
      if (this.#graves.length > 0) this.#dig();
    }
    this.files.shutdown?.();
  }

  /** Ends everything: all processes are killed, `run` returns. */
  shutdown(): void {
    for (const process of [...this.processes.values()]) if (process.tasks.size > 0) exitGroup(process.leader, SIGKILL);
    this.#stopping = true;
  }

  #dequeue(): Task | undefined {
    if (this.#head === this.#queue.length) return undefined;
    const task = this.#queue[this.#head];
    this.#head++;
    if (this.#head === this.#queue.length) {
      this.#queue.length = 0;
      this.#head = 0;
    } else if (this.#head > 1024) {
      this.#queue.splice(0, this.#head);
      this.#head = 0;
    }
    task.queued = false;
    return task;
  }

  #dig(): void {
    const graves = this.#graves;
    this.#graves = [];
    for (const mm of graves) {
      if (this.#entered === mm) {
        mm.memory.leave();
        this.#entered = undefined;
      }
      mm.dispose();
    }
  }

  #hostPolled(): void {
    for (let request = this.host.nextRequest(); request !== undefined; request = this.host.nextRequest()) this.#serve(request);
    this.files.hostPolled?.();
    this.hostEvents.wake();
  }

  #serve(request: HostRequest): void {
    switch (request.kind) {
      case 'exec':
        let interpreter = '';
        try {
          this.spawn({ ...request, hostId: request.id, onInterpreter: (path) => (interpreter = path) });
        } catch (error) {
          if (!(error instanceof Errno)) throw error;
          const reason = `${request.argv[0]}: ${interpreter === '' ? '' : `cannot execute: required file ${interpreter}: `}${error.message}`;
          this.host.log('info', reason);
          // Whoever asked may not see the log. A terminal outside is raw meanwhile.
          request.stdio[2].write(bytesOf(`cloister: ${reason}${request.terminal ? '\r' : ''}\n`));
          this.host.exited(request.id, (error.code === 'ENOENT' ? 127 : 126) << 8);
        }
        return;
      case 'signal':
        for (const process of this.processes.values()) if (process.hostId === request.id) sendToGroup(process.group, { signo: request.signal, code: 0, pid: 0, uid: 0 });
        return;
      case 'kill': {
        const process = this.processes.get(request.pid);
        if (process !== undefined) sendToProcess(process, { signo: request.signal, code: 0, pid: 0, uid: 0 });
        this.host.reply(request.reply, process !== undefined);
        return;
      }
      case 'resize':
        this.files.resized?.(request.terminal, request.rows, request.columns);
        return;
      case 'call':
        this.host.reply(request.reply, this.options.onCall?.(request.method, request.params));
        return;
      case 'shutdown':
        this.shutdown();
    }
  }

  /** Makes the task's memory and registers current. */
  #load(task: Task): CpuState {
    const { mm } = task;
    if (this.#entered !== mm) {
      this.#entered?.memory.leave();
      mm.memory.enter();
      this.#entered = mm;
    }
    const { cpu } = mm.executor;
    if (mm.loaded !== task) {
      if (mm.loaded !== undefined) cpu.save(mm.loaded.context);
      cpu.load(task.context);
      mm.loaded = task;
    }
    this.current = task;
    this.#cpu = cpu;
    return cpu;
  }

  #runTask(task: Task): void {
    if (task.state === 'dead') return;
    let cpu = this.#load(task);
    if (task.sleep.active && !this.#resume(task, cpu) && !task.attention) return;
    let fault: FaultContext | undefined;
    while (true) {
      if (task.attention) {
        const verdict = deliver(task, cpu, fault);
        if (verdict === 'dead') {
          if ((task.state as string) !== 'dead') exitTask(task, task.process.groupExit ?? 0);
          break;
        }
        if (verdict === 'wait') break;
      }
      fault = undefined;
      task.state = 'running';
      cpu.i32[CPU.fuel / 4] = FUEL;
      const trap = task.mm.executor.run();
      if ((task.state as string) === 'dead') break;
      if (trap.kind === 'stopped') {
        if (task.sleep.active) {
          if (task.attention) continue;
          task.times.voluntarySwitches++;
          break;
        }
        if (task.mm.executor.cpu !== cpu) cpu = this.#load(task);
        if (this.#preempt) {
          this.#preempt = false;
          if (!task.attention) {
            task.state = 'runnable';
            task.times.involuntarySwitches++;
            this.enqueue(task);
            break;
          }
        }
        continue;
      }
      fault = this.#trapped(task, cpu, trap);
    }
    const now = this.host.monotonicNs();
    task.times.userNs += now - this.ranSinceNs;
    this.ranSinceNs = now;
  }

  #preempt = false;

  #trapped(task: Task, cpu: CpuState, trap: Exclude<Trap, { kind: 'stopped' }>): FaultContext | undefined {
    task.times.minorFaults++;
    if (trap.kind === 'fault' && task.mm.extend(trap.address)) return undefined;
    const { info, context } = trapSignal(task, cpu, trap);
    force(task, info);
    return context;
  }

  /** A sleeper has the CPU: is what it waited for there? True when its system call has ended. */
  #resume(task: Task, cpu: CpuState): boolean {
    const { sleep } = task;
    let result: SysResult = WOULD_BLOCK;
    try {
      if (sleep.ready) {
        sleep.ready = false;
        result = sleep.retry();
      }
      if (result === WOULD_BLOCK && sleep.expired) result = sleep.options.timedOut?.() ?? 0;
    } catch (error) {
      if (!(error instanceof Errno)) throw error;
      result = -error.errno;
    }
    if (result === WOULD_BLOCK) {
      task.state = 'sleeping';
      return false;
    }
    assert(result !== BLOCKED, 'a retry must not sleep anew');
    sleep.end();
    cpu.setReg(RAX, result);
    restoreMask(task);
    this.options.strace?.resumed(task, cpu, result);
    return true;
  }

  // --- hooks ---

  #syscall(): 0 | 1 {
    const task = this.current;
    const cpu = this.#cpu;
    const result = dispatch(task, cpu);
    if (task.savedMask !== undefined && result !== BLOCKED) restoreMask(task);
    if (result === BLOCKED || task.attention) return 1;
    return task.mm.executor.cpu === cpu ? 0 : 1;
  }

  #tracedSyscall(tracer: Tracer): 0 | 1 {
    const task = this.current;
    const cpu = this.#cpu;
    tracer.entered(task, cpu);
    const stop = this.#syscall();
    if (!task.sleep.active) tracer.resumed(task, cpu, task.state === 'dead' ? undefined : cpu.regSigned(RAX));
    return stop;
  }

  #tick(): 0 | 1 {
    const cpu = this.#cpu;
    cpu.i32[CPU.fuel / 4] = FUEL;
    if (this.host.poll()) this.#hostPolled();
    const now = this.host.monotonicNs();
    if (this.timers.nextNs <= now) this.timers.run(now);
    if (this.#stopping || this.current.attention || (this.runnable > 0 && now - this.ranSinceNs >= QUANTUM_NS)) {
      this.#preempt = true;
      return 1;
    }
    return 0;
  }
}
