/** An engine over a memory of its own, with the code page and the data area where the host has them. */

import type { Engine, Executor, GuestMemory } from '../../src/kernel/platform.ts';
import { CPU } from '../../src/x86/index.ts';
import { initialContext } from '../../src/x86/state.ts';
import { plainBackend } from '../support/plain-memory.ts';
import type { Case, Place, State } from './cases.ts';
import { CODE_AREA, CODE_AREA_BYTES, DATA_BYTES } from './native.ts';
import type { Source } from './random.ts';

const HLT = 0xf4;
/** No test jumps as often: one that does has lost its way, and is stopped. */
const FUEL = 20_000;
/** What of the code page an instance may take, filled up with `hlt`. */
const CODE_BYTES = 0x400;

export class Subject {
  readonly name: string;
  readonly executor: Executor;
  readonly memory: GuestMemory;
  readonly #place: Place;
  readonly #preemptions: Source | undefined;

  /**
   * `protects`: the engine may rely on the host for page protection (tests that fault must not). With `preemptions` its fuel
   * runs out after a few jumps, and often enough another task runs then.
   */
  constructor(engine: Engine, place: Place, protects: boolean, preemptions?: Source, name: string = engine.name) {
    this.name = `${name}${protects ? '' : ', checked'}${preemptions === undefined ? '' : ', preempted'}`;
    this.#preemptions = preemptions;
    const backend = plainBackend(protects);
    const memory = backend.create('test');
    memory.mapAnonymous(place.pc & ~0xfff, 0x1000, 7);
    memory.mapAnonymous(place.data, DATA_BYTES, 3);
    memory.mapAnonymous(place.data + CODE_AREA, CODE_AREA_BYTES, 5);
    this.memory = memory;
    this.#place = place;
    this.executor = engine.create(memory, backend, { syscall: () => 1, tick: () => this.#tick() });
  }

  get data(): Uint8Array {
    return this.memory.bytes.subarray(this.#place.data, this.#place.data + DATA_BYTES);
  }

  place(insn: Uint8Array, code?: Uint8Array): void {
    const { pc, data } = this.#place;
    this.memory.bytes.fill(HLT, pc, pc + CODE_BYTES);
    this.memory.bytes.set(insn, pc);
    this.executor.codeChanged(pc, CODE_BYTES);
    if (code === undefined) return;
    const area = data + CODE_AREA;
    this.memory.bytes.fill(HLT, area, area + CODE_AREA_BYTES);
    this.memory.bytes.set(code, area);
    this.executor.codeChanged(area, CODE_AREA_BYTES);
  }

  /** Loads a state, ready to run. */
  enter(state: State): void {
    const { cpu } = this.executor;
    cpu.load(CLEAN);
    cpu.u64.set(state.gpr, 0);
    cpu.rflags = state.flags;
    loadFx(cpu, state.fx);
    cpu.rip = this.#place.pc;
    this.#ticks = 0;
    this.#refuel();
  }

  #ticks = 0;

  #refuel(): void {
    this.executor.cpu.i32[CPU.fuel / 4] = this.#preemptions === undefined ? FUEL : 1 + this.#preemptions.below(12);
  }

  #tick(): 0 | 1 {
    if (this.#preemptions === undefined || ++this.#ticks > FUEL) return 1;
    this.#refuel();
    return this.#preemptions.below(2) === 0 ? 0 : 1;
  }

  /** What a switch to another task and back does. */
  #otherTask(): void {
    const { cpu } = this.executor;
    const kept = cpu.u8.slice(0, CPU.contextBytes);
    cpu.u8.fill(0xaa, 0, CPU.contextBytes);
    cpu.load(kept);
    this.#refuel();
  }

  /** Where it stopped: the address, and why if not at a `hlt` that was put there. */
  run(x: Case, end: number): { readonly rip: number; readonly trap: string | undefined; readonly fault?: number } {
    const { cpu } = this.executor;
    let trap = this.executor.run();
    while (trap.kind === 'stopped' && this.#preemptions !== undefined && this.#ticks <= FUEL) {
      this.#otherTask();
      trap = this.executor.run();
    }
    const rip = cpu.rip;
    if (trap.kind === 'exception' && trap.name === 'gp' && (rip === end || rip === x.target)) return { rip, trap: undefined };
    return { rip, trap: trap.kind === 'exception' ? `#${trap.name}` : trap.kind === 'fault' ? `fault at ${trap.address.toString(16)}` : trap.kind, fault: trap.kind === 'fault' ? trap.address : undefined };
  }
}

const CLEAN = initialContext();

export function loadFx(cpu: Executor['cpu'], fx: Uint8Array): void {
  const view = new DataView(fx.buffer, fx.byteOffset, 512);
  const status = view.getUint16(2, true);
  cpu.i32[CPU.x87Control / 4] = view.getUint16(0, true);
  cpu.i32[CPU.x87Status / 4] = status;
  cpu.i32[CPU.x87Tag / 4] = view.getUint8(4);
  cpu.i32[CPU.mxcsr / 4] = view.getInt32(24, true);
  const top = (status >> 11) & 7;
  for (let at = 0; at < 8; at++) cpu.u8.set(fx.subarray(32 + at * 16, 42 + at * 16), CPU.x87 + ((at + top) & 7) * 16);
  cpu.u8.set(fx.subarray(160, 416), CPU.xmm);
}
