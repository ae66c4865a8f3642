/**
 * The code side of an address space: CPU memory, code table, instances. It stays with a pooled guest memory, so
 * that a process that runs the same program finds its units instantiated.
 */

import { assert } from '../base/assert.ts';
import type { GuestMemory } from '../kernel/platform.ts';
import { allHelpers, CpuState } from '../x86/index.ts';
import { CPU_PAGES, SLOTS, slotOf, TAGS } from './layout.ts';
import { type CompiledModule, unitName } from './unit.ts';

/** A module instantiated over this space. Its units call one another directly, so they are valid together. */
export interface LiveModule {
  readonly compiled: CompiledModule;
  readonly exports: WebAssembly.Exports;
  /** Cleared when the guest bytes may have changed; they are compared before it runs again. */
  valid: boolean;
}

export interface LiveUnit {
  readonly pc: number;
  readonly module: LiveModule;
  readonly entry: WebAssembly.ExportValue;
  /** Its own place in the code table, behind the hashed slots. */
  readonly home: number;
}

/** What imported functions call; replaced when another executor takes the space over. */
export interface SpaceOwner {
  resolve(): number;
  tick(): 0 | 1;
  syscall(): 0 | 1;
  /** The source bytes of the unit at `rip` have changed. */
  stale(): void;
}

const PAGE_SHIFT = 12;

export class CodeSpace {
  readonly cpu: CpuState;
  readonly enter: () => number;
  readonly imports: WebAssembly.Imports;
  /** Units by guest pc, and modules by root: the latest of each. */
  readonly units = new Map<number, LiveUnit>();
  readonly modules = new Map<number, LiveModule>();
  /** Where jump tables are dispatched, by address of the table. */
  readonly dispatches = new Map<number, { readonly root: number; readonly number: number }>();
  owner: SpaceOwner | undefined;
  readonly #table: WebAssembly.Table;
  /** Pages that hold source bytes of units. */
  readonly #codePages = new Map<number, Set<LiveModule>>();
  #homes = SLOTS;

  constructor(memory: GuestMemory, runtime: WebAssembly.Module, permissions: WebAssembly.Memory | undefined) {
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
    this.#fillTags();
  }

  /** No pc has all bits set: an empty tag. */
  #fillTags(): void {
    this.cpu.u8.fill(0xff, TAGS, TAGS + SLOTS * 8);
  }

  add(compiled: CompiledModule): LiveModule {
    const instance = new WebAssembly.Instance(compiled.module, this.imports);
    const module: LiveModule = { compiled, exports: instance.exports, valid: true };
    const old = this.modules.get(compiled.root);
    if (old !== undefined) {
      this.#drop(old);
      for (const page of pagesOf(old.compiled)) this.#codePages.get(page)?.delete(old);
    }
    this.modules.set(compiled.root, module);
    for (const dispatch of compiled.dispatches) this.dispatches.set(dispatch.table, dispatch);
    for (const page of pagesOf(compiled)) {
      const modules = this.#codePages.get(page);
      if (modules === undefined) this.#codePages.set(page, new Set([module]));
      else modules.add(module);
    }
    return module;
  }

  /** Whether a pc lies inside the source of a module here. */
  holds(pc: number): boolean {
    const modules = this.#codePages.get(Math.floor(pc / 4096));
    if (modules === undefined) return false;
    for (const { compiled } of modules) for (const { start, bytes } of compiled.source) if (pc > start && pc < start + bytes.length && pc !== compiled.root) return true;
    return false;
  }

  /** The unit of a module at a pc, with a place in the code table. */
  unit(module: LiveModule, pc: number): LiveUnit {
    const known = this.units.get(pc);
    if (known !== undefined && known.module === module) return known;
    const home = known?.home ?? this.#homes++;
    if (home >= this.#table.length) this.#table.grow(this.#table.length);
    const entry = module.exports[unitName(module.compiled.root, pc)];
    this.#table.set(home, entry);
    const unit: LiveUnit = { pc, module, entry, home };
    this.units.set(pc, unit);
    return unit;
  }

  /** Makes the hashed slot of a unit lead to it. */
  install(unit: LiveUnit): void {
    assert(unit.module.valid, 'only valid units are installed');
    const slot = slotOf(unit.pc);
    this.#table.set(slot, unit.entry);
    const at = (TAGS >> 2) + slot * 2;
    this.cpu.u32[at] = unit.pc % 0x1_0000_0000;
    this.cpu.u32[at + 1] = Math.floor(unit.pc / 0x1_0000_0000);
  }

  #drop(module: LiveModule): void {
    module.valid = false;
    for (const pc of module.compiled.units) {
      const at = (TAGS >> 2) + slotOf(pc) * 2;
      if (this.cpu.u32[at] !== pc % 0x1_0000_0000 || this.cpu.u32[at + 1] !== Math.floor(pc / 0x1_0000_0000)) continue;
      this.cpu.u32[at] = 0xffff_ffff;
      this.cpu.u32[at + 1] = 0xffff_ffff;
    }
  }

  /** Modules made from bytes in the range must be compared before they run again. Returns whether there were any. */
  invalidate(address: number, length: number): boolean {
    const first = Math.floor(address / (1 << PAGE_SHIFT));
    const last = Math.floor((address + length - 1) / (1 << PAGE_SHIFT));
    let any = false;
    const drop = (modules: Set<LiveModule>): void => {
      for (const module of modules) {
        if (!module.valid) continue;
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

  invalidateAll(): void {
    for (const module of this.modules.values()) module.valid = false;
    this.#fillTags();
  }

  /** Forgets all code (it was made for other rules). */
  clear(): void {
    this.invalidateAll();
    this.modules.clear();
    this.dispatches.clear();
    this.#codePages.clear();
  }
}

function pagesOf(compiled: CompiledModule): Set<number> {
  const pages = new Set<number>();
  for (const { start, bytes } of compiled.source) {
    const last = Math.floor((start + bytes.length - 1) / 4096);
    for (let page = Math.floor(start / 4096); page <= last; page++) pages.add(page);
  }
  return pages;
}
