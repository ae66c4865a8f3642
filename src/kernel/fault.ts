/** Which signal a trap becomes (SDM vol. 3, chapter 6; Linux arch/x86/kernel/traps.c and mm/fault.c). */

import { BUS_ADRERR, FPE_FLTDIV, FPE_FLTINV, FPE_FLTOVF, FPE_FLTRES, FPE_FLTUND, FPE_INTDIV, ILL_ILLOPN, SEGV_ACCERR, SEGV_MAPERR, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGTRAP, type SigInfo, SI_KERNEL, TRAP_TRACE } from '../abi/signal.ts';
import { CPU, type CpuState } from '../x86/state.ts';
import { ADDRESS_LIMIT, type Trap } from './platform.ts';
import type { FaultContext } from './signal/frame.ts';
import type { Task } from './task/task.ts';

type Exception = Extract<Trap, { kind: 'exception' }>['name'];

const VECTOR: Readonly<Record<Exception, number>> = { de: 0, db: 1, bp: 3, of: 4, ud: 6, gp: 13, mf: 16, xm: 19 };
const PF_VECTOR = 14;
/** Page-fault error code: present, write, user, instruction fetch. */
const ERR_PRESENT = 1,
  ERR_WRITE = 2,
  ERR_USER = 4,
  ERR_FETCH = 16;
/** Above this an address is not canonical: the CPU raises #GP and tells no address. */
const CANONICAL_LIMIT = 0x8000_0000_0000;

export function trapSignal(task: Task, cpu: CpuState, trap: Exclude<Trap, { kind: 'stopped' }>): { info: SigInfo; context: FaultContext } {
  if (trap.kind === 'fault') return memoryFault(task, trap);
  const context: FaultContext = { trapno: VECTOR[trap.name], err: 0, cr2: 0 };
  const { rip } = cpu;
  switch (trap.name) {
    case 'de':
      return { info: { signo: SIGFPE, code: FPE_INTDIV, addr: rip }, context };
    case 'ud':
      return { info: { signo: SIGILL, code: ILL_ILLOPN, addr: rip }, context };
    case 'bp':
      return { info: { signo: SIGTRAP, code: SI_KERNEL }, context };
    case 'db':
      return { info: { signo: SIGTRAP, code: TRAP_TRACE, addr: rip }, context };
    case 'mf':
      return { info: { signo: SIGFPE, code: floatCode(cpu.u16[CPU.x87Status / 2] & ~cpu.u16[CPU.x87Control / 2]), addr: rip }, context };
    case 'xm':
      return { info: { signo: SIGFPE, code: floatCode(cpu.u32[CPU.mxcsr / 4] & ~(cpu.u32[CPU.mxcsr / 4] >> 7)), addr: rip }, context };
    case 'of':
    case 'gp':
      return { info: { signo: SIGSEGV, code: SI_KERNEL, addr: 0 }, context };
  }
}

function floatCode(unmasked: number): number {
  if (unmasked & 1) return FPE_FLTINV;
  if (unmasked & 4) return FPE_FLTDIV;
  if (unmasked & 8) return FPE_FLTOVF;
  if (unmasked & 0x12) return FPE_FLTUND;
  return unmasked & 0x20 ? FPE_FLTRES : SI_KERNEL;
}

function memoryFault(task: Task, { address, access }: Extract<Trap, { kind: 'fault' }>): { info: SigInfo; context: FaultContext } {
  if (address >= CANONICAL_LIMIT || address < 0) return { info: { signo: SIGSEGV, code: SI_KERNEL, addr: 0 }, context: { trapno: VECTOR.gp, err: 0, cr2: 0 } };
  const vma = address < ADDRESS_LIMIT ? task.mm.vmas.find(address) : undefined;
  const err = ERR_USER | (vma === undefined ? 0 : ERR_PRESENT) | (access === 'write' ? ERR_WRITE : 0) | (access === 'execute' ? ERR_FETCH : 0);
  const context: FaultContext = { trapno: PF_VECTOR, err, cr2: address };
  if (vma !== undefined && address >= vma.accessible) return { info: { signo: SIGBUS, code: BUS_ADRERR, addr: address }, context };
  return { info: { signo: SIGSEGV, code: vma === undefined ? SEGV_MAPERR : SEGV_ACCERR, addr: address }, context };
}
