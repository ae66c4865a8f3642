/**
 * The code side of an address space: CPU memory, code table, instances. It stays with a pooled guest memory, so
 * that a process that runs the same program finds its units instantiated and installed.
 *
 * Modules made from one file at one place are a **zone**. Where that file is constant and mapped there again, all of
 * the zone is valid: nothing is compared, nothing is installed anew. Other modules are compared when they are first
 * entered after a change.
 */

import { assert } from '../base/assert.ts';
import type { Backing, CodeOrigin, GuestMemory } from '../kernel/platform.ts';
import { allHelpers, CpuState } from '../x86/index.ts';
import { CPU_PAGES, SLOTS, slotOf, TAGS } from './layout.ts';
import type { CompiledModule } from './unit.ts';

/** A module instantiated over this space. Its units call one another directly, so they are valid together. */
export interface LiveModule {
  readonly compiled: CompiledModule;
  readonly exports: WebAssembly.Exports;
  /** Its units that have a place in the code table. */
  readonly live: LiveUnit[];
  /** Cleared when the guest bytes may have changed; they are compared before it runs again. */
  valid: boolean;
  zone: Zone | undefined;
}

export interface LiveUnit {
  readonly pc: number;
  readonly module: LiveModule;
  readonly entry: WebAssembly.ExportValue;
  /** Its own place in the code table, behind the hashed slots. */
  readonly home: number;
}

/** A unit that stores all registers before each access. */
export interface ExactUnit {
  readonly compiled: CompiledModule;
  readonly run: (depth: number) => readonly [bigint, bigint];
}

interface Zone extends CodeOrigin {
  /** All source bytes of its modules lie in between. */
  low: number;
  high: number;
  readonly modules: Set<LiveModule>;
  /** It is mapped: all of its modules are valid. */
  up: boolean;
}

/** What imported functions call; replaced when another executor takes the space over. */
export interface SpaceOwner {
  resolve(): number;
  tick(): 0 | 1;
  syscall(): 0 | 1;
  /** The source bytes of the unit at `rip` have changed. */
  stale(): void;
  /** A call is about to be made after which the flags of the callee are read. */
  keepFlags(): void;
}

const PAGE = 4096;
/** Modules outside of zones that a pooled space keeps: code that was generated, or lies in files that may change. */
const KEEP_LOOSE = 4000;

export class CodeSpace {
  readonly cpu: CpuState;
  readonly enter: () => number;
  readonly imports: WebAssembly.Imports;
  /** Units by guest pc, and modules by root: the latest of each. */
  readonly units = new Map<number, LiveUnit>();
  readonly modules = new Map<number, LiveModule>();
  /** Where units can be entered in the middle, by address of the jump table or of the loop. */
  readonly innerPlaces = new Map<number, { readonly root: number; readonly number: number; readonly module: LiveModule }>();
  owner: SpaceOwner | undefined;
  /** Units that are run from a checkpoint to the fault behind it, by root: see the executor. */
  readonly exact = new Map<number, ExactUnit>();
  /** How all of its units were made; a later process keeps to it (see the executor). */
  recoverable = false;
  flagsAcrossReturns = false;
  readonly #memory: GuestMemory;
  readonly #table: WebAssembly.Table;
  /** What stands in the hashed slots of the table, whether its tag is set or not. */
  readonly #installed = new Map<number, LiveUnit>();
  readonly #zones: Zone[] = [];
  readonly #loose = new Set<LiveModule>();
  /** Modules that hold only as long as others do. */
  readonly #resuming = new Set<LiveModule>();
  /** Pages that hold source bytes of units. */
  readonly #codePages = new Map<number, Set<LiveModule>>();
  #homes = SLOTS;

  constructor(memory: GuestMemory, runtime: WebAssembly.Module, permissions: WebAssembly.Memory | undefined) {
    this.#memory = memory;
    const cpuMemory = new WebAssembly.Memory({ initial: CPU_PAGES, maximum: CPU_PAGES });
    this.cpu = new CpuState(cpuMemory.buffer);
    this.#table = new WebAssembly.Table({ initial: SLOTS + 64, element: 'anyfunc' });
    const e: Record<string, WebAssembly.ImportValue> = {
      guest: memory.wasm,
      cpu: cpuMemory,
      code: this.#table,
      resolve: () => (this.owner as SpaceOwner).resolve(),
      tick: () => (this.owner as SpaceOwner).tick(),
      stale: () => (this.owner as SpaceOwner).stale(),
      keep_flags: () => (this.owner as SpaceOwner).keepFlags(),
      syscall: () => (this.owner as SpaceOwner).syscall(),
    };
    if (permissions !== undefined) e.permissions = permissions;
    const instance = new WebAssembly.Instance(runtime, { e });
    const { enter, ...rest } = instance.exports;
    this.enter = enter as () => number;
    Object.assign(e, rest);
    for (const helper of allHelpers()) {
      const { run } = helper;
      if (run !== undefined) e[helper.name] = () => run(this.cpu);
    }
    this.imports = { e };
    this.#clearTags();
  }

  /** No pc has all bits set: an empty tag. */
  #clearTags(): void {
    this.cpu.u8.fill(0xff, TAGS, TAGS + SLOTS * 8);
  }

  /** A new process has the memory: what is not mapped as it was must not be entered. */
  attach(): void {
    for (const zone of this.#zones) this.#check(zone);
    if (this.#loose.size > KEEP_LOOSE) this.clear();
    for (const module of this.#loose) this.#drop(module);
  }

  add(compiled: CompiledModule): LiveModule {
    const instance = new WebAssembly.Instance(compiled.module, this.imports);
    const module: LiveModule = { compiled, exports: instance.exports, live: [], valid: true, zone: undefined };
    const old = this.modules.get(compiled.root);
    if (old !== undefined) {
      this.#drop(old);
      this.#leave(old);
      for (const page of pagesOf(old.compiled)) this.#codePages.get(page)?.delete(old);
    }
    this.modules.set(compiled.root, module);
    this.#loose.add(module);
    this.place(module);
    for (const { at, root, number } of compiled.innerPlaces) this.innerPlaces.set(at, { root, number, module });
    if (compiled.resumesOthers) this.#resuming.add(module);
    for (const page of pagesOf(compiled)) {
      const modules = this.#codePages.get(page);
      if (modules === undefined) this.#codePages.set(page, new Set([module]));
      else modules.add(module);
    }
    return module;
  }

  addExact(compiled: CompiledModule): ExactUnit {
    const { exports } = new WebAssembly.Instance(compiled.module, this.imports);
    const unit: ExactUnit = { compiled, run: compiled.entry(exports, compiled.root) as ExactUnit['run'] };
    this.exact.set(compiled.root, unit);
    return unit;
  }

  /** Where the bytes of a module come from, if it is one constant file. */
  originOf({ source }: CompiledModule): CodeOrigin | undefined {
    if (source.length === 0) return undefined;
    let low = Number.POSITIVE_INFINITY;
    let high = 0;
    for (const { start, length } of source) {
      low = Math.min(low, start);
      high = Math.max(high, start + length);
    }
    return this.#memory.origin(low, high);
  }

  /** Puts a module that is known to be valid into the zone that it lies in now. */
  place(module: LiveModule): void {
    const { compiled } = module;
    const origin = this.originOf(compiled);
    compiled.origin = origin;
    if (module.zone !== undefined && origin?.backing === module.zone.backing && origin.shift === module.zone.shift) return;
    this.#leave(module);
    const zone = origin === undefined ? undefined : this.#zone(origin.backing, origin.shift);
    module.zone = zone;
    (zone?.modules ?? this.#loose).add(module);
    if (zone === undefined) return;
    const { low, high } = zone;
    for (const { start, length } of compiled.source) {
      zone.low = Math.min(zone.low, start);
      zone.high = Math.max(zone.high, start + length);
    }
    if (zone.low !== low || zone.high !== high) this.#check(zone);
    // Where the zone as a whole does not hold, this part of it does.
    module.valid = true;
  }

  #leave(module: LiveModule): void {
    const { zone } = module;
    if (zone === undefined) {
      this.#loose.delete(module);
      return;
    }
    zone.modules.delete(module);
    if (zone.modules.size === 0) this.#zones.splice(this.#zones.indexOf(zone), 1);
  }

  #zone(backing: Backing, shift: number): Zone {
    let zone = this.#zones.find((each) => each.backing === backing && each.shift === shift);
    if (zone === undefined) {
      zone = { backing, shift, low: Number.POSITIVE_INFINITY, high: 0, modules: new Set(), up: false };
      this.#zones.push(zone);
    }
    return zone;
  }

  /** Whether a pc lies inside the source of a module here. */
  holds(pc: number): boolean {
    const modules = this.#codePages.get(Math.floor(pc / PAGE));
    if (modules === undefined) return false;
    for (const { compiled } of modules) for (const { start, length } of compiled.source) if (pc > start && pc < start + length && pc !== compiled.root) return true;
    return false;
  }

  /** Whether a module here has a unit at a pc, in use or not. */
  isUnit(pc: number): boolean {
    for (const { compiled } of this.#codePages.get(Math.floor(pc / PAGE)) ?? []) if (compiled.has(pc)) return true;
    return false;
  }

  /** The unit of a module at a pc, with a place in the code table. */
  unit(module: LiveModule, pc: number): LiveUnit {
    const known = this.units.get(pc);
    if (known !== undefined && known.module === module) return known;
    const home = known?.home ?? this.#homes++;
    if (home >= this.#table.length) this.#table.grow(this.#table.length);
    const entry = module.compiled.entry(module.exports, pc);
    assert(entry !== undefined, 'the module has a unit at the pc');
    this.#table.set(home, entry);
    const unit: LiveUnit = { pc, module, entry, home };
    module.live.push(unit);
    this.units.set(pc, unit);
    return unit;
  }

  /** Makes the hashed slot of a unit lead to it. */
  install(unit: LiveUnit): void {
    assert(unit.module.valid, 'only valid units are installed');
    const slot = slotOf(unit.pc);
    if (this.#installed.get(slot) !== unit) {
      this.#table.set(slot, unit.entry);
      this.#installed.set(slot, unit);
    }
    this.#setTag(slot, unit.pc);
  }

  #setTag(slot: number, pc: number): void {
    const at = (TAGS >> 2) + slot * 2;
    this.cpu.u32[at] = pc;
    this.cpu.u32[at + 1] = Math.floor(pc / 0x1_0000_0000);
  }

  #drop(module: LiveModule): void {
    if (!module.valid) return;
    module.valid = false;
    if (module.compiled.innerPlaces.length > 0) {
      for (const other of this.#resuming) this.#drop(other);
      this.#resuming.clear();
    }
    for (const { pc } of module.live) {
      const slot = slotOf(pc);
      const at = (TAGS >> 2) + slot * 2;
      if (this.cpu.u32[at] !== pc >>> 0 || this.cpu.u32[at + 1] !== Math.floor(pc / 0x1_0000_0000)) continue;
      this.cpu.u32[at] = 0xffff_ffff;
      this.cpu.u32[at + 1] = 0xffff_ffff;
    }
  }

  /** Brings a zone up or down. Returns whether it was up and is not any more. */
  #check(zone: Zone): boolean {
    const origin = this.#memory.origin(zone.low, zone.high);
    const up = origin !== undefined && origin.backing === zone.backing && origin.shift === zone.shift;
    const was = zone.up;
    zone.up = up;
    if (up && !was) for (const module of zone.modules) this.#raise(module);
    if (!up && was) for (const module of zone.modules) this.#drop(module);
    return was && !up;
  }

  #raise(module: LiveModule): void {
    if (module.valid || module.compiled.resumesOthers) return;
    module.valid = true;
    for (const unit of module.live) {
      const slot = slotOf(unit.pc);
      if (this.#installed.get(slot) === unit) this.#setTag(slot, unit.pc);
    }
  }

  /** The mappings of the range have changed: what is not as it was must be looked at before it runs again. Returns whether there was such. */
  changed(address: number, length: number): boolean {
    let any = false;
    for (const zone of this.#zones) {
      if (zone.low < address + length && zone.high > address && this.#check(zone)) any = true;
    }
    return this.invalidate(address, length) || any;
  }

  /** Modules made from bytes in the range must be compared before they run again, but for those of zones. Returns whether there were any. */
  invalidate(address: number, length: number): boolean {
    const first = Math.floor(address / PAGE);
    const last = Math.floor((address + length - 1) / PAGE);
    let any = false;
    const drop = (modules: Set<LiveModule>): void => {
      for (const module of modules) {
        if (!module.valid || module.zone?.up === true) continue;
        this.#drop(module);
        any = true;
      }
    };
    if (last - first < this.#codePages.size) {
      for (let page = first; page <= last; page++) {
        const modules = this.#codePages.get(page);
        if (modules !== undefined) drop(modules);
      }
    } else {
      for (const [page, modules] of this.#codePages) if (page >= first && page <= last) drop(modules);
    }
    return any;
  }

  /** Forgets all code (it was made for other rules). */
  clear(): void {
    this.#clearTags();
    for (const module of this.modules.values()) module.valid = false;
    this.modules.clear();
    this.exact.clear();
    this.units.clear();
    this.innerPlaces.clear();
    this.#zones.length = 0;
    this.#loose.clear();
    this.#resuming.clear();
    this.#codePages.clear();
    this.#installed.clear();
  }
}

function pagesOf(compiled: CompiledModule): Set<number> {
  const pages = new Set<number>();
  for (const { start, length } of compiled.source) {
    const last = Math.floor((start + length - 1) / PAGE);
    for (let page = Math.floor(start / PAGE); page <= last; page++) pages.add(page);
  }
  return pages;
}
