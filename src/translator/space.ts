/**
 * The code side of an address space: CPU memory, code table, instances. It stays with a pooled guest memory, so
 * that a process that runs the same program finds its units instantiated.
 */

import { assert } from '../base/assert.ts';
import type { GuestMemory } from '../kernel/platform.ts';
import { allHelpers, CPU, CpuState, FlagsKind, statusFlags } from '../x86/index.ts';
import { CPU_PAGES, SLOTS, slotOf, TAGS } from './layout.ts';
import type { CompiledUnit } from './unit.ts';

export interface LiveUnit {
  readonly compiled: CompiledUnit;
  readonly pc: number;
  /** Its own place in the code table, behind the hashed slots. */
  readonly home: number;
  readonly entry: WebAssembly.ExportValue;
  /** Cleared when the guest bytes may have changed; they are compared before it runs again. */
  valid: boolean;
}

/** What imported functions call; replaced when another executor takes the space over. */
export interface SpaceOwner {
  resolve(): number;
  tick(): 0 | 1;
  syscall(): 0 | 1;
}

const PAGE_SHIFT = 12;

export class CodeSpace {
  readonly cpu: CpuState;
  readonly enter: () => number;
  readonly imports: WebAssembly.Imports;
  readonly units = new Map<number, LiveUnit>();
  owner: SpaceOwner | undefined;
  readonly #table: WebAssembly.Table;
  /** Pages that hold source bytes of units. */
  readonly #codePages = new Map<number, Set<LiveUnit>>();
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
      syscall: () => (this.owner as SpaceOwner).syscall(),
    };
    if (permissions !== undefined) e.permissions = permissions;
    const instance = new WebAssembly.Instance(runtime, { e });
    const { enter, ...rest } = instance.exports;
    this.enter = enter as () => number;
    Object.assign(e, rest);
    e.materialize_flags = () => materializeFlags(this.cpu);
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

  add(compiled: CompiledUnit): LiveUnit {
    const instance = new WebAssembly.Instance(compiled.module, this.imports);
    const entry = instance.exports[compiled.name];
    const known = this.units.get(compiled.pc);
    const home = known?.home ?? this.#homes++;
    if (home >= this.#table.length) this.#table.grow(this.#table.length);
    if (known !== undefined) this.#forget(known);
    const unit: LiveUnit = { compiled, pc: compiled.pc, home, entry, valid: true };
    this.#table.set(home, entry);
    this.units.set(unit.pc, unit);
    for (const page of pagesOf(compiled)) {
      const units = this.#codePages.get(page);
      if (units === undefined) this.#codePages.set(page, new Set([unit]));
      else units.add(unit);
    }
    return unit;
  }

  #forget(unit: LiveUnit): void {
    unit.valid = false;
    for (const page of pagesOf(unit.compiled)) this.#codePages.get(page)?.delete(unit);
  }

  /** Makes the hashed slot of a unit lead to it. */
  install(unit: LiveUnit): void {
    assert(unit.valid, 'only valid units are installed');
    const slot = slotOf(unit.pc);
    this.#table.set(slot, unit.entry);
    const at = (TAGS >> 2) + slot * 2;
    this.cpu.u32[at] = unit.pc % 0x1_0000_0000;
    this.cpu.u32[at + 1] = Math.floor(unit.pc / 0x1_0000_0000);
  }

  #uninstall(unit: LiveUnit): void {
    unit.valid = false;
    const at = (TAGS >> 2) + slotOf(unit.pc) * 2;
    if (this.cpu.u32[at] === unit.pc % 0x1_0000_0000 && this.cpu.u32[at + 1] === Math.floor(unit.pc / 0x1_0000_0000)) {
      this.cpu.u32[at] = 0xffff_ffff;
      this.cpu.u32[at + 1] = 0xffff_ffff;
    }
  }

  /** Units made from bytes in the range must be compared before they run again. Returns whether there were any. */
  invalidate(address: number, length: number): boolean {
    const first = Math.floor(address / (1 << PAGE_SHIFT));
    const last = Math.floor((address + length - 1) / (1 << PAGE_SHIFT));
    let any = false;
    const drop = (units: Set<LiveUnit>): void => {
      for (const unit of units) {
        if (!unit.valid) continue;
        this.#uninstall(unit);
        any = true;
      }
    };
    if (last - first < this.#codePages.size) {
      for (let page = first; page <= last; page++) {
        const units = this.#codePages.get(page);
        if (units !== undefined) drop(units);
      }
    } else {
      for (const [page, units] of this.#codePages) if (page >= first && page <= last) drop(units);
    }
    return any;
  }

  invalidateAll(): void {
    for (const unit of this.units.values()) unit.valid = false;
    this.#fillTags();
  }
}

/** Makes the lazy descriptor of the flags explicit. */
function materializeFlags(cpu: CpuState): void {
  const { i32, u64 } = cpu;
  const flags = statusFlags(i32[CPU.flagsCode >> 2], u64[CPU.flagsA >> 3], u64[CPU.flagsB >> 3]);
  i32[CPU.flagsCode >> 2] = FlagsKind.explicit;
  u64[CPU.flagsA >> 3] = BigInt(flags);
}

function pagesOf(compiled: CompiledUnit): Set<number> {
  const pages = new Set<number>();
  for (const { start, bytes } of compiled.source) {
    const last = Math.floor((start + bytes.length - 1) / 4096);
    for (let page = Math.floor(start / 4096); page <= last; page++) pages.add(page);
  }
  return pages;
}
