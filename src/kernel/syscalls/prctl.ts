/** prctl(2), arch_prctl(2). */

import { ARCH_GET_FS, ARCH_GET_GS, ARCH_SET_FS, ARCH_SET_GS, PR } from '../../abi/prctl.ts';
import { NSIG } from '../../abi/signal.ts';
import { CPU } from '../../x86/state.ts';
import { EINVAL, EPERM, Errno } from '../errno.ts';
import { putU32, putU64, readCString, writeBytes, USER_LIMIT } from '../mm/guest.ts';
import type { SysResult } from '../result.ts';
import { CAP, hasCap } from '../task/creds.ts';
import type { Task } from '../task/task.ts';

const COMM_BYTES = 16;
const LAST_CAP = 40;
const PR_TSC_ENABLE = 1;

type Option = (task: Task, a: number, b: number, c: number, d: number) => SysResult;

const flag = (a: number, set: (on: boolean) => void): number => {
  if (a > 1) throw EINVAL;
  set(a === 1);
  return 0;
};

/** Arguments that newer options want to be 0. */
function allZero(...unused: readonly number[]): number {
  if (unused.some((each) => each !== 0)) throw EINVAL;
  return 0;
}

function setName(task: Task, address: number): number {
  let name = '';
  try {
    name = readCString(task.mm, address, COMM_BYTES);
  } catch (error) {
    if (!(error instanceof Errno) || error.code !== 'ENAMETOOLONG') throw error;
    name = readCString(task.mm, address, 1 << 20).slice(0, COMM_BYTES - 1);
  }
  task.comm = name.slice(0, COMM_BYTES - 1);
  return 0;
}

function getName(task: Task, address: number): number {
  const out = new Uint8Array(COMM_BYTES);
  for (let at = 0; at < task.comm.length; at++) out[at] = task.comm.charCodeAt(at);
  writeBytes(task.mm, address, out);
  return 0;
}

function pdeathsig(task: Task, signal: number): number {
  if (signal > NSIG) throw EINVAL;
  task.parentDeathSignal = signal;
  return 0;
}

function dropBound(task: Task, cap: number): number {
  if (!hasCap(task.creds, CAP.SETPCAP)) throw EPERM;
  if (cap > LAST_CAP) throw EINVAL;
  return 0;
}

// biome-ignore format: a table
const OPTIONS: Readonly<Record<number, Option>> = {
  [PR.SET_PDEATHSIG]:       pdeathsig,
  [PR.GET_PDEATHSIG]:       (task, a) => (putU32(task.mm, a, task.parentDeathSignal), 0),
  [PR.GET_DUMPABLE]:        (task) => task.process.dumpable,
  [PR.SET_DUMPABLE]:        (task, a) => flag(a, (on) => (task.process.dumpable = on ? 1 : 0)),
  [PR.GET_KEEPCAPS]:        (task) => (task.process.keepCaps ? 1 : 0),
  [PR.SET_KEEPCAPS]:        (task, a) => flag(a, (on) => (task.process.keepCaps = on)),
  [PR.GET_TIMING]:          () => 0,
  [PR.SET_TIMING]:          (_, a) => flag(a, (on) => { if (on) throw EINVAL; }),
  [PR.SET_NAME]:            setName,
  [PR.GET_NAME]:            getName,
  [PR.GET_SECCOMP]:         () => 0,
  [PR.CAPBSET_READ]:        (_, a) => { if (a > LAST_CAP) throw EINVAL; return 1; },
  [PR.CAPBSET_DROP]:        dropBound,
  [PR.GET_TSC]:             (task, a) => (putU32(task.mm, a, PR_TSC_ENABLE), 0),
  [PR.GET_SECUREBITS]:      () => 0,
  [PR.SET_TIMERSLACK]:      (task, a) => { task.timerSlackNs = a > 0 && a <= Number.MAX_SAFE_INTEGER ? a : task.timerSlackDefaultNs; return 0; },
  [PR.GET_TIMERSLACK]:      (task) => task.timerSlackNs,
  [PR.SET_CHILD_SUBREAPER]: (task, a) => { task.process.subreaper = a !== 0; return 0; },
  [PR.GET_CHILD_SUBREAPER]: (task, a) => (putU32(task.mm, a, task.process.subreaper ? 1 : 0), 0),
  [PR.SET_NO_NEW_PRIVS]:    (task, a, b, c, d) => { if (a !== 1 || b !== 0 || c !== 0 || d !== 0) throw EINVAL; task.process.noNewPrivs = true; return 0; },
  [PR.GET_NO_NEW_PRIVS]:    (task, a, b, c, d) => { allZero(a, b, c, d); return task.process.noNewPrivs ? 1 : 0; },
  [PR.GET_TID_ADDRESS]:     (task, a) => (putU64(task.mm, a, task.clearChildTid), 0),
  [PR.SET_THP_DISABLE]:     (_, _a, b, c, d) => allZero(b, c, d),
  [PR.GET_THP_DISABLE]:     (_, a, b, c, d) => allZero(a, b, c, d),
  [PR.SET_PTRACER]:         () => 0,
};

export function sys_prctl(task: Task, option: number, a: number, b: number, c: number, d: number): SysResult {
  const serve = OPTIONS[option];
  if (serve === undefined) throw EINVAL;
  return serve(task, a, b, c, d);
}

/** Bases of the FS and GS segments. */
export function sys_arch_prctl(task: Task, code: number, address: number): number {
  const { cpu } = task.mm.executor;
  switch (code) {
    case ARCH_SET_FS:
      if (address >= USER_LIMIT) throw EPERM;
      cpu.fsBase = address;
      return 0;
    case ARCH_SET_GS:
      if (address >= USER_LIMIT) throw EPERM;
      cpu.setReg(CPU.gsBase / 8, address);
      return 0;
    case ARCH_GET_FS:
      putU64(task.mm, address, cpu.fsBase);
      return 0;
    case ARCH_GET_GS:
      putU64(task.mm, address, cpu.reg(CPU.gsBase / 8));
      return 0;
    default:
      throw EINVAL;
  }
}
