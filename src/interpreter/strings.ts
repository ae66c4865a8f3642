/**
 * The repeated string instructions, element by element, on the register file (contract in `x86/inst/string.ts`
 * and `x86/helpers.ts`): rcx, rsi, rdi advance with each element, so that a fault leaves them as hardware does.
 */

import { CPU, type CpuState, RAX, RCX, RDI, RSI } from '../x86/index.ts';

export interface GuestAccess {
  read(address: bigint, width: number): Uint8Array;
  write(address: bigint, bytes: Uint8Array): void;
}

const SCRATCH_FIRST = CPU.scratch / 8,
  SCRATCH_SECOND = CPU.scratch / 8 + 1,
  SCRATCH_RAN = CPU.scratch / 4 + 4,
  SCRATCH_BASE = CPU.scratch / 8 + 3;

function number(bytes: Uint8Array): bigint {
  let value = 0n;
  for (let at = bytes.length - 1; at >= 0; at--) value = (value << 8n) | BigInt(bytes[at]);
  return value;
}

/** False where no string helper has the name. */
export function runString(name: string, cpu: CpuState, guest: GuestAccess): boolean {
  const parts = /^(rep|repe|repne)_(movs|stos|lods|cmps|scas)([1248])$/.exec(name);
  if (parts === null) return false;
  const [, repeat, kind, digits] = parts;
  const size = Number(digits);
  const step = BigInt(cpu.i32[CPU.df / 4] ? -size : size);
  const base = cpu.u64[SCRATCH_BASE];
  const advance = (register: number): void => {
    cpu.u64[register] = BigInt.asUintN(64, cpu.u64[register] + step);
  };
  const source = (): Uint8Array => guest.read(BigInt.asUintN(64, base + cpu.u64[RSI]), size);
  const accumulator = cpu.u8.subarray(RAX * 8, RAX * 8 + size);
  if (kind === 'cmps' || kind === 'scas') cpu.i32[SCRATCH_RAN] = 0;
  for (; cpu.u64[RCX] !== 0n; cpu.u64[RCX]--) {
    switch (kind) {
      case 'movs':
        guest.write(cpu.u64[RDI], source());
        advance(RSI);
        advance(RDI);
        break;
      case 'stos':
        guest.write(cpu.u64[RDI], accumulator);
        advance(RDI);
        break;
      case 'lods':
        if (size === 4) cpu.u64[RAX] = number(source());
        else accumulator.set(source());
        advance(RSI);
        break;
      default: {
        const first = number(kind === 'cmps' ? source() : accumulator);
        const second = number(guest.read(cpu.u64[RDI], size));
        cpu.u64[SCRATCH_FIRST] = first;
        cpu.u64[SCRATCH_SECOND] = second;
        cpu.i32[SCRATCH_RAN] = 1;
        if (kind === 'cmps') advance(RSI);
        advance(RDI);
        if ((first === second) !== (repeat === 'repe')) {
          cpu.u64[RCX]--;
          return true;
        }
      }
    }
  }
  return true;
}
