/**
 * Translations made when an image was built, as they lie in it: one file, read unit by unit.
 *
 *     magic "CLOISTERCODE2\0\0\0", u32 files, u32 units
 *     files × (f64 base, u32 path bytes, path)        where the kernel maps each position-independent file
 *     units × f64 pc (ascending), units × f64 offset, units × u32 length      padded to 8 before
 *     units: u32 ranges, u32 faults, u32 dispatches, u32 0, dispatches × (f64 table, f64 number), ranges × (f64 start, u32 length, u32 0), source bytes,
 *            (padded to 8) faults × f64 pc, faults × u32 offset, wasm
 *
 * The image is verified before it is read, so a malformed store is a bug and not an attack; still every length is
 * checked. Little-endian.
 */

import { assert } from '../base/assert.ts';
import { bytesOf, byteString } from '../base/bytes.ts';
import type { CompiledModule, FaultMap, SourceRange } from './unit.ts';

const MAGIC = 'CLOISTERCODE2\0\0\0';

/** A unit as it is stored. */
export interface StoredUnit {
  readonly pc: number;
  readonly source: readonly SourceRange[];
  readonly faults: FaultMap;
  readonly dispatches: CompiledModule['dispatches'];
  readonly wasm: Uint8Array;
}

/** Bytes of a unit's fixed head. */
const HEAD = 16;

const pad8 = (at: number): number => (at + 7) & ~7;

function encodeUnit({ source, faults, dispatches, wasm }: StoredUnit): Uint8Array {
  const sourceBytes = source.reduce((sum, { bytes }) => sum + bytes.length, 0);
  const rangesAt = HEAD + dispatches.length * 16;
  const faultsAt = pad8(rangesAt + source.length * 16 + sourceBytes);
  const count = faults.pcs.length;
  const out = new Uint8Array(faultsAt + count * 12 + wasm.length);
  const data = new DataView(out.buffer);
  data.setUint32(0, source.length, true);
  data.setUint32(4, count, true);
  data.setUint32(8, dispatches.length, true);
  dispatches.forEach(({ table, number }, index) => {
    data.setFloat64(HEAD + index * 16, table, true);
    data.setFloat64(HEAD + 8 + index * 16, number, true);
  });
  let at = rangesAt + source.length * 16;
  source.forEach(({ start, bytes }, index) => {
    data.setFloat64(rangesAt + index * 16, start, true);
    data.setUint32(rangesAt + 8 + index * 16, bytes.length, true);
    out.set(bytes, at);
    at += bytes.length;
  });
  faults.pcs.forEach((pc, index) => data.setFloat64(faultsAt + index * 8, pc, true));
  faults.offsets.forEach((offset, index) => data.setUint32(faultsAt + count * 8 + index * 4, offset, true));
  out.set(wasm, faultsAt + count * 12);
  return out;
}

/** `prelink`: base address of each file, by path. The same input gives the same bytes. */
export function encodeStore(units: readonly StoredUnit[], prelink: ReadonlyMap<string, number>): Uint8Array {
  const sorted = [...units].sort((a, b) => a.pc - b.pc);
  const blobs = sorted.map(encodeUnit);
  const files = [...prelink].sort(([a], [b]) => (a < b ? -1 : 1));
  let at = 24;
  for (const [path] of files) at += 12 + path.length;
  const indexAt = pad8(at);
  const blobsAt = pad8(indexAt + sorted.length * 20);
  const out = new Uint8Array(blobs.reduce((sum, blob) => sum + pad8(blob.length), blobsAt));
  const data = new DataView(out.buffer);
  out.set(bytesOf(MAGIC));
  data.setUint32(16, files.length, true);
  data.setUint32(20, sorted.length, true);
  at = 24;
  for (const [path, base] of files) {
    data.setFloat64(at, base, true);
    data.setUint32(at + 8, path.length, true);
    out.set(bytesOf(path), at + 12);
    at += 12 + path.length;
  }
  let blobAt = blobsAt;
  sorted.forEach(({ pc }, index) => {
    data.setFloat64(indexAt + index * 8, pc, true);
    data.setFloat64(indexAt + sorted.length * 8 + index * 8, blobAt, true);
    data.setUint32(indexAt + sorted.length * 16 + index * 4, blobs[index].length, true);
    out.set(blobs[index], blobAt);
    blobAt += pad8(blobs[index].length);
  });
  return out;
}

/** Fills `into` from an offset of the store; returns how many bytes there were. */
export type ReadStore = (offset: number, into: Uint8Array) => number;

export class CodeStore {
  readonly prelink: ReadonlyMap<string, number>;
  readonly #read: ReadStore;
  readonly #pcs: Float64Array;
  readonly #offsets: Float64Array;
  readonly #lengths: Uint32Array;

  /** Reads the head and the index. Throws AssertionFailure when it is no store. */
  constructor(read: ReadStore, size: number) {
    this.#read = read;
    const head = this.#bytes(0, 24);
    const data = new DataView(head.buffer);
    assert(byteString(head.subarray(0, 16)) === MAGIC, 'the image has no store of translated code where one is named');
    const files = data.getUint32(16, true);
    const units = data.getUint32(20, true);
    const prelink = new Map<string, number>();
    let at = 24;
    for (let file = 0; file < files; file++) {
      const entry = new DataView(this.#bytes(at, 12).buffer);
      const length = entry.getUint32(8, true);
      assert(at + 12 + length <= size, 'a path of the code store is cut off');
      prelink.set(byteString(this.#bytes(at + 12, length)), entry.getFloat64(0, true));
      at += 12 + length;
    }
    this.prelink = prelink;
    const indexAt = pad8(at);
    assert(indexAt + units * 20 <= size, 'the index of the code store is cut off');
    const index = this.#bytes(indexAt, units * 20).buffer;
    this.#pcs = new Float64Array(index, 0, units);
    this.#offsets = new Float64Array(index, units * 8, units);
    this.#lengths = new Uint32Array(index, units * 16, units);
  }

  #bytes(offset: number, length: number): Uint8Array {
    const out = new Uint8Array(length);
    assert(this.#read(offset, out) === length, 'the code store is cut off');
    return out;
  }

  *all(): Generator<StoredUnit> {
    for (let index = 0; index < this.#pcs.length; index++) yield decodeUnit(this.#pcs[index], this.#bytes(this.#offsets[index], this.#lengths[index]));
  }

  /** The units stored for a pc: one for each program that has code there. */
  *find(pc: number): Generator<CompiledModule> {
    const pcs = this.#pcs;
    let low = 0;
    let high = pcs.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (pcs[middle] < pc) low = middle + 1;
      else high = middle;
    }
    for (; low < pcs.length && pcs[low] === pc; low++) yield decodeUnit(pc, this.#bytes(this.#offsets[low], this.#lengths[low]));
  }
}

/** Every unit of a store, to merge it into another. */
export function* storedUnits(store: Uint8Array): Generator<StoredUnit> {
  const read: ReadStore = (offset, into) => {
    const part = store.subarray(offset, offset + into.length);
    into.set(part);
    return part.length;
  };
  yield* new CodeStore(read, store.length).all();
}

/** The module is compiled when it is first used: candidates that do not match cost nothing. */
class StoredModule implements CompiledModule, StoredUnit {
  readonly looks = false;
  readonly pc: number;
  readonly root: number;
  readonly units: readonly number[];
  readonly source: readonly SourceRange[];
  readonly faults: FaultMap;
  readonly dispatches: CompiledModule['dispatches'];
  readonly wasm: Uint8Array;
  #module: WebAssembly.Module | undefined;

  constructor(pc: number, source: readonly SourceRange[], faults: FaultMap, dispatches: CompiledModule['dispatches'], wasm: Uint8Array) {
    this.pc = pc;
    this.root = pc;
    this.units = [pc];
    this.source = source;
    this.faults = faults;
    this.dispatches = dispatches;
    this.wasm = wasm;
  }

  get module(): WebAssembly.Module {
    this.#module ??= new WebAssembly.Module(this.wasm as BufferSource);
    return this.#module;
  }
}

function decodeUnit(pc: number, blob: Uint8Array): StoredModule {
  const data = new DataView(blob.buffer, blob.byteOffset, blob.length);
  const ranges = data.getUint32(0, true);
  const count = data.getUint32(4, true);
  const tables = data.getUint32(8, true);
  const rangesAt = HEAD + tables * 16;
  const dispatches = Array.from({ length: tables }, (_, index) => ({ root: pc, table: data.getFloat64(HEAD + index * 16, true), number: data.getFloat64(HEAD + 8 + index * 16, true) }));
  const source: SourceRange[] = [];
  let at = rangesAt + ranges * 16;
  for (let index = 0; index < ranges; index++) {
    const length = data.getUint32(rangesAt + 8 + index * 16, true);
    source.push({ start: data.getFloat64(rangesAt + index * 16, true), bytes: blob.subarray(at, at + length) });
    at += length;
  }
  at = pad8(at);
  assert(at + count * 12 <= blob.length, 'a unit of the code store is cut off');
  const pcs = new Float64Array(blob.buffer, blob.byteOffset + at, count);
  const offsets = new Uint32Array(blob.buffer, blob.byteOffset + at + count * 8, count);
  return new StoredModule(pc, source, { offsets, pcs }, dispatches, blob.subarray(at + count * 12));
}
