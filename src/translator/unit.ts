/** Translated modules: one or more units, and the guest bytes that they were made from. */

import type { CodeOrigin } from '../kernel/platform.ts';

export interface SourceRange {
  readonly start: number;
  readonly length: number;
}

export interface CompiledModule {
  /** The unit it was made for; of a module that was made ahead of time, the first. */
  readonly root: number;
  /** Guest pcs of its units. */
  readonly units: ArrayLike<number>;
  /** Where the bytes lie that the translation depends on. */
  readonly source: readonly SourceRange[];
  /** Where the bytes came from when they were last found to be the same: there they need not be compared. */
  origin?: CodeOrigin | undefined;
  readonly module: WebAssembly.Module;
  readonly faults: FaultMap;
  /** Its units look at each entry whether their source has changed: it may lie in writable memory, or in pages that can be written elsewhere. */
  readonly looks: boolean;
  /** Where its units can be entered in the middle: by the address of a jump table that is dispatched there, or of a loop. */
  readonly innerPlaces: readonly { readonly at: number; readonly root: number; readonly number: number }[];
  /** Some of its units go on in the middle of units of other modules: it holds only as long as those do, in one address space. */
  readonly resumesOthers: boolean;
  /** Whether the guest's bytes are those that it was made from. */
  matches(guest: Uint8Array): boolean;
  /** Whether there is a unit at the pc. */
  has(pc: number): boolean;
  /** The function of a unit, from the exports of an instance; undefined where there is none at the pc. */
  entry(exports: WebAssembly.Exports, pc: number): WebAssembly.ExportValue | undefined;
}

/** Offsets in the module's bytes of instructions that may trap, ascending, and the guest pc of each. */
export interface FaultMap {
  readonly offsets: Uint32Array;
  readonly pcs: Float64Array;
}

/** What a unit is called in its module, and in stack traces. `k`: it keeps registers for faults. */
export function unitName(root: number, pc: number, kind: 'u' | 'k' = 'u'): string {
  return `${kind}${pc.toString(16)}_${root.toString(16)}`;
}

/** A frame of V8's stack traces that is in a unit: kind, root, offset in the module. */
export const UNIT_FRAME = /\b([uk])[0-9a-f]+_([0-9a-f]+) \(wasm:\/\/[^)]*:0x([0-9a-f]+)\)/;

/** The guest pc for the wasm offset of a trap. */
export function faultPc(map: FaultMap, offset: number): number | undefined {
  let low = 0;
  let high = map.offsets.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (map.offsets[middle] <= offset) low = middle + 1;
    else high = middle;
  }
  return low === 0 ? undefined : map.pcs[low - 1];
}

/** Compiled modules by the guest pcs of their units, shared by all address spaces of a platform. */
export class ModuleCache {
  readonly #modules = new Map<string, CompiledModule[]>();
  /** Modules kept per pc: the same address holds different code in different programs. */
  readonly #perEntry = 8;

  find(pc: number, variant: string, matches: (module: CompiledModule) => boolean): CompiledModule | undefined {
    return this.#modules.get(variant + pc)?.find(matches);
  }

  add(variant: string, module: CompiledModule): void {
    for (const pc of Array.from(module.units)) {
      const key = variant + pc;
      const modules = this.#modules.get(key);
      if (modules === undefined) {
        this.#modules.set(key, [module]);
      } else {
        modules.unshift(module);
        if (modules.length > this.#perEntry) modules.pop();
      }
    }
  }
}
