/**
 * Runs guest code by translating it: the product's engine.
 *
 * A miss of the hash look-up calls `resolve`: the unit is found in this space (its source bytes compared if they
 * may have changed), in the cache shared by all spaces, or it is translated now.
 */

import { assert } from '../base/assert.ts';
import type { Engine, Executor, ExecutorHooks, GuestMemory, MemoryBackend, Trap } from '../kernel/platform.ts';
import { PAGE_SIZE, PROT_EXEC, PROT_READ, PROT_WRITE } from '../kernel/platform.ts';
import { CPU, type CpuState, decode, type Insn, RAX, RSP, TRUNCATED } from '../x86/index.ts';
import type { CodeReader } from './discover.ts';
import { faultAddress } from './fault.ts';
import type { Faults, InnerPlace } from './lift.ts';
import { GO_ON, LEFT, MAX_DEPTH, SLICE, STOP_FETCH, STOP_HOOK, STOP_REASON, STOP_TRAP, TRAP_KINDS } from './layout.ts';
import { ALL_ON, type Without } from './optimizations.ts';
import { runtimeModule } from './runtime.ts';
import { CodeSpace, type ExactUnit, type LiveModule } from './space.ts';
import type { CodeStore } from './store.ts';
import { type Translation, translateModule } from './translate.ts';
import { type CompiledModule, type FaultMap, faultPc, ModuleCache, type SourceRange, UNIT_FRAME, unitName } from './unit.ts';

export interface TranslatorStatistics {
  translated: number;
  /** Taken from the store of the image. */
  stored: number;
  instantiated: number;
  resolved: number;
  wasmBytes: number;
  translateMs: number;
}

export class TranslatorEngine implements Engine {
  readonly name = 'translator';
  readonly cache = new ModuleCache();
  readonly statistics: TranslatorStatistics = { translated: 0, stored: 0, instantiated: 0, resolved: 0, wasmBytes: 0, translateMs: 0 };
  readonly store: CodeStore | undefined;
  readonly without: Without;
  readonly #runtimes = new Map<boolean, WebAssembly.Module>();

  /** `store`: translations made when the image was built. */
  constructor(store?: CodeStore, without: Without = ALL_ON) {
    this.store = store;
    this.without = without;
  }

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

/** A module made at run time. */
class TranslatedModule implements CompiledModule {
  readonly root: number;
  readonly units: readonly number[];
  readonly source: readonly SourceRange[];
  readonly module: WebAssembly.Module;
  readonly faults: FaultMap;
  readonly looks: boolean;
  readonly innerPlaces: CompiledModule['innerPlaces'];
  readonly resumesOthers: boolean;
  origin: CompiledModule['origin'];
  readonly #bytes: readonly Uint8Array[];
  readonly #kind: 'u' | 'k';

  constructor(root: number, made: Translation, guest: Uint8Array, kind: 'u' | 'k') {
    this.root = root;
    this.#kind = kind;
    this.units = made.units;
    this.source = made.ranges.map(([start, end]) => ({ start, length: end - start }));
    this.#bytes = made.ranges.map(([start, end]) => guest.slice(start, end));
    this.module = new WebAssembly.Module(made.bytes as BufferSource);
    this.faults = made.faults;
    this.looks = made.looks;
    this.innerPlaces = made.innerPlaces;
    this.resumesOthers = made.resumesOthers;
  }

  matches(guest: Uint8Array): boolean {
    return this.source.every(({ start }, index) => {
      const bytes = this.#bytes[index];
      for (let at = 0; at < bytes.length; at++) if (guest[start + at] !== bytes[at]) return false;
      return true;
    });
  }

  has(pc: number): boolean {
    return this.units.includes(pc);
  }

  entry(exports: WebAssembly.Exports, pc: number): WebAssembly.ExportValue | undefined {
    return this.has(pc) ? exports[unitName(this.root, pc, this.#kind)] : undefined;
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
  #changedCode = false;
  /** A hook asked to stop (and not only changed code did). */
  #hookStopped = false;
  /** Executable pages around the last address decoded. */
  #window: { start: number; end: number } = { start: 0, end: 0 };
  #windowBytes: Uint8Array = new Uint8Array(0);
  /** The guest bytes that `#windowBytes` is a part of. */
  #windowOf: Uint8Array | undefined;

  constructor(engine: TranslatorEngine, memory: GuestMemory, backend: MemoryBackend, hooks: ExecutorHooks) {
    this.#engine = engine;
    this.#memory = memory;
    this.#backend = backend;
    this.#hooks = hooks;
    this.#checked = !backend.protects;
    if (memory.engineSlot instanceof CodeSpace) {
      this.#space = memory.engineSlot;
      this.#space.attach();
    } else {
      this.#space = new CodeSpace(memory, engine.runtime(this.#checked), this.#checked ? memory.permissions : undefined);
      memory.engineSlot = this.#space;
    }
    this.cpu = this.#space.cpu;
    if (engine.without.has('flags')) this.#space.flagsAcrossReturns = true;
    this.#space.owner = this;
  }

  /** What code for this space does about registers at faults. */
  get #faults(): Faults {
    if (!this.#space.recoverable) return 'lost';
    return this.#engine.without.has('checkpoints') ? 'kept' : 'recovered';
  }

  get #variant(): string {
    return `${this.#space.recoverable ? 'r' : ''}${this.#space.flagsAcrossReturns ? 'f' : ''}${this.#checked ? 'c' : ''}@`;
  }

  run(): Trap {
    const { cpu } = this;
    if (cpu.i32[CPU.fuel >> 2] <= 0) cpu.i32[CPU.fuel >> 2] = SLICE;
    this.#space.owner = this;
    cpu.i32[STOP_REASON >> 2] = STOP_HOOK;
    let enter = this.#space.enter as () => void;
    do {
      this.#changedCode = false;
      this.#hookStopped = false;
      try {
        enter();
        enter = this.#space.enter;
      } catch (error) {
        const trap = this.#caught(error);
        if (trap !== undefined) return trap;
        enter = () => this.#enterExact();
        this.#changedCode = true;
      }
    } while (this.#changedCode && !this.#hookStopped && cpu.i32[STOP_REASON >> 2] === STOP_HOOK);
    const reason = cpu.i32[STOP_REASON >> 2];
    if (reason === STOP_HOOK) return { kind: 'stopped' };
    if (reason === STOP_FETCH) return { kind: 'fault', address: this.#executable(cpu.rip) ? this.#window.end : cpu.rip, access: 'execute' };
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

  stale(): void {
    this.#space.invalidate(this.cpu.rip, 1);
  }

  /** The slot of the unit for `rip`; -1 where there is none, and the reason in the register file. */
  resolve(): number {
    const { cpu } = this;
    const pc = cpu.rip;
    this.#engine.statistics.resolved++;
    const module = this.#moduleFor(pc);
    if (module === undefined) return -1;
    const unit = this.#space.unit(module, pc);
    this.#space.install(unit);
    return unit.home;
  }

  /** A valid module with a unit for the pc: live here, compiled before, or translated now. */
  #moduleFor(pc: number): LiveModule | undefined {
    const live = this.#space.units.get(pc)?.module;
    if (live !== undefined && this.#revalidate(live)) return live;
    const { cache } = this.#engine;
    const cached = cache.find(pc, this.#variant, (module) => this.#usable(module));
    if (cached !== undefined) {
      const same = this.#space.modules.get(cached.root);
      if (same?.compiled === cached && this.#revalidate(same)) return same;
      return this.#instantiate(cached);
    }
    const stored = this.#stored(pc);
    if (stored !== undefined) return stored;
    if (!this.#executable(pc)) {
      this.cpu.i32[STOP_REASON >> 2] = STOP_FETCH;
      return undefined;
    }
    const compiled = this.#translate(pc, this.#faults);
    if (compiled === undefined) {
      // An instruction that goes on where nothing can be executed is a fault there, others are none.
      this.cpu.i32[STOP_REASON >> 2] = this.#decode(pc) === TRUNCATED ? STOP_FETCH : STOP_TRAP + TRAP_KINDS.indexOf('ud');
      return undefined;
    }
    if (!compiled.resumesOthers) cache.add(this.#variant, compiled);
    return this.#instantiate(compiled);
  }

  /** A translation made at build time. */
  #stored(pc: number): LiveModule | undefined {
    const { store, statistics } = this.#engine;
    if (store === undefined || this.#space.flagsAcrossReturns || this.#checked) return undefined;
    for (const compiled of store.find(pc, this.#space.recoverable)) {
      const live = this.#space.modules.get(compiled.root);
      if (live?.compiled === compiled) {
        if (this.#revalidate(live)) return live;
        continue;
      }
      if (!this.#usable(compiled)) continue;
      statistics.stored++;
      return this.#instantiate(compiled);
    }
    return undefined;
  }

  #revalidate(module: LiveModule): boolean {
    if (!module.valid && !module.compiled.resumesOthers && this.#usable(module.compiled)) this.#space.place(module);
    return module.valid;
  }

  #instantiate(compiled: CompiledModule): LiveModule {
    this.#engine.statistics.instantiated++;
    return this.#space.add(compiled);
  }

  /** From a checkpoint to the fault behind it: runs the unit there that stores its registers. */
  #enterExact(): void {
    const { cpu } = this;
    const unit = this.#exactAt(cpu.rip);
    // A fault is due before anything else may run; should it not come, the time slice ends when it would have.
    const fuel = cpu.i32[CPU.fuel >> 2];
    cpu.i32[CPU.fuel >> 2] = Math.max(fuel, SLICE);
    let results: readonly [bigint, bigint];
    try {
      results = unit.run(MAX_DEPTH);
    } finally {
      cpu.i32[CPU.fuel >> 2] = fuel;
    }
    const [rsp, rax] = results;
    if (rsp === LEFT) {
      if (rax === GO_ON) this.#space.enter();
      return;
    }
    cpu.u64[RSP] = BigInt.asUintN(64, rsp);
    cpu.u64[RAX] = BigInt.asUintN(64, rax);
    // It has read the return address itself.
    cpu.rip = this.readU64(cpu.reg(RSP) - 8) ?? 0;
    this.#space.enter();
  }

  #exactAt(pc: number): ExactUnit {
    const known = this.#space.exact.get(pc);
    if (known !== undefined && this.#usable(known.compiled)) return known;
    const { cache } = this.#engine;
    const variant = `k${this.#variant}`;
    let compiled = cache.find(pc, variant, (module) => this.#usable(module));
    if (compiled === undefined) {
      compiled = this.#translate(pc, 'kept');
      assert(compiled !== undefined, `a checkpoint at ${pc.toString(16)}, where there is no instruction`);
      cache.add(variant, compiled);
    }
    return this.#space.addExact(compiled);
  }

  #translate(pc: number, faults: Faults): CompiledModule | undefined {
    const { statistics } = this.#engine;
    const started = performance.now();
    const resumed = faults === 'kept' || this.#space.holds(pc) || this.#engine.store?.holds(pc) === true;
    const made = translateModule(pc, this, {
      faults,
      without: this.#engine.without,
      checked: this.#checked,
      flagsAcrossReturns: this.#space.flagsAcrossReturns,
      writable: (start, end) => (this.#mayChange(start) || this.#mayChange(end - 1) ? this.#memory.bytes.slice(start, end) : undefined),
      ahead: false,
      // A piece of a unit that may keep flags, for a caller that reads them.
      keepsFlags: resumed,
      resumed,
      // What runs once up to a fault is shared by all spaces, so it enters no other unit in the middle.
      innerPlaceAt: (address) => (faults === 'kept' ? undefined : this.#innerPlaceAt(address)),
      isEntry: (target) => (this.#space.units.has(target) || this.#space.isUnit(target)) && !this.#space.innerPlaces.has(target),
      isLoop: (target) => this.#space.innerPlaces.has(target),
    });
    if (made === undefined) return undefined;
    const compiled = new TranslatedModule(pc, made, this.#memory.bytes, faults === 'kept' ? 'k' : 'u');
    statistics.translated += made.units.length;
    statistics.wasmBytes += made.bytes.length;
    statistics.translateMs += performance.now() - started;
    return compiled;
  }

  /** The unit that is entered must be found by its pc, which direct calls of it do not see to. */
  #innerPlaceAt(address: number): InnerPlace | undefined {
    const place = this.#space.innerPlaces.get(address);
    if (place === undefined || this.#space.modules.get(place.module.compiled.root) !== place.module || !this.#revalidate(place.module)) return undefined;
    this.#space.install(this.#space.unit(place.module, place.root));
    return place;
  }

  /** The guest bytes that the module was made from still stand there, and may be executed. */
  #usable(module: CompiledModule): boolean {
    const { origin } = module;
    if (origin !== undefined) {
      const now = this.#space.originOf(module);
      if (now?.backing === origin.backing && now.shift === origin.shift) return true;
    }
    for (const { start, length } of module.source) {
      if (!this.#executable(start) || start + length > this.#window.end) return false;
      if (!module.looks && this.#mayChange(start)) return false;
    }
    return module.matches(this.#memory.bytes);
  }

  #executable(pc: number): boolean {
    if (pc >= this.#window.start && pc < this.#window.end) return true;
    if (!Number.isSafeInteger(pc) || !this.#isCode(pc)) return false;
    let start = Math.floor(pc / PAGE_SIZE) * PAGE_SIZE;
    let end = start + PAGE_SIZE;
    while (start > 0 && this.#isCode(start - PAGE_SIZE)) start -= PAGE_SIZE;
    while (this.#isCode(end)) end += PAGE_SIZE;
    this.#window = { start, end };
    this.#windowOf = undefined;
    return true;
  }

  #isCode(address: number): boolean {
    const permissions = this.#memory.permissionsAt(address);
    return permissions > 0 && (permissions & PROT_EXEC) !== 0;
  }

  #mayChange(address: number): boolean {
    const permissions = this.#memory.permissionsAt(address);
    return permissions > 0 && ((permissions & PROT_WRITE) !== 0 || this.#memory.isAliased(address));
  }

  decode(pc: number): Insn | undefined {
    const insn = this.#decode(pc);
    return insn === TRUNCATED ? undefined : insn;
  }

  #decode(pc: number): ReturnType<typeof decode> {
    if (!this.#executable(pc)) return undefined;
    const { start, end } = this.#window;
    const { bytes } = this.#memory;
    if (this.#windowOf !== bytes) {
      this.#windowOf = bytes;
      this.#windowBytes = bytes.subarray(start, end);
    }
    return decode(this.#windowBytes, pc - start, pc);
  }

  readI32(address: number): number | undefined {
    return this.#readable(address, 4) ? this.#memory.view.getInt32(address, true) : undefined;
  }

  readU64(address: number): number | undefined {
    if (!this.#readable(address, 8)) return undefined;
    const { view } = this.#memory;
    return view.getUint32(address, true) + view.getUint32(address + 4, true) * 0x1_0000_0000;
  }

  neverReturns(): boolean {
    return false;
  }

  #readable(address: number, size: number): boolean {
    return Number.isSafeInteger(address) && address >= 0 && this.#memory.permissionsAt(address) > 0 && (this.#memory.permissionsAt(address) & this.#memory.permissionsAt(address + size - 1) & PROT_READ) !== 0;
  }

  #bytesAt(pc: number): Uint8Array {
    if (!this.#executable(pc)) return new Uint8Array(0);
    return this.#memory.bytes.slice(pc, Math.min(pc + 15, this.#window.end));
  }

  /**
   * A wasm trap is a guest fault; anything else is a bug of ours and goes on. Undefined: the registers are those of the last
   * checkpoint, and have to be found from there.
   */
  #caught(error: unknown): Trap | undefined {
    if (!(error instanceof WebAssembly.RuntimeError)) throw error;
    const at = this.#locate(error);
    // A `ret` went to a return address that cannot be read: the outer loop looked.
    if (at === undefined) return { kind: 'fault', address: this.cpu.reg(RSP) - 8, access: 'read' };
    if (this.#space.recoverable && !at.isExact) return undefined;
    const pc = faultPc(at.compiled.faults, at.offset);
    assert(pc !== undefined, `a trap at no known instruction: ${String(error.stack)}`);
    this.cpu.rip = pc;
    const insn = this.decode(pc);
    const fault = insn === undefined ? undefined : faultAddress(insn, this.cpu, this.#memory);
    return { kind: 'fault', address: fault?.address ?? 0, access: fault?.access ?? 'unknown' };
  }

  /** The innermost unit on the stack of an error. */
  #locate(error: Error): { compiled: CompiledModule; isExact: boolean; offset: number } | undefined {
    const frame = UNIT_FRAME.exec(error.stack ?? '');
    if (frame === null) return undefined;
    const root = Number.parseInt(frame[2], 16);
    const isExact = frame[1] === 'k';
    const module = isExact ? this.#space.exact.get(root) : this.#space.modules.get(root);
    return module === undefined ? undefined : { compiled: module.compiled, isExact, offset: Number.parseInt(frame[3], 16) };
  }

  codeChanged(address: number, length: number): void {
    this.#window = { start: 0, end: 0 };
    if (this.#space.changed(address, length)) this.#changedCode = true;
  }

  requirePreciseFaults(): void {
    if (this.#space.recoverable) return;
    this.#space.recoverable = true;
    this.#forgetCode();
  }

  keepFlags(): void {
    if (this.#space.flagsAcrossReturns) return;
    this.#space.flagsAcrossReturns = true;
    this.#forgetCode();
  }

  #forgetCode(): void {
    this.#space.clear();
    this.#changedCode = true;
  }

  forkOver(memory: GuestMemory, hooks: ExecutorHooks): Executor {
    const child = new TranslatorExecutor(this.#engine, memory, this.#backend, hooks);
    child.cpu.u8.set(this.cpu.u8.subarray(0, CPU.contextBytes));
    if (this.#space.recoverable) child.requirePreciseFaults();
    if (this.#space.flagsAcrossReturns) child.keepFlags();
    return child;
  }

  dispose(): void {
    this.#space.owner = undefined;
  }
}
