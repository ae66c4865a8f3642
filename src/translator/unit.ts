/** A translated unit: its module, and the guest bytes that it was made from. */

export interface SourceRange {
  readonly start: number;
  readonly bytes: Uint8Array;
}

export interface CompiledUnit {
  readonly pc: number;
  /** Every byte that the translation depends on; it is valid wherever these bytes stand. */
  readonly source: readonly SourceRange[];
  readonly module: WebAssembly.Module;
  /** Export of the module that is the unit. */
  readonly name: string;
  /** Pairs of wasm offset (the end of the instruction that may trap is greater) and guest pc, ascending. */
  readonly faults: FaultMap;
}

/** Offsets in the module's bytes of instructions that may trap, ascending, and the guest pc of each. */
export interface FaultMap {
  readonly offsets: Uint32Array;
  readonly pcs: Float64Array;
}

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

/** Compiled units by guest pc, shared by all address spaces of a platform. */
export class UnitCache {
  readonly #units = new Map<string, CompiledUnit[]>();
  /** Units kept per entry: the same address holds different code in different programs. */
  readonly #perEntry = 8;

  find(pc: number, variant: string, matches: (unit: CompiledUnit) => boolean): CompiledUnit | undefined {
    const units = this.#units.get(variant + pc);
    return units?.find(matches);
  }

  add(variant: string, unit: CompiledUnit): void {
    const key = variant + unit.pc;
    const units = this.#units.get(key);
    if (units === undefined) this.#units.set(key, [unit]);
    else {
      units.unshift(unit);
      if (units.length > this.#perEntry) units.pop();
    }
  }
}
