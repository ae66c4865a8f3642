/**
 * Where code goes on after a task has lost its stack of wasm frames: behind the system calls that block or make tasks, and
 * behind the calls that lead to them. Each such place is entered by its address, so it wants a unit of its own; made ahead of time,
 * it need not be made when a program first forks or waits.
 *
 * A guess, for speed alone: what is missing here is translated when it is reached.
 */

import { type Insn, RAX, RDI } from '../x86/index.ts';
import { control } from './discover.ts';

// System calls by number (x86-64).
/** That make a task, whose frames are those of its maker, or wait for one: everything up to `main` is come back to. */
const TASKS: ReadonlySet<number> = new Set([56, 57, 58, 61, 247, 435]);
/** That wait for something else, mostly below a function of the C library and one of the program. */
// biome-ignore format: a table
const WAITS: ReadonlySet<number> = new Set([0, 1, 7, 17, 19, 20, 23, 34, 35, 43, 44, 45, 46, 47, 128, 130, 219, 220, 230, 232, 270, 271, 281, 288, 441, 449]);

/** That let signals through, or send one to their caller. */
const SIGNALS: ReadonlySet<number> = new Set([14, 62, 200, 234]);
/** Locks: they have many callers, and seldom wait. */
const LOCKS: ReadonlySet<number> = new Set([202]);

/** The same by the names of functions of other files. */
// biome-ignore format: a table
const TASK_NAMES: ReadonlySet<string> = new Set([
  'fork', '_Fork', '__fork', 'vfork', 'clone', 'posix_spawn', 'posix_spawnp', 'system', 'popen', 'pclose', 'wait', 'wait3', 'wait4', 'waitpid', 'waitid',
  'pthread_create', 'pthread_join', 'daemon', 'forkpty',
]);
// biome-ignore format: a table
const WAIT_NAMES: ReadonlySet<string> = new Set([
  'read', 'write', 'readv', 'writev', '__read_chk', 'poll', 'ppoll', 'select', 'pselect', 'pause', 'nanosleep', 'clock_nanosleep', 'sleep', 'usleep', 'accept', 'accept4',
  'recv', 'recvfrom', 'recvmsg', 'send', 'sendto', 'sendmsg', 'connect', 'sigwait', 'sigwaitinfo', 'sigtimedwait', 'sigsuspend', 'epoll_wait', 'epoll_pwait', 'syscall',
  'pthread_mutex_lock', 'pthread_cond_wait', 'pthread_cond_timedwait', 'sem_wait', 'pthread_barrier_wait', 'sched_yield',
]);
const SIGNAL_NAMES: ReadonlySet<string> = new Set(['sigprocmask', 'pthread_sigmask', 'kill', 'killpg', 'raise']);
const NONE: ReadonlySet<never> = new Set();
/** Callers of callers: what is farther from the call is rarely come back to, and there is much of it. */
const TASK_LEVELS = 6,
  WAIT_LEVELS = 2,
  SIGNAL_LEVELS = 2;
/** Instructions between the number of a system call and the call. */
const NUMBER_REACH = 8;
/** As syscall(3) is given it by its caller, most often for a futex. */
const UNKNOWN = 202;

export interface FileCode {
  /** Ascending. */
  readonly functions: readonly number[];
  decode(pc: number): Insn | undefined;
  /** The name of the function of another file that a call leads to. */
  importedBy(call: Insn): string | undefined;
}

/** Calls of one function: where each comes back to, −1 for a jump, which comes back to a caller. */
interface Calls {
  /** By the entry of a function of the file. */
  readonly own: readonly (readonly [target: number, back: number])[];
  readonly imported: readonly (readonly [name: string, back: number])[];
  readonly system: readonly (readonly [number: number, back: number])[];
  /** Behind the call of `main`: what it returns is the status. */
  readonly main: readonly number[];
}

/** Addresses, ascending. */
export function resumptions(code: FileCode): number[] {
  const { functions } = code;
  const calls = new Map(functions.map((start, index) => [start, callsIn(code, start, functions[index + 1] ?? Number.POSITIVE_INFINITY)]));
  const places = new Set<number>();
  for (const { main } of calls.values()) for (const back of main) places.add(back);
  climb(calls, TASKS, TASK_NAMES, TASK_LEVELS, places);
  climb(calls, WAITS, WAIT_NAMES, WAIT_LEVELS, places);
  climb(calls, SIGNALS, NONE, SIGNAL_LEVELS, places);
  climb(calls, LOCKS, SIGNAL_NAMES, 1, places);
  return [...places].sort((a, b) => a - b);
}

/** From the calls themselves up to their callers, level by level. */
function climb(calls: ReadonlyMap<number, Calls>, numbers: ReadonlySet<number>, names: ReadonlySet<string>, levels: number, places: Set<number>): void {
  let reaching = new Set<number>();
  for (const [start, { imported, system }] of calls) {
    for (const [number, back] of system) {
      if (!numbers.has(number)) continue;
      places.add(back);
      reaching.add(start);
    }
    for (const [name, back] of imported) {
      if (!names.has(name)) continue;
      if (back >= 0) places.add(back);
      reaching.add(start);
    }
  }
  const seen = new Set(reaching);
  for (let level = 1; level < levels && reaching.size > 0; level++) {
    const above = new Set<number>();
    for (const [start, { own }] of calls) {
      for (const [target, back] of own) {
        if (!reaching.has(target)) continue;
        if (back >= 0) places.add(back);
        if (!seen.has(start)) above.add(start);
      }
    }
    for (const start of above) seen.add(start);
    reaching = above;
  }
}

function callsIn(code: FileCode, start: number, end: number): Calls {
  const found = { own: [] as [number, number][], imported: [] as [string, number][], system: [] as [number, number][], main: [] as number[] };
  let number = UNKNOWN;
  let since = NUMBER_REACH;
  for (let pc = start; pc < end; since++) {
    const insn = code.decode(pc);
    if (insn === undefined) break;
    pc += insn.length;
    const [first, second] = insn.ops;
    const kind = control(insn);
    if (insn.row.mnemonic === 'mov' && first?.kind === 'gpr' && first.index === RAX && second?.kind === 'imm') [number, since] = [Number(second.value), 0];
    else if (kind === 'syscall') found.system.push([since < NUMBER_REACH ? number : UNKNOWN, pc]);
    else if (kind === 'call' || kind === 'jump') {
      const back = kind === 'call' ? pc : -1;
      const name = code.importedBy(insn);
      if (name !== undefined) found.imported.push([name, back]);
      else if (first?.kind === 'rel') found.own.push([first.target, back]);
      else if (kind === 'call' && returnsStatus(code, pc)) found.main.push(pc);
    }
  }
  return found;
}

/** `mov edi, eax; call exit`, as the C library calls `main`. */
function returnsStatus(code: FileCode, pc: number): boolean {
  const moved = code.decode(pc);
  const [to, from] = moved?.ops ?? [];
  if (moved?.row.mnemonic !== 'mov' || to?.kind !== 'gpr' || to.index !== RDI || from?.kind !== 'gpr' || from.index !== RAX) return false;
  const exit = code.decode(pc + moved.length);
  return exit !== undefined && control(exit) === 'call';
}
