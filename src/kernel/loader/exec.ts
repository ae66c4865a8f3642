/**
 * execve(2): a new program in an old process. Everything that can fail is done on a new address space before the old
 * one goes; from there on nothing fails.
 */

import {
  AT_BASE,
  AT_CLKTCK,
  AT_EGID,
  AT_ENTRY,
  AT_EUID,
  AT_EXECFN,
  AT_FLAGS,
  AT_GID,
  AT_HWCAP,
  AT_HWCAP2,
  AT_MINSIGSTKSZ,
  AT_NULL,
  AT_PAGESZ,
  AT_PHDR,
  AT_PHENT,
  AT_PHNUM,
  AT_PLATFORM,
  AT_RANDOM,
  AT_SECURE,
  AT_UID,
} from '../../abi/auxv.ts';
import { MAP_STACK } from '../../abi/mman.ts';
import { RLIMIT } from '../../abi/resource.ts';
import { USER_HZ } from '../../abi/time.ts';
import { ET_DYN, PHDR_BYTES } from '../../elf/index.ts';
import { CpuState, RSP } from '../../x86/state.ts';
import { E2BIG, ELIBBAD, ELOOP, ENOEXEC } from '../errno.ts';
import { EXECUTABLE_BASE, STACK_GUARD, STACK_LIMIT, STACK_TOP } from '../mm/layout.ts';
import { AddressSpace } from '../mm/space.ts';
import { pageCeil } from '../mm/vma.ts';
import { PAGE_SIZE, PROT_EXEC, PROT_READ, PROT_WRITE } from '../platform.ts';
import { SignalHandlers } from '../signal/state.ts';
import type { Creds } from '../task/creds.ts';
import { ALL_CAPS } from '../task/creds.ts';
import { exitTask, leaveSpace } from '../task/exit.ts';
import { INITIAL_CONTEXT, type Process, type Task } from '../task/task.ts';
import type { ExecFile } from './file.ts';
import { extent, type Loaded, mapProgram, type Program, readProgram, wantsExecutableStack } from './image.ts';
import { HEAD_BYTES, isScript, parseScript } from './script.ts';
import { argumentBytes, buildStack } from './stack.ts';

const S_ISUID = 0o4000,
  S_ISGID = 0o2000,
  S_IXGRP = 0o010;
const AT_FDCWD = -100;
const MAX_SCRIPTS = 5;
const MAX_ARG_BYTES = 6 * 1024 * 1024;

/** Replaces the program of the running task. `path` is as the guest wrote it; Linux's errors do not tell an interpreter's from the program's own, `onInterpreter` does. */
export function execTask(task: Task, file: ExecFile, path: string, argv: readonly string[], env: readonly string[], onInterpreter: (path: string) => void = () => {}): void {
  const { kernel, process } = task;
  const log = (why: string): void => kernel.host.log('warn', why);
  let invoked = path;
  let args = argv.length === 0 ? [''] : argv;
  let target = file;
  const opened: ExecFile[] = [];
  const open = (name: string): ExecFile => {
    try {
      const interpreter = kernel.openExec(task, AT_FDCWD, name, 0);
      opened.push(interpreter);
      return interpreter;
    } catch (error) {
      onInterpreter(name);
      throw error;
    }
  };
  try {
    for (let depth = 0; ; depth++) {
      const head = new Uint8Array(HEAD_BYTES);
      const length = target.read(0, head);
      if (length === 0) throw ENOEXEC;
      if (!isScript(head.subarray(0, length))) break;
      if (depth === MAX_SCRIPTS) throw ELOOP;
      const script = parseScript(head.subarray(0, length));
      args = [script.interpreter, ...(script.argument === undefined ? [] : [script.argument]), invoked, ...args.slice(1)];
      invoked = script.interpreter;
      target = open(script.interpreter);
    }
    const limit = Math.min(MAX_ARG_BYTES, process.limits[RLIMIT.STACK].soft / 4);
    if (argumentBytes(args, env) > Math.max(limit, 131072)) throw E2BIG;

    const program = readProgram(target, log);
    let interpreter: Program | undefined;
    if (program.interpreter !== undefined) {
      const loader = open(program.interpreter);
      try {
        interpreter = readProgram(loader, log);
      } catch (error) {
        if (error === ENOEXEC) throw ELIBBAD;
        throw error;
      }
      if (interpreter.interpreter !== undefined) throw ELIBBAD;
    }
    const creds = newCreds(task, target);
    const { mm, context } = load(task, program, interpreter, creds, args, env, path);
    replace(task, mm, context, creds, target, path);
  } finally {
    for (const one of opened) one.release?.();
  }
}

function load(task: Task, program: Program, interpreter: Program | undefined, creds: Creds, argv: readonly string[], env: readonly string[], execfn: string): { mm: AddressSpace; context: Uint8Array } {
  const { kernel, process } = task;
  const mm = AddressSpace.make(kernel.account, () => kernel.platform.memory.create(program.file.path));
  try {
    const { prelink } = kernel.options;
    const main = mapProgram(mm, program, program.header.type === ET_DYN ? (prelink?.get(program.file.path) ?? EXECUTABLE_BASE) : 0);
    mm.startCode = main.start;
    mm.endCode = main.end;

    const size = Math.max(Math.min(pageCeil(process.limits[RLIMIT.STACK].soft), STACK_LIMIT), 128 * 1024);
    const prot = PROT_READ | PROT_WRITE | (wantsExecutableStack(program) ? PROT_EXEC : 0);
    const low = STACK_TOP - size;
    const fits = low - STACK_GUARD >= EXECUTABLE_BASE && mm.isFree(low - STACK_GUARD, STACK_TOP);
    mm.placeHeap(main.end);
    const stack = fits ? low : mm.findFree(size + STACK_GUARD) + STACK_GUARD;
    mm.map({ address: stack, length: size, prot, sharing: 'private', flags: MAP_STACK, name: '[stack]' });
    mm.stackTop = stack + size;

    let start: Loaded = main;
    if (interpreter !== undefined) {
      const { low: from, high: to } = extent(interpreter);
      const wish = prelink?.get(interpreter.file.path);
      const base = wish !== undefined && mm.isFree(wish, wish + to - from) ? wish : mm.findFree(to - from);
      start = mapProgram(mm, interpreter, base);
    }
    const random = new Uint8Array(16);
    kernel.host.random(random);
    const secure = creds.uid !== creds.euid || creds.gid !== creds.egid ? 1 : 0;
    const sp = buildStack(mm, mm.stackTop, {
      argv,
      env,
      execfn,
      random,
      platform: 'x86_64',
      // biome-ignore format: a table
      auxv: (at) => [
        [AT_HWCAP, kernel.options.hwcap], [AT_PAGESZ, PAGE_SIZE], [AT_CLKTCK, USER_HZ], [AT_PHDR, main.phdr], [AT_PHENT, PHDR_BYTES], [AT_PHNUM, program.header.phnum],
        [AT_BASE, interpreter === undefined ? 0 : start.start], [AT_FLAGS, 0], [AT_ENTRY, main.entry], [AT_UID, creds.uid], [AT_EUID, creds.euid], [AT_GID, creds.gid], [AT_EGID, creds.egid],
        [AT_SECURE, secure], [AT_RANDOM, at.random], [AT_HWCAP2, 0], [AT_EXECFN, at.execfn], [AT_PLATFORM, at.platform], [AT_MINSIGSTKSZ, 1440], [AT_NULL, 0],
      ],
    });
    const context = INITIAL_CONTEXT.slice();
    const cpu = new CpuState(context.buffer);
    cpu.setReg(RSP, sp);
    cpu.rip = start.entry;
    mm.executor = kernel.newExecutor(mm.memory);
    return { mm, context };
  } catch (error) {
    mm.dispose();
    throw error;
  }
}

/** The point of no return. */
function replace(task: Task, mm: AddressSpace, context: Uint8Array, creds: Creds, file: ExecFile, path: string): void {
  const { kernel, process } = task;
  for (const other of [...process.tasks]) if (other !== task) exitTask(other, 0);
  leaveSpace(task);
  kernel.becomeLeader(task);
  task.mm = mm;
  task.context.set(context);
  task.robustList = 0;
  task.altStack = { base: 0, size: 0, flags: 2 };
  task.creds = creds;
  task.comm = path.slice(path.lastIndexOf('/') + 1).slice(0, 15);
  process.exe = file.path;
  process.hasExeced = true;
  process.exitSignal = process.exitSignal === 0 ? 0 : 17;
  process.timers?.disposePosix();
  freshHandlers(process);
  if (task.fds.shared) {
    const own = task.fds.fork();
    task.fds.release();
    task.fds = own;
  }
  task.fds.closeOnExec();
}

function freshHandlers(process: Process): void {
  if (process.handlers.users > 1) {
    process.handlers.users--;
    process.handlers = new SignalHandlers(process.handlers.actions);
  }
  process.handlers.reset();
}

/** Set-user-ID and set-group-ID (execve(2)); root keeps all capabilities, others lose theirs. */
function newCreds(task: Task, file: ExecFile): Creds {
  const old = task.creds;
  let { euid, egid } = old;
  if (!file.nosuid && !task.process.noNewPrivs) {
    if (file.mode & S_ISUID) euid = file.uid;
    if (file.mode & S_ISGID && file.mode & S_IXGRP) egid = file.gid;
  }
  const root = euid === 0 || old.uid === 0;
  const permitted = root ? ALL_CAPS : 0n;
  return Object.freeze({ ...old, euid, suid: euid, fsuid: euid, egid, sgid: egid, fsgid: egid, permitted, effective: euid === 0 ? ALL_CAPS : 0n });
}
