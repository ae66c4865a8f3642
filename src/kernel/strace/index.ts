/**
 * Prints system calls as strace(1) prints them. Names, argument kinds and numbers come from the rows of the table;
 * nothing here knows a system call by its name but exit.
 */

import { errnoName } from '../../abi/errno.ts';
import { signalName } from '../../abi/signal.ts';
import { byteString } from '../../base/bytes.ts';
import { type CpuState, R10, R8, R9, RAX, RDI, RDX, RSI } from '../../x86/state.ts';
import { PROT_READ } from '../platform.ts';
import { ERRNO } from '../../abi/errno.ts';
import type { AddressSpace } from '../mm/space.ts';
import { type Arg, I32, I64, U32 } from '../syscalls/args.ts';
import { SYSCALLS, type Row } from '../syscalls/table.ts';
import type { Task } from '../task/task.ts';
import { NAMES } from './names.ts';
import type { Tracer } from './tracer.ts';
import { choice, flags, hex, pointer, quote, quoteText, STRING_LIMIT } from './values.ts';

export type { Tracer } from './tracer.ts';

const REGISTERS = [RDI, RSI, RDX, R10, R8, R9] as const;
const AT_FDCWD = -100;

interface Call {
  readonly row: Row | undefined;
  readonly number: number;
  readonly values: number[];
  readonly texts: (string | undefined)[];
}

/** Guest bytes if they are there; strace prints an address where they are not. */
function peek(mm: AddressSpace, address: number, length: number): DataView | undefined {
  if (address === 0 || length < 0 || !mm.vmas.allows(address, Math.max(length, 1), PROT_READ)) return undefined;
  const { bytes } = mm.memory;
  return new DataView(bytes.buffer, bytes.byteOffset + address, length);
}

const bytesOfView = (view: DataView): Uint8Array => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);

function cString(mm: AddressSpace, address: number): string {
  const allowed = address === 0 ? 0 : mm.vmas.allowedPrefix(address, 4096, PROT_READ);
  if (allowed <= 0) return pointer(address);
  const bytes = mm.memory.bytes.subarray(address, address + allowed);
  const end = bytes.indexOf(0);
  return end < 0 ? pointer(address) : quoteText(byteString(bytes.subarray(0, end)));
}

function vector(mm: AddressSpace, address: number): string {
  const out: string[] = [];
  for (let at = address; out.length < 32; at += 8) {
    const view = peek(mm, at, 8);
    if (view === undefined) return pointer(address);
    const item = Number(view.getBigUint64(0, true));
    if (item === 0) return `[${out.join(', ')}]`;
    out.push(cString(mm, item));
  }
  return `[${out.join(', ')}, ...]`;
}

function buffer(mm: AddressSpace, address: number, length: number): string {
  const shown = Math.min(length, STRING_LIMIT);
  const view = peek(mm, address, shown);
  return view === undefined ? pointer(address) : quote(bytesOfView(view), length > shown);
}

function iovec(mm: AddressSpace, address: number, count: number, limit: number): string {
  const view = peek(mm, address, Math.min(count, 16) * 16);
  if (view === undefined) return pointer(address);
  const parts: string[] = [];
  let left = limit;
  for (let index = 0; index < Math.min(count, 16); index++) {
    const length = Number(view.getBigUint64(index * 16 + 8, true));
    parts.push(`{iov_base=${buffer(mm, Number(view.getBigUint64(index * 16, true)), Math.min(length, left))}, iov_len=${length}}`);
    left = Math.max(left - length, 0);
  }
  return `[${parts.join(', ')}]`;
}

function signalSet(mask: bigint): string {
  const inverse = mask.toString(2).replaceAll('0', '').length > 32;
  const names: string[] = [];
  for (let signal = 1; signal <= 64; signal++) if (((mask >> BigInt(signal - 1)) & 1n) === (inverse ? 0n : 1n)) names.push(signal < 32 ? signalName(signal).slice(3) : `RT_${signal - 32}`);
  return `${inverse ? '~' : ''}[${names.join(' ')}]`;
}

function structure(mm: AddressSpace, address: number, bytes: number, print: (view: DataView) => string): string {
  const view = peek(mm, address, bytes);
  return view === undefined ? pointer(address) : print(view);
}

const word = (view: DataView, at: number): string => String(view.getBigInt64(at, true));

function waitStatus(status: number): string {
  if (status === 0xffff) return '[{WIFCONTINUED(s)}]';
  if ((status & 0xff) === 0x7f) return `[{WIFSTOPPED(s) && WSTOPSIG(s) == ${signalName((status >> 8) & 0xff)}}]`;
  if ((status & 0x7f) === 0) return `[{WIFEXITED(s) && WEXITSTATUS(s) == ${(status >> 8) & 0xff}}]`;
  return `[{WIFSIGNALED(s) && WTERMSIG(s) == ${signalName(status & 0x7f)}}]`;
}

const FILE_TYPES: Readonly<Record<number, string>> = { 1: 'S_IFIFO', 2: 'S_IFCHR', 4: 'S_IFDIR', 6: 'S_IFBLK', 8: 'S_IFREG', 10: 'S_IFLNK', 12: 'S_IFSOCK' };
const octal = (mode: number): string => `0${mode.toString(8)}`;

/** One argument; `result` is known for those that the kernel fills in. */
function show(mm: AddressSpace, call: Call, index: number, arg: Arg<number>, result: number): string {
  const value = call.values[index];
  const next = call.values[index + 1] ?? 0;
  switch (arg.show) {
    case 'fd':
    case 'int':
    case 'uint':
    case 'size':
    case 'offset':
      return String(value);
    case 'dirfd':
      return value === AT_FDCWD ? 'AT_FDCWD' : String(value);
    case 'hex':
      return hex(value);
    case 'octal':
    case 'mode':
      return octal(value);
    case 'string':
      return cString(mm, value);
    case 'strings':
      return arg.name === 'strings' && index === 2 ? structure(mm, value, 8, () => envCount(mm, value)) : vector(mm, value);
    case 'inBuffer':
      return buffer(mm, value, next);
    case 'outBuffer':
      return result < 0 ? pointer(value) : buffer(mm, value, Math.min(result, next));
    case 'inIovec':
      return iovec(mm, value, next, Number.POSITIVE_INFINITY);
    case 'outIovec':
      return iovec(mm, value, next, Math.max(result, 0));
    case 'openFlags': {
      const access = choice(value & 3, NAMES.openAccess);
      return value & ~3 ? `${access}|${flags((value & ~3) >>> 0, NAMES.openFlags)}` : access;
    }
    case 'signal':
      return signalName(value);
    case 'sigset':
      return structure(mm, value, 8, (view) => signalSet(view.getBigUint64(0, true)));
    case 'sigaction':
      return structure(mm, value, 32, (view) => {
        const handler = Number(view.getBigUint64(0, true));
        const bits = Number(view.getBigUint64(8, true));
        return `{sa_handler=${handler === 0 ? 'SIG_DFL' : handler === 1 ? 'SIG_IGN' : hex(handler)}, sa_mask=${signalSet(view.getBigUint64(24, true))}, sa_flags=${flags(bits, NAMES.signalFlags)}${bits & 0x04000000 ? `, sa_restorer=${pointer(Number(view.getBigUint64(16, true)))}` : ''}}`;
      });
    case 'cloneFlags': {
      const signal = value % 0x100;
      const bits = flags(value - signal, NAMES.cloneFlags, '');
      return [bits, signal === 0 ? '' : signalName(signal)].filter((part) => part !== '').join('|') || '0';
    }
    case 'timespec':
      return structure(mm, value, 16, (view) => `{tv_sec=${word(view, 0)}, tv_nsec=${word(view, 8)}}`);
    case 'timeval':
      return structure(mm, value, 16, (view) => `{tv_sec=${word(view, 0)}, tv_usec=${word(view, 8)}}`);
    case 'rlimit':
      return structure(mm, value, 16, (view) => `{rlim_cur=${limit(view, 0)}, rlim_max=${limit(view, 8)}}`);
    case 'waitStatus':
      return result <= 0 ? pointer(value) : structure(mm, value, 4, (view) => waitStatus(view.getInt32(0, true)));
    case 'pipefd':
      return structure(mm, value, 8, (view) => `[${view.getInt32(0, true)}, ${view.getInt32(4, true)}]`);
    case 'stat':
      return structure(mm, value, 144, (view) => {
        const mode = view.getUint32(24, true);
        return `{st_mode=${FILE_TYPES[mode >> 12] ?? octal(mode & 0o170000)}|${octal(mode & 0o7777)}, st_size=${word(view, 48)}, ...}`;
      });
    case 'accessMode':
      return value === 0 ? 'F_OK' : flags(value, NAMES.accessMode);
    case 'prot':
      return flags(value, NAMES.prot, 'PROT_NONE');
    case 'atFlags':
    case 'mapFlags':
    case 'waitOptions':
    case 'randomFlags':
      return flags(value >>> 0, NAMES[arg.show]);
    case 'whence':
    case 'fcntlCommand':
    case 'ioctlCommand':
    case 'futexOp':
    case 'clock':
    case 'resource':
    case 'madvice':
    case 'prctlOption':
    case 'archPrctl':
    case 'family':
    case 'sigprocmaskHow':
      return choice(value, NAMES[arg.show]);
    case 'socketType':
      return `${choice(value & 0xf, NAMES.socketType)}${value & 0o2000000 ? '|SOCK_CLOEXEC' : ''}${value & 0o4000 ? '|SOCK_NONBLOCK' : ''}`;
    default:
      return pointer(value);
  }
}

const limit = (view: DataView, at: number): string => (view.getBigInt64(at, true) === -1n ? 'RLIM64_INFINITY' : word(view, at));

function envCount(mm: AddressSpace, address: number): string {
  let count = 0;
  for (let at = address; count < 100_000; at += 8, count++) if ((peek(mm, at, 8)?.getBigUint64(0, true) ?? 0n) === 0n) break;
  return `${pointer(address)} /* ${count} var${count === 1 ? '' : 's'} */`;
}

function resultText(row: Row | undefined, result: number | undefined): string {
  if (result === undefined) return '?';
  if (result < 0 && result >= -4095) {
    const name = errnoName(-result);
    return `-1 ${name} (${ERRNO[name as keyof typeof ERRNO]?.[1] ?? 'Unknown error'})`;
  }
  return row !== undefined && (row.name === 'mmap' || row.name === 'brk' || row.name === 'mremap' || row.name === 'shmat') ? hex(result) : String(result);
}

/** A tracer that prints one line per call, with the thread's number before it. */
export function tracerTo(print: (line: string) => void): Tracer {
  const open = new WeakMap<Task, Call>();
  return {
    entered(task, cpu) {
      const number = cpu.reg(RAX);
      const row = SYSCALLS[number];
      const args = row?.args ?? [];
      const values = args.map((arg, index) => readRegister(cpu, arg.read, REGISTERS[index]));
      const call: Call = { row, number, values, texts: [] };
      // What goes in is printed as it is now; what comes out, when it is there.
      for (const [index, arg] of args.entries()) call.texts.push(arg.out ? undefined : show(task.mm, call, index, arg, 0));
      open.set(task, call);
    },
    resumed(task, _cpu, result) {
      const call = open.get(task);
      if (call === undefined) return;
      open.delete(task);
      const { row } = call;
      const texts = call.texts.map((text, index) => text ?? (result === undefined || result < 0 ? pointer(call.values[index]) : show(task.mm, call, index, (row as Row).args[index], result)));
      print(`[pid ${task.tid}] ${row?.name ?? `syscall_${hex(call.number)}`}(${texts.join(', ')}) = ${resultText(row, result)}`);
    },
  };
}

function readRegister(cpu: CpuState, how: number, register: number): number {
  if (how === I32) return cpu.i32[register * 2];
  if (how === U32) return cpu.u32[register * 2];
  return how === I64 ? cpu.regSigned(register) : cpu.reg(register);
}
