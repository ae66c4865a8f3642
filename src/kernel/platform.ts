/**
 * The seam between the kernel and what executes guest code.
 *
 * A `Platform` is a memory back end (who owns pages) and an engine (who runs instructions over them). The
 * kernel owns the decision what is mapped where (`mm/`); a `GuestMemory` carries it out. Nothing here assumes
 * WebAssembly: a later engine may run guest code on the CPU itself.
 */

import type { CpuState } from '../x86/state.ts';

export const PAGE_SIZE = 4096;
/** Guest addresses lie in [0, ADDRESS_LIMIT): 16 GiB, the most that one wasm memory holds. */
export const ADDRESS_LIMIT = 0x4_0000_0000;
/** Nothing is ever mapped below this address (as `vm.mmap_min_addr`). */
export const MIN_ADDRESS = 0x1_0000;

export const PROT_NONE = 0,
  PROT_READ = 1,
  PROT_WRITE = 2,
  PROT_EXEC = 4;

/**
 * Pages that can be mapped into several address spaces: a file's page cache, or shared anonymous memory.
 * `bytes` is the live content: what tasks wrote through shared mappings is there each time it is asked for, and
 * mappings show what was written through it after `changed`.
 */
export interface Backing {
  /** The content; replaced by `resize`, so never keep it. Its length is the backing's size, rounded up to pages. */
  readonly bytes: Uint8Array;
  readonly size: number;
  /** To be called after writing to `bytes`: back ends that copy bring the mappings of the running address space up to date. */
  changed(offset: number, length: number): void;
  /** Set by who owns the content: it will not change any more. Translations of it hold wherever it is mapped. */
  constant: boolean;
  /** Grows (zero-filled) or shrinks. Throws RangeError when the host has no memory. */
  resize(size: number): void;
  retain(): void;
  release(): void;
}

/** The page at address a is a constant backing's, unwritten, at `a + shift`. */
export interface CodeOrigin {
  readonly backing: Backing;
  readonly shift: number;
}

export interface GuestMemory {
  /** Guest bytes, address = index; shorter than the address space until something higher is mapped. Replaced when it grows: never keep it. A JavaScript access to a page that is not mapped readable/writable **kills the process** on real back ends: go through `mm/`. */
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** The wasm memory behind it, for engines that need one. */
  readonly wasm: WebAssembly.Memory;

  /** Zero pages at [address, address + length); replaces what was there. Throws RangeError when the host has no memory. */
  mapAnonymous(address: number, length: number, prot: number): void;
  /** Pages of a backing from `offset`; private ones are copy-on-write, shared ones are the backing's own. */
  mapBacking(address: number, length: number, prot: number, backing: Backing, offset: number, sharing: 'private' | 'shared'): void;
  protect(address: number, length: number, prot: number): void;
  unmap(address: number, length: number): void;
  /** madvise(MADV_DONTNEED) on private anonymous pages: they read as zero again. */
  discard(address: number, length: number): void;
  /** A copy with the same pages: private ones copy-on-write, shared ones shared. */
  fork(): GuestMemory;
  /** PROT_ bits of the page that holds an address, or -1 where nothing is mapped. */
  permissionsAt(address: number): number;
  /** Whether stores elsewhere can change the page that holds an address: it is mapped shared, of a backing that is not constant. */
  isAliased(address: number): boolean;
  /** Where all of an executable range comes from, if that is one constant backing and nothing can have been written to it; else undefined. */
  origin(start: number, end: number): CodeOrigin | undefined;
  /** Where `protects` is false: one byte of PROT_ bits per 4 KiB page (32-bit memory, 4 MiB), for engines to check. */
  readonly permissions: WebAssembly.Memory | undefined;
  /** For the engine to keep what it made for this memory; survives pooling, and with it whatever `origin` said. */
  engineSlot: unknown;

  /** Called when a task of this address space is about to run after one of another; copying back ends bring shared pages up to date here, and write them back in `leave`. */
  enter(): void;
  leave(): void;
  /** Bytes of host memory that private pages take, for /proc and limits; approximate where the host cannot say. */
  residentBytes(): number;
  /** Gives the pages back (or to a pool for the next process). */
  dispose(): void;
}

export interface MemoryBackend {
  readonly name: 'ffi' | 'copy';
  /** True where a guest access to an unmapped or protected page traps by itself; otherwise engines emit checks against `GuestMemory.permissions`. */
  readonly protects: boolean;
  /** `pool` names what the memory will run, so that a memory used for it before is preferred. */
  create(pool: string): GuestMemory;
  createBacking(size: number): Backing;
  /** Nothing is runnable: what was kept only to be fast may go. */
  trim(): void;
}

/** Why `Executor.run` came back. */
export type Trap =
  /** A hook (`syscall`, `tick`) asked to stop; the register file is complete and `rip` is where to go on. */
  | { readonly kind: 'stopped' }
  /** A memory access that the page protection refused, or out of range; `write` and `address` where known. `rip` is the instruction. */
  | { readonly kind: 'fault'; readonly address: number; readonly access: 'read' | 'write' | 'execute' | 'unknown' }
  /** An exception: #DE, #UD (with the bytes), #BP, #GP … `rip` is the instruction (after it, for #BP). */
  | { readonly kind: 'exception'; readonly name: 'de' | 'db' | 'bp' | 'of' | 'ud' | 'gp' | 'mf' | 'xm'; readonly bytes?: Uint8Array };

export interface ExecutorHooks {
  /** The guest executed `syscall`; registers are in `cpu`, `rip` is after the instruction (rcx and r11 are set). Returns 0 to go on at once with the registers as they are in `cpu` (at `rip`, unless changed: then return 1), 1 to stop. */
  syscall(): 0 | 1;
  /** Fuel ran out; refill `CPU.fuel` and return 0 to go on, 1 to stop (the task is preempted or has a signal). */
  tick(): 0 | 1;
}

/** Executes tasks over one address space. */
export interface Executor {
  readonly cpu: CpuState;
  /** Runs from the register file until something above happens. */
  run(): Trap;
  /** Guest code in this range was changed, remapped or lost its execute permission. */
  codeChanged(address: number, length: number): void;
  /** From now on faults must find exact registers (the process has a handler for a synchronous signal). */
  requirePreciseFaults(): void;
  /** The code of a `fork` child: as this one, over another memory. */
  forkOver(memory: GuestMemory, hooks: ExecutorHooks): Executor;
  dispose(): void;
}

export interface Engine {
  readonly name: 'translator' | 'interpreter';
  create(memory: GuestMemory, backend: MemoryBackend, hooks: ExecutorHooks): Executor;
}

export interface Platform {
  readonly memory: MemoryBackend;
  readonly engine: Engine;
}
