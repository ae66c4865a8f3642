/**
 * Translations made when an image was built, as they lie in it: one file, with a module for each ELF file.
 *
 *     magic "CLOISTERCODE5\0\0\0", u32 paths, u32 modules
 *     paths × (f64 base, u32 length, path)                   where the kernel maps each position-independent file
 *     modules × (f64 offset, f64 length)                     padded to 8 before
 *     module: u32 ranges, u32 units, u32 innerPlaces, u32 faults, u32 wasm bytes, u32 recovers, SHA-256 of the source bytes,
 *             ranges × (f64 start, f64 length), units × f64 pc (ascending), innerPlaces × (f64 address, f64 root, f64 number),
 *             faults × f64 pc, faults × u32 offset, wasm     padded to 8 at the end
 *
 * The image is verified before it is read, so a malformed store is a bug and not an attack; still every length is
 * checked. Little-endian.
 */

import { assert } from '../base/assert.ts';
import { bytesOf, byteString } from '../base/bytes.ts';
import { sha256Hasher } from '../crypto/index.ts';
import type { CompiledModule, FaultMap, SourceRange } from './unit.ts';

const MAGIC = 'CLOISTERCODE5\0\0\0';
const DIGEST = 32;
/** Bytes of a module's fixed head. */
const HEAD = 24 + DIGEST;
/** Units of one getter: see `getterName`. */
export const GETTER_UNITS = 128;

/** The exported function `(index in the getter) → function of the unit`; exporting each unit would make instances slow to create. */
export const getterName = (index: number): string => `g${Math.floor(index / GETTER_UNITS)}`;

/** A module as it is made. */
export interface MadeModule {
  readonly source: readonly SourceRange[];
  readonly sourceDigest: Uint8Array;
  /** Ascending. */
  readonly units: readonly number[];
  readonly faults: FaultMap;
  readonly innerPlaces: CompiledModule['innerPlaces'];
  /** With checkpoints, for processes that handle faults. */
  readonly recovers: boolean;
  readonly wasm: Uint8Array;
}

const pad8 = (at: number): number => (at + 7) & ~7;

export function sourceDigest(source: readonly SourceRange[], memory: (start: number, length: number) => Uint8Array): Uint8Array {
  const hasher = sha256Hasher();
  for (const { start, length } of source) hasher.update(memory(start, length));
  return new Uint8Array(hasher.digest());
}

export function encodeModule({ source, sourceDigest: digest, units, faults, innerPlaces, recovers, wasm }: MadeModule): Uint8Array {
  const floats = source.length * 2 + units.length + innerPlaces.length * 3 + faults.pcs.length;
  const wasmAt = HEAD + floats * 8 + faults.offsets.length * 4;
  const out = new Uint8Array(pad8(wasmAt + wasm.length));
  const data = new DataView(out.buffer);
  [source.length, units.length, innerPlaces.length, faults.pcs.length, wasm.length, recovers ? 1 : 0].forEach((value, index) => data.setUint32(index * 4, value, true));
  out.set(digest, 24);
  let at = HEAD;
  const float = (value: number): void => {
    data.setFloat64(at, value, true);
    at += 8;
  };
  for (const { start, length } of source) {
    float(start);
    float(length);
  }
  units.forEach(float);
  for (const { at: place, root, number } of innerPlaces) {
    float(place);
    float(root);
    float(number);
  }
  faults.pcs.forEach(float);
  faults.offsets.forEach((offset, index) => data.setUint32(at + index * 4, offset, true));
  out.set(wasm, wasmAt);
  return out;
}

/** `modules`: as `encodeModule` gives them. `prelink`: base address of each file, by path. The same input gives the same bytes. */
export function encodeStore(modules: readonly Uint8Array[], prelink: ReadonlyMap<string, number>): Uint8Array {
  const paths = [...prelink].sort(([a], [b]) => (a < b ? -1 : 1));
  const indexAt = pad8(24 + paths.reduce((sum, [path]) => sum + 12 + path.length, 0));
  const modulesAt = indexAt + modules.length * 16;
  const out = new Uint8Array(modules.reduce((sum, { length }) => sum + length, modulesAt));
  const data = new DataView(out.buffer);
  out.set(bytesOf(MAGIC));
  data.setUint32(16, paths.length, true);
  data.setUint32(20, modules.length, true);
  let at = 24;
  for (const [path, base] of paths) {
    data.setFloat64(at, base, true);
    data.setUint32(at + 8, path.length, true);
    out.set(bytesOf(path), at + 12);
    at += 12 + path.length;
  }
  at = modulesAt;
  modules.forEach((module, index) => {
    data.setFloat64(indexAt + index * 16, at, true);
    data.setFloat64(indexAt + index * 16 + 8, module.length, true);
    out.set(module, at);
    at += module.length;
  });
  return out;
}

/** Fills `into` from an offset of the store; returns how many bytes there were. */
export type ReadStore = (offset: number, into: Uint8Array) => number;

export class CodeStore {
  readonly prelink: ReadonlyMap<string, number>;
  readonly #modules: readonly StoredModule[];

  /** Reads the head and the index. Throws AssertionFailure when it is no store. */
  constructor(read: ReadStore, size: number) {
    const bytes = (offset: number, length: number): Uint8Array => {
      const out = new Uint8Array(length);
      assert(offset + length <= size && read(offset, out) === length, 'the code store is cut off');
      return out;
    };
    const head = bytes(0, 24);
    const data = new DataView(head.buffer);
    assert(byteString(head.subarray(0, 16)) === MAGIC, 'the image has no store of translated code where one is named');
    const paths = data.getUint32(16, true);
    const modules = data.getUint32(20, true);
    const prelink = new Map<string, number>();
    let at = 24;
    for (let index = 0; index < paths; index++) {
      const entry = new DataView(bytes(at, 12).buffer);
      const length = entry.getUint32(8, true);
      prelink.set(byteString(bytes(at + 12, length)), entry.getFloat64(0, true));
      at += 12 + length;
    }
    this.prelink = prelink;
    const index = new Float64Array(bytes(pad8(at), modules * 16).buffer);
    this.#modules = Array.from(
      { length: modules },
      (_, each) =>
        new StoredModule((offset, length) => {
          assert(offset + length <= index[each * 2 + 1], 'a module of the code store is cut off');
          return bytes(index[each * 2] + offset, length);
        }),
    );
  }

  /**
   * The modules with a unit at a pc: one for each program that has code there. With checkpoints they serve those that need
   * none as well, where there is nothing better.
   */
  *find(pc: number, recovers: boolean): Generator<CompiledModule> {
    for (const kind of recovers ? [true] : [false, true]) {
      for (const module of this.#modules) if (module.recovers === kind && module.has(pc)) yield module;
    }
  }

  /** Whether a pc lies in a file that code was made of. */
  holds(pc: number): boolean {
    return this.#modules.some(({ source }) => source.some(({ start, length }) => pc >= start && pc < start + length));
  }
}

/** Reads what is asked for when it is asked for: most programs of an image never run. */
class StoredModule implements CompiledModule {
  readonly looks = false;
  readonly resumesOthers = false;
  readonly recovers: boolean;
  readonly source: readonly SourceRange[];
  origin: CompiledModule['origin'];
  readonly #bytes: (offset: number, length: number) => Uint8Array;
  readonly #counts: Uint32Array;
  readonly #digest: Uint8Array;
  #units: Float64Array | undefined;
  #module: WebAssembly.Module | undefined;

  constructor(bytes: (offset: number, length: number) => Uint8Array) {
    this.#bytes = bytes;
    const head = bytes(0, HEAD);
    this.#counts = new Uint32Array(head.buffer, 0, 5);
    this.recovers = new DataView(head.buffer).getUint32(20, true) === 1;
    this.#digest = head.subarray(24);
    const ranges = this.#floats(0, this.#counts[0] * 2);
    this.source = Array.from({ length: this.#counts[0] }, (_, index) => ({ start: ranges[index * 2], length: ranges[index * 2 + 1] }));
  }

  #floats(from: number, count: number): Float64Array {
    return new Float64Array(this.#bytes(HEAD + from * 8, count * 8).buffer);
  }

  get units(): Float64Array {
    this.#units ??= this.#floats(this.#counts[0] * 2, this.#counts[1]);
    return this.#units;
  }

  get root(): number {
    return this.units[0];
  }

  get innerPlaces(): CompiledModule['innerPlaces'] {
    const [ranges, units, innerPlaces] = this.#counts;
    const floats = this.#floats(ranges * 2 + units, innerPlaces * 3);
    return Array.from({ length: innerPlaces }, (_, index) => ({ at: floats[index * 3], root: floats[index * 3 + 1], number: floats[index * 3 + 2] }));
  }

  /** Asked for when a program has faulted. */
  get faults(): FaultMap {
    const [ranges, units, innerPlaces, faults] = this.#counts;
    const at = ranges * 2 + units + innerPlaces * 3;
    return { pcs: this.#floats(at, faults), offsets: new Uint32Array(this.#bytes(HEAD + (at + faults) * 8, faults * 4).buffer) };
  }

  get module(): WebAssembly.Module {
    if (this.#module === undefined) {
      const [ranges, units, innerPlaces, faults, length] = this.#counts;
      this.#module = new WebAssembly.Module(this.#bytes(HEAD + (ranges * 2 + units + innerPlaces * 3 + faults) * 8 + faults * 4, length) as BufferSource);
    }
    return this.#module;
  }

  matches(guest: Uint8Array): boolean {
    return sourceDigest(this.source, (start, length) => guest.subarray(start, start + length)).every((byte, index) => byte === this.#digest[index]);
  }

  /** The index of the unit at a pc, -1 where there is none. */
  indexOf(pc: number): number {
    if (!this.source.some(({ start, length }) => pc >= start && pc < start + length)) return -1;
    const { units } = this;
    let low = 0;
    let high = units.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (units[middle] < pc) low = middle + 1;
      else high = middle;
    }
    return units[low] === pc ? low : -1;
  }

  has(pc: number): boolean {
    return this.indexOf(pc) >= 0;
  }

  entry(exports: WebAssembly.Exports, pc: number): WebAssembly.ExportValue | undefined {
    const index = this.indexOf(pc);
    return index < 0 ? undefined : (exports[getterName(index)] as (index: number) => WebAssembly.ExportValue)(index % GETTER_UNITS);
  }
}
