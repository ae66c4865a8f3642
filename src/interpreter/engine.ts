/**
 * Runs guest code one instruction at a time: the oracle that translated code is compared with. Obvious and slow;
 * never chosen without being asked for.
 *
 * Every access asks the page permissions first, so that it needs no protection by the host. A register is
 * written after all of an instruction's effects have succeeded: faults are precise.
 */

import { Builder, Node } from '../ir/index.ts';
import { ADDRESS_LIMIT, type Engine, type Executor, type ExecutorHooks, type GuestMemory, type MemoryBackend, PAGE_SIZE, PROT_EXEC, PROT_READ, PROT_WRITE, type Trap } from '../kernel/platform.ts';
import { CPU, CPU_BYTES, CpuState, decode, TRUNCATED } from '../x86/index.ts';
import { Evaluation, GuestTrap, registersRead } from './evaluate.ts';
import type { GuestAccess } from './strings.ts';

export interface InterpreterOptions {
  /** Compares every flag with the lazy descriptor after each instruction. */
  readonly checkFlags?: boolean;
}

const MAX_INSTRUCTION = 15;
/** Jumps of a time slice. */
const SLICE = 50000;

class GuestFault {
  readonly address: number;
  readonly access: 'read' | 'write' | 'execute';

  constructor(address: number, access: 'read' | 'write' | 'execute') {
    this.address = address;
    this.access = access;
  }
}

interface Lifted {
  readonly block: Builder;
  readonly gets: readonly Node[];
  readonly next: number;
}

export class InterpreterEngine implements Engine {
  readonly name = 'interpreter';
  readonly #options: InterpreterOptions;

  constructor(options: InterpreterOptions = {}) {
    this.#options = options;
  }

  create(memory: GuestMemory, _backend: MemoryBackend, hooks: ExecutorHooks): Executor {
    return new InterpreterExecutor(memory, hooks, this.#options);
  }
}

class InterpreterExecutor implements Executor, GuestAccess {
  readonly cpu = new CpuState(new ArrayBuffer(CPU_BYTES));
  readonly #memory: GuestMemory;
  readonly #hooks: ExecutorHooks;
  readonly #options: InterpreterOptions;
  readonly #lifted = new Map<number, Lifted>();

  constructor(memory: GuestMemory, hooks: ExecutorHooks, options: InterpreterOptions) {
    this.#memory = memory;
    this.#hooks = hooks;
    this.#options = options;
  }

  run(): Trap {
    const { cpu } = this;
    if (cpu.i32[CPU.fuel / 4] <= 0) cpu.i32[CPU.fuel / 4] = SLICE;
    try {
      for (;;) if (this.#step()) return { kind: 'stopped' };
    } catch (thrown) {
      if (thrown instanceof GuestFault) return { kind: 'fault', address: thrown.address, access: thrown.access };
      if (thrown instanceof GuestTrap) {
        const bytes = thrown.name === 'ud' ? this.#code(cpu.rip) : undefined;
        return { kind: 'exception', name: thrown.name, bytes };
      }
      throw thrown;
    }
  }

  /** One instruction; true where a hook asks to stop. */
  #step(): boolean {
    const { cpu } = this;
    const { block, gets, next } = this.#liftedAt(cpu.rip);
    const evaluation = new Evaluation(cpu, this, gets);
    for (const effect of block.effects) evaluation.perform(effect);
    const { terminator } = block;
    let rip = next;
    switch (terminator.kind) {
      case 'branch':
        if (evaluation.value(terminator.condition) !== 0) rip = terminator.target;
        break;
      case 'jump':
      case 'call':
      case 'jumpIndirect':
      case 'return':
        rip = terminator.target instanceof Node ? Number(evaluation.value(terminator.target)) : terminator.target;
        break;
      case 'trap':
        rip = terminator.pc;
        break;
    }
    evaluation.commit(block.defs);
    if (this.#options.checkFlags) evaluation.checkFlags(block.defs);
    cpu.rip = rip;
    if (terminator.kind === 'trap') throw new GuestTrap(terminator.trap);
    if (terminator.kind === 'syscall') return this.#hooks.syscall() === 1;
    return rip !== next && --cpu.i32[CPU.fuel / 4] <= 0 && this.#hooks.tick() === 1;
  }

  #liftedAt(pc: number): Lifted {
    const known = this.#lifted.get(pc);
    if (known !== undefined) return known;
    const insn = decode(this.#code(pc), 0, pc);
    if (insn === TRUNCATED) throw new GuestFault(Math.floor(pc / PAGE_SIZE + 1) * PAGE_SIZE, 'execute');
    if (insn === undefined) throw new GuestTrap('ud');
    const block = new Builder();
    block.lift(insn);
    block.finish();
    block.define(-1);
    const lifted: Lifted = { block, gets: registersRead(block), next: pc + insn.length };
    // Code that can change is lifted anew each time.
    if ((this.#memory.permissionsAt(pc) & PROT_WRITE) === 0 && !this.#memory.isAliased(pc)) this.#lifted.set(pc, lifted);
    return lifted;
  }

  #permits(address: number, prot: number): boolean {
    if (!(address >= 0 && address < ADDRESS_LIMIT)) return false;
    const permissions = this.#memory.permissionsAt(address);
    return permissions > 0 && (permissions & prot) !== 0;
  }

  /** Up to fifteen executable bytes. */
  #code(pc: number): Uint8Array {
    if (!this.#permits(pc, PROT_EXEC)) throw new GuestFault(pc, 'execute');
    const nextPage = Math.floor(pc / PAGE_SIZE + 1) * PAGE_SIZE;
    const end = this.#permits(nextPage, PROT_EXEC) ? pc + MAX_INSTRUCTION : Math.min(nextPage, pc + MAX_INSTRUCTION);
    return this.#memory.bytes.slice(pc, end);
  }

  #check(address: bigint, width: number, access: 'read' | 'write'): number {
    const start = Number(address);
    const prot = access === 'read' ? PROT_READ : PROT_WRITE;
    if (!this.#permits(start, prot)) throw new GuestFault(start, access);
    const last = start + width - 1;
    const lastPage = Math.floor(last / PAGE_SIZE) * PAGE_SIZE;
    if (lastPage > start && !this.#permits(last, prot)) throw new GuestFault(lastPage, access);
    return start;
  }

  read(address: bigint, width: number): Uint8Array {
    const start = this.#check(address, width, 'read');
    return this.#memory.bytes.slice(start, start + width);
  }

  write(address: bigint, bytes: Uint8Array): void {
    const start = this.#check(address, bytes.length, 'write');
    this.#memory.bytes.set(bytes, start);
  }

  codeChanged(_address: number, _length: number): void {
    this.#lifted.clear();
  }

  requirePreciseFaults(): void {}

  forkOver(memory: GuestMemory, hooks: ExecutorHooks): Executor {
    const child = new InterpreterExecutor(memory, hooks, this.#options);
    child.cpu.u8.set(this.cpu.u8.subarray(0, CPU.contextBytes));
    return child;
  }

  dispose(): void {}
}
