/**
 * From the guest's `syscall` instruction to a handler and back. The way is short on purpose: registers are read as
 * numbers straight from the register file, nothing is allocated, and a handler's number goes back into rax.
 */

import { type CpuState, R10, R8, R9, RAX, RDI, RDX, RSI } from '../../x86/state.ts';
import { Errno } from '../errno.ts';
import { BLOCKED, type SysResult } from '../result.ts';
import type { Task } from '../task/task.ts';
import { I32, I64, U32 } from './args.ts';
import { SYSCALLS, type Row } from './table.ts';

const ENOSYS = -38;

function read(cpu: CpuState, how: number, register: number): number {
  if (how === I32) return cpu.i32[register * 2];
  if (how === U32) return cpu.u32[register * 2];
  if (how === I64) return cpu.regSigned(register);
  return cpu.reg(register);
}

function call(row: Row, task: Task, cpu: CpuState): SysResult {
  const { handler, reads } = row;
  switch (reads.length) {
    case 0:
      return handler(task);
    case 1:
      return handler(task, read(cpu, reads[0], RDI));
    case 2:
      return handler(task, read(cpu, reads[0], RDI), read(cpu, reads[1], RSI));
    case 3:
      return handler(task, read(cpu, reads[0], RDI), read(cpu, reads[1], RSI), read(cpu, reads[2], RDX));
    case 4:
      return handler(task, read(cpu, reads[0], RDI), read(cpu, reads[1], RSI), read(cpu, reads[2], RDX), read(cpu, reads[3], R10));
    case 5:
      return handler(task, read(cpu, reads[0], RDI), read(cpu, reads[1], RSI), read(cpu, reads[2], RDX), read(cpu, reads[3], R10), read(cpu, reads[4], R8));
    default:
      return handler(task, read(cpu, reads[0], RDI), read(cpu, reads[1], RSI), read(cpu, reads[2], RDX), read(cpu, reads[3], R10), read(cpu, reads[4], R8), read(cpu, reads[5], R9));
  }
}

/** Runs `work`, turning a thrown Errno into its negative number. Anything else that is thrown is our bug and goes on. */
export function resultOf(work: () => SysResult): SysResult {
  try {
    return work();
  } catch (error) {
    if (error instanceof Errno) return -error.errno;
    throw error;
  }
}

/** Serves the system call in the registers. BLOCKED: rax is not set, the task sleeps. */
export function dispatch(task: Task, cpu: CpuState): SysResult {
  const number = cpu.reg(RAX);
  const row = SYSCALLS[number];
  task.syscall = number;
  let result: SysResult;
  if (row === undefined) result = ENOSYS;
  else {
    try {
      result = call(row, task, cpu);
    } catch (error) {
      if (!(error instanceof Errno)) throw error;
      result = -error.errno;
    }
  }
  if (result !== BLOCKED) cpu.setReg(RAX, result);
  return result;
}
