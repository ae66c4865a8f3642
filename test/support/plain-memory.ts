/** A guest memory for tests of engines: one plain wasm memory, nothing shared, nothing protected by the host. */

import { ADDRESS_LIMIT, type Backing, type GuestMemory, type MemoryBackend } from '../../src/kernel/platform.ts';

const PAGE = 4096;

class PlainMemory implements GuestMemory {
  readonly wasm: WebAssembly.Memory;
  readonly permissions: WebAssembly.Memory;
  engineSlot: unknown;
  #bytes: Uint8Array;
  #view: DataView;
  readonly #perm: Uint8Array;

  constructor() {
    this.wasm = new WebAssembly.Memory({ initial: 1n, maximum: 262144n, address: 'i64' } as unknown as WebAssembly.MemoryDescriptor);
    this.permissions = new WebAssembly.Memory({ initial: 64, maximum: 64 });
    this.#perm = new Uint8Array(this.permissions.buffer);
    this.#bytes = new Uint8Array(this.wasm.buffer);
    this.#view = new DataView(this.wasm.buffer);
  }

  get bytes(): Uint8Array {
    return this.#bytes;
  }

  get view(): DataView {
    return this.#view;
  }

  mapAnonymous(address: number, length: number, prot: number): void {
    const end = address + length;
    if (end > ADDRESS_LIMIT) throw new RangeError('beyond the address space');
    if (end > this.#bytes.length) {
      const pages = Math.ceil((end - this.#bytes.length) / 65536);
      (this.wasm as unknown as { grow(by: bigint): bigint }).grow(BigInt(pages));
      this.#bytes = new Uint8Array(this.wasm.buffer);
      this.#view = new DataView(this.wasm.buffer);
    }
    this.#bytes.fill(0, address, end);
    this.protect(address, length, prot);
  }

  mapBacking(address: number, length: number, prot: number, backing: Backing, offset: number): void {
    this.mapAnonymous(address, length, prot);
    this.#bytes.set(backing.bytes.subarray(offset, offset + length), address);
  }

  protect(address: number, length: number, prot: number): void {
    for (let page = address / PAGE; page < (address + length) / PAGE; page++) this.#perm[page] = prot | 0x80;
  }

  unmap(address: number, length: number): void {
    for (let page = address / PAGE; page < (address + length) / PAGE; page++) this.#perm[page] = 0;
  }

  origin(): undefined {
    return undefined;
  }

  isAliased(): boolean {
    return false;
  }

  permissionsAt(address: number): number {
    const entry = this.#perm[Math.floor(address / PAGE)] ?? 0;
    return entry === 0 ? -1 : entry & 7;
  }

  discard(address: number, length: number): void {
    this.#bytes.fill(0, address, address + length);
  }

  fork(): GuestMemory {
    const child = new PlainMemory();
    child.mapAnonymous(0, this.#bytes.length, 0);
    child.#bytes.set(this.#bytes);
    child.#perm.set(this.#perm);
    return child;
  }

  enter(): void {}
  leave(): void {}

  residentBytes(): number {
    return this.#bytes.length;
  }

  dispose(): void {}
}

export const plainBackend = (protects: boolean): MemoryBackend => ({
  name: 'copy',
  protects,
  create: () => new PlainMemory(),
  createBacking: () => {
    throw new Error('no backings here');
  },
  trim: () => {},
});
