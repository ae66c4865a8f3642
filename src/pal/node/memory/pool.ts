/** Wasm memories: how they are made and grown, and those that wait for the next process of their program. */

const WASM_PAGE = 65536;
/** 16 GiB in wasm pages. */
const MAXIMUM = 262144n;
/** Growing costs a walk over all mappings, so it is done in large steps. */
const CHUNK = 16 * 1024 * 1024;
/** Memories kept per program, and in all. */
const KEEP_EACH = 16;
const KEEP = 64;

/** Small at first: a large one is slow to make. */
export function newMemory(): WebAssembly.Memory {
  return new WebAssembly.Memory({ address: 'i64', initial: 1n, maximum: MAXIMUM } as unknown as WebAssembly.MemoryDescriptor);
}

/** Grows a memory of `have` bytes so that it holds `need`; false if it does already. Throws RangeError at the limit. */
export function grownMemory(memory: WebAssembly.Memory, have: number, need: number): boolean {
  if (need <= have) return false;
  const limit = Number(MAXIMUM) * WASM_PAGE;
  const generous = Math.min(limit, Math.ceil(Math.max(need, have * 2) / CHUNK) * CHUNK);
  (memory.grow as unknown as (pages: bigint) => bigint)(BigInt((Math.max(generous, Math.ceil(need / WASM_PAGE) * WASM_PAGE) - have) / WASM_PAGE));
  return true;
}

export interface Pooled {
  pool: string;
}

export class Pool<M extends Pooled> {
  readonly #free = new Map<string, M[]>();
  readonly #drop: (memory: M) => void;
  #count = 0;

  constructor(drop: (memory: M) => void) {
    this.#drop = drop;
  }

  take(name: string): M | undefined {
    const memory = this.#free.get(name)?.pop();
    if (memory !== undefined) this.#count--;
    return memory;
  }

  put(memory: M): void {
    const list = this.#free.get(memory.pool) ?? [];
    if (list.length >= KEEP_EACH || this.#count >= KEEP) {
      this.#drop(memory);
      return;
    }
    list.push(memory);
    this.#free.set(memory.pool, list);
    this.#count++;
  }
}
