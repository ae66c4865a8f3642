/** Where an instruction that faulted meant to access memory, from the registers before it. */

import { type GuestMemory, PROT_READ } from '../kernel/platform.ts';
import { CPU, type CpuState, type Insn, type Mem, RDI, RSI, RSP } from '../x86/index.ts';

export interface FaultAddress {
  readonly address: number;
  readonly access: 'read' | 'write';
}

function effectiveAddress(mem: Mem, cpu: CpuState): number {
  let address = BigInt(mem.disp);
  if (mem.base >= 0) address += cpu.regBig(mem.base);
  if (mem.index >= 0) address += cpu.regBig(mem.index) * BigInt(mem.scale);
  if (mem.addressSize === 4) address = BigInt.asUintN(32, address);
  if (mem.segment !== undefined) address += cpu.u64[(mem.segment === 'fs' ? CPU.fsBase : CPU.gsBase) >> 3];
  return Number(BigInt.asUintN(64, address));
}

const STACK_WRITES = new Set(['push', 'call', 'enter', 'pushf', 'pushfq']);
const STACK_READS = new Set(['pop', 'ret', 'leave', 'popf', 'popfq']);

export function faultAddress(insn: Insn, cpu: CpuState, memory: GuestMemory): FaultAddress {
  const { mnemonic } = insn.row;
  const candidates: number[] = [];
  for (const operand of insn.ops) if (operand.kind === 'mem' && operand.size > 0) candidates.push(effectiveAddress(operand, cpu));
  if (STACK_WRITES.has(mnemonic)) candidates.push(cpu.reg(RSP) - 8);
  else if (STACK_READS.has(mnemonic)) candidates.push(cpu.reg(RSP));
  else if (/^(movs|cmps|scas|stos|lods)[bwdq]?$/.test(mnemonic)) candidates.push(cpu.reg(RSI), cpu.reg(RDI));
  for (const address of candidates) {
    for (const at of [address, address + 15]) {
      const permissions = memory.permissionsAt(at);
      if (permissions < 0 || (permissions & PROT_READ) === 0) return { address: at === address ? address : Math.ceil(address / 4096) * 4096, access: 'read' };
    }
  }
  return { address: candidates[candidates.length - 1] ?? 0, access: 'write' };
}
