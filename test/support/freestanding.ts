/** Runs a freestanding static program on an engine, with `write`, `exit`, `clock_gettime` and `getpid` only. */

import { readFileSync, writeSync } from 'node:fs';
import { type Engine, type ExecutorHooks, PROT_EXEC, PROT_READ, PROT_WRITE } from '../../src/kernel/platform.ts';
import { CPU, RAX, RDI, RDX, RSI, RSP } from '../../src/x86/index.ts';
import { initialContext } from '../../src/x86/state.ts';
import { plainBackend } from './plain-memory.ts';

export function runFreestanding(engine: Engine, path: string, protects = true, write: (bytes: Uint8Array) => void = (bytes) => void writeSync(1, bytes)): number {
  const elf = readFileSync(path);
  const backend = plainBackend(protects);
  const memory = backend.create('test');
  const headers = Number(elf.readBigUInt64LE(32));
  for (let at = 0; at < elf.readUInt16LE(56); at++) {
    const header = elf.subarray(headers + at * 56);
    if (header.readUInt32LE(0) !== 1) continue;
    const [offset, address, fileSize, memorySize] = [8, 16, 32, 40].map((field) => Number(header.readBigUInt64LE(field)));
    const start = Math.floor(address / 4096) * 4096;
    const end = Math.ceil((address + memorySize) / 4096) * 4096;
    const flags = header.readUInt32LE(4);
    memory.mapAnonymous(start, end - start, (flags & 4 ? PROT_READ : 0) | (flags & 2 ? PROT_WRITE : 0) | (flags & 1 ? PROT_EXEC : 0));
    memory.bytes.set(elf.subarray(offset, offset + fileSize), address);
  }
  memory.mapAnonymous(0x8000000, 0x800000, 3);
  let status = -1;
  const hooks: ExecutorHooks = {
    syscall() {
      switch (executor.cpu.reg(RAX)) {
        case 1: {
          const from = executor.cpu.reg(RSI);
          const length = executor.cpu.reg(RDX);
          write(memory.bytes.slice(from, from + length));
          executor.cpu.setReg(RAX, length);
          return 0;
        }
        case 39:
          executor.cpu.setReg(RAX, 1);
          return 0;
        case 60:
          status = executor.cpu.reg(RDI);
          return 1;
        case 228: {
          const now = performance.now() * 1e6;
          memory.view.setBigInt64(executor.cpu.reg(RSI), BigInt(Math.floor(now / 1e9)), true);
          memory.view.setBigInt64(executor.cpu.reg(RSI) + 8, BigInt(Math.floor(now % 1e9)), true);
          executor.cpu.setReg(RAX, 0);
          return 0;
        }
        default:
          throw new Error(`system call ${executor.cpu.reg(RAX)}`);
      }
    },
    tick() {
      executor.cpu.i32[CPU.fuel >> 2] = 1_000_000;
      return 0;
    },
  };
  const executor = engine.create(memory, backend, hooks);
  executor.cpu.load(initialContext());
  executor.cpu.setReg(RSP, 0x87ff000);
  executor.cpu.rip = Number(elf.readBigUInt64LE(24));
  while (status < 0) {
    const trap = executor.run();
    if (trap.kind !== 'stopped') throw new Error(`${JSON.stringify(trap)} at ${executor.cpu.rip.toString(16)}`);
  }
  return status;
}
