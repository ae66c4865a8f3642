/**
 * Runs guest code by translating it: the product's engine.
 *
 * A miss of the hash look-up calls `resolve`: the unit is found in this space (its source bytes compared if they
 * may have changed), in the cache shared by all spaces, or it is translated now.
 */

import { assert } from '../base/assert.ts';
import type { Engine, Executor, ExecutorHooks, GuestMemory, MemoryBackend, Trap } from '../kernel/platform.ts';
import { PAGE_SIZE, PROT_EXEC } from '../kernel/platform.ts';
import { CPU, type CpuState, decode, type Insn, TRUNCATED } from '../x86/index.ts';
import type { CodeReader } from './discover.ts';
import { faultAddress } from './fault.ts';
import { SLICE, STOP_FETCH, STOP_HOOK, STOP_REASON, STOP_TRAP, TRAP_KINDS } from './layout.ts';
import { runtimeModule } from './runtime.ts';
import { CodeSpace, type LiveUnit } from './space.ts';
import { translateUnit } from './translate.ts';
import { type CompiledUnit, faultPc, UnitCache } from './unit.ts';

export interface TranslatorStatistics {
  translated: number;
  instantiated: number;
  resolved: number;
  wasmBytes: number;
  translateMs: number;
}

export class TranslatorEngine implements Engine {
  readonly name = 'translator';
  readonly cache = new UnitCache();
  readonly statistics: TranslatorStatistics = { translated: 0, instantiated: 0, resolved: 0, wasmBytes: 0, translateMs: 0 };
  readonly #runtimes = new Map<boolean, WebAssembly.Module>();

  runtime(checked: boolean): WebAssembly.Module {
    let module = this.#runtimes.get(checked);
    if (module === undefined) {
      module = new WebAssembly.Module(runtimeModule(checked).bytes as BufferSource);
      this.#runtimes.set(checked, module);
    }
    return module;
  }

  create(memory: GuestMemory, backend: MemoryBackend, hooks: ExecutorHooks): Executor {
    return new TranslatorExecutor(this, memory, backend, hooks);
  }
}

class TranslatorExecutor implements Executor, CodeReader {
  readonly cpu: CpuState;
  readonly #engine: TranslatorEngine;
  readonly #memory: GuestMemory;
  readonly #backend: MemoryBackend;
  readonly #hooks: ExecutorHooks;
  readonly #space: CodeSpace;
  readonly #checked: boolean;
  #precise = false;
  #changedCode = false;
  /** A hook asked to stop (and not only changed code did). */
  #hookStopped = false;
  /** Executable pages around the last address decoded. */
  #window: { start: number; end: number } = { start: 0, end: 0 };

  constructor(engine: TranslatorEngine, memory: GuestMemory, backend: MemoryBackend, hooks: ExecutorHooks) {
    this.#engine = engine;
    this.#memory = memory;
    this.#backend = backend;
    this.#hooks = hooks;
    this.#checked = !backend.protects;
    if (memory.engineSlot instanceof CodeSpace) {
      this.#space = memory.engineSlot;
      this.#space.invalidateAll();
    } else {
      this.#space = new CodeSpace(memory, engine.runtime(this.#checked), this.#checked ? memory.permissions : undefined);
      memory.engineSlot = this.#space;
    }
    this.cpu = this.#space.cpu;
    this.#space.owner = this;
  }

  get #variant(): string {
    return `${this.#precise ? 'p' : ''}${this.#checked ? 'c' : ''}@`;
  }

  run(): Trap {
    const { cpu } = this;
    if (cpu.i32[CPU.fuel >> 2] <= 0) cpu.i32[CPU.fuel >> 2] = SLICE;
    this.#space.owner = this;
    try {
      cpu.i32[STOP_REASON >> 2] = STOP_HOOK;
      do {
        this.#changedCode = false;
        this.#hookStopped = false;
        this.#space.enter();
      } while (this.#changedCode && !this.#hookStopped && cpu.i32[STOP_REASON >> 2] === STOP_HOOK);
    } catch (error) {
      return this.#caught(error);
    }
    const reason = cpu.i32[STOP_REASON >> 2];
    if (reason === STOP_HOOK) return { kind: 'stopped' };
    if (reason === STOP_FETCH) return { kind: 'fault', address: cpu.rip, access: 'execute' };
    const name = TRAP_KINDS[reason - STOP_TRAP];
    return { kind: 'exception', name, bytes: name === 'ud' ? this.#bytesAt(cpu.rip) : undefined };
  }

  tick(): 0 | 1 {
    const stop = this.#hooks.tick();
    if (stop) this.#hookStopped = true;
    return stop;
  }

  syscall(): 0 | 1 {
    const stop = this.#hooks.syscall();
    if (stop) this.#hookStopped = true;
    // Code under the feet of the frames on the stack was changed: unwind them, then go on.
    return this.#changedCode ? 1 : stop;
  }

  /** The slot of the unit for `rip`; -1 where there is none, and the reason in the register file. */
  resolve(): number {
    const { cpu } = this;
    const pc = cpu.rip;
    this.#engine.statistics.resolved++;
    let unit = this.#space.units.get(pc);
    if (unit === undefined || !unit.valid) {
      if (unit !== undefined && this.#usable(unit.compiled)) {
        unit.valid = true;
      } else {
        const made = this.#make(pc);
        if (made === undefined) return -1;
        unit = made;
      }
    }
    this.#space.install(unit);
    return unit.home;
  }

  #make(pc: number): LiveUnit | undefined {
    const { statistics, cache } = this.#engine;
    let compiled = cache.find(pc, this.#variant, (unit) => this.#usable(unit));
    if (compiled === undefined) {
      if (!this.#executable(pc)) {
        this.cpu.i32[STOP_REASON >> 2] = STOP_FETCH;
        return undefined;
      }
      const started = performance.now();
      const unit = translateUnit(pc, this, {
        precise: this.#precise,
        checked: this.#checked,
        isEntry: (target) => this.#space.units.has(target),
      });
      if (unit === undefined) {
        this.cpu.i32[STOP_REASON >> 2] = STOP_TRAP + TRAP_KINDS.indexOf('ud');
        return undefined;
      }
      statistics.wasmBytes += unit.bytes.length;
      compiled = {
        pc,
        name: unit.name,
        faults: unit.faults,
        source: unit.ranges.map(([start, end]) => ({ start, bytes: this.#memory.bytes.slice(start, end) })),
        module: new WebAssembly.Module(unit.bytes as BufferSource),
      };
      statistics.translated++;
      statistics.translateMs += performance.now() - started;
      cache.add(this.#variant, compiled);
    }
    statistics.instantiated++;
    return this.#space.add(compiled);
  }

  /** The guest bytes that the unit was made from still stand there, and may be executed. */
  #usable(unit: CompiledUnit): boolean {
    for (const { start, bytes } of unit.source) {
      const last = start + bytes.length - 1;
      if (!this.#executable(start) || !this.#executable(last)) return false;
      const guest = this.#memory.bytes;
      for (let at = 0; at < bytes.length; at++) if (guest[start + at] !== bytes[at]) return false;
    }
    return true;
  }

  #executable(pc: number): boolean {
    if (pc >= this.#window.start && pc < this.#window.end) return true;
    if (!Number.isSafeInteger(pc) || !this.#isCode(pc)) return false;
    let start = Math.floor(pc / PAGE_SIZE) * PAGE_SIZE;
    let end = start + PAGE_SIZE;
    while (start > 0 && this.#isCode(start - PAGE_SIZE)) start -= PAGE_SIZE;
    while (this.#isCode(end)) end += PAGE_SIZE;
    this.#window = { start, end };
    return true;
  }

  #isCode(address: number): boolean {
    const permissions = this.#memory.permissionsAt(address);
    return permissions > 0 && (permissions & PROT_EXEC) !== 0;
  }

  decode(pc: number): Insn | undefined {
    if (!this.#executable(pc)) return undefined;
    const { start, end } = this.#window;
    const insn = decode(this.#memory.bytes.subarray(start, end), pc - start, pc);
    return insn === TRUNCATED ? undefined : insn;
  }

  #bytesAt(pc: number): Uint8Array {
    if (!this.#executable(pc)) return new Uint8Array(0);
    return this.#memory.bytes.slice(pc, Math.min(pc + 15, this.#window.end));
  }

  /** A wasm trap is a guest fault; anything else is a bug of ours and goes on. */
  #caught(error: unknown): Trap {
    if (error instanceof RangeError && /call stack/.test(error.message)) {
      // Deep recursion of large frames: the register file is complete where a unit was entered.
      const at = this.#locate(error);
      if (at !== undefined) {
        this.cpu.rip = at.unit.pc;
        return { kind: 'stopped' };
      }
    }
    if (!(error instanceof WebAssembly.RuntimeError)) throw error;
    const at = this.#locate(error);
    assert(at !== undefined, `a trap outside translated code: ${String(error.stack)}`);
    const pc = faultPc(at.unit.compiled.faults, at.offset);
    assert(pc !== undefined, `a trap at no known instruction: ${String(error.stack)}`);
    this.cpu.rip = pc;
    const insn = this.decode(pc);
    const fault = insn === undefined ? undefined : faultAddress(insn, this.cpu, this.#memory);
    return { kind: 'fault', address: fault?.address ?? 0, access: fault?.access ?? 'unknown' };
  }

  /** The innermost unit on the stack of an error: V8 prints `u<pc> (wasm://wasm/<hash>:wasm-function[i]:0x<offset>)`. */
  #locate(error: Error): { unit: LiveUnit; offset: number } | undefined {
    const frame = /\bu([0-9a-f]+) \(wasm:\/\/[^)]*:0x([0-9a-f]+)\)/.exec(error.stack ?? '');
    if (frame === null) return undefined;
    const unit = this.#space.units.get(Number.parseInt(frame[1], 16));
    return unit === undefined ? undefined : { unit, offset: Number.parseInt(frame[2], 16) };
  }

  codeChanged(address: number, length: number): void {
    this.#window = { start: 0, end: 0 };
    if (this.#space.invalidate(address, length)) this.#changedCode = true;
  }

  requirePreciseFaults(): void {
    if (this.#precise) return;
    this.#precise = true;
    this.#space.invalidateAll();
    this.#space.units.clear();
    this.#changedCode = true;
  }

  forkOver(memory: GuestMemory, hooks: ExecutorHooks): Executor {
    const child = new TranslatorExecutor(this.#engine, memory, this.#backend, hooks);
    child.cpu.u8.set(this.cpu.u8.subarray(0, CPU.contextBytes));
    if (this.#precise) child.requirePreciseFaults();
    return child;
  }

  dispose(): void {
    this.#space.owner = undefined;
  }
}
