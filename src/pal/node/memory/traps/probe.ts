/**
 * Run in a process of its own by `traps.test.ts`, under the compiler tier that its flags choose: every memory
 * instruction there is against pages that forbid it. Without an argument it prints one line per instruction
 * that did not trap as it should; with `copy`, `fill` or `atomic` it does what is known to kill the process.
 */

import { PAGE_SIZE, PROT_NONE, PROT_READ, PROT_WRITE } from '../../../../kernel/platform.ts';
import { OPS, type Op, type Type } from '../../../../ops/index.ts';
import { FunctionBody, ModuleBuilder } from '../../../../wasm/index.ts';
import { openMemoryBackend } from '../index.ts';

const MEMORY_OPS = (Object.keys(OPS) as Op[]).filter((op) => ['load', 'store', 'loadLane', 'storeLane'].includes(OPS[op].kind));
const OFFSETS = [0, 24, 0x1_2345, 0x2_0000_0000];

function constant(b: FunctionBody, type: Type): void {
  if (type === 'i32') b.i32(0x5a5a5a5a);
  else if (type === 'i64') b.i64(0x5a5a5a5a5a5a5a5an);
  else if (type === 'f32') b.f32(1.5);
  else if (type === 'f64') b.f64(1.5);
  else b.v128(new Uint8Array(16).fill(0x5a));
}

/** Leaves an i32 that depends on the value, so that no load is dead. */
function reduce(b: FunctionBody, type: Type | undefined): void {
  if (type === undefined) b.i32(0);
  else if (type === 'i64') b.op('i32.wrap_i64');
  else if (type === 'f32') b.op('i32.reinterpret_f32');
  else if (type === 'f64') {
    b.op('i64.reinterpret_f64');
    b.op('i32.wrap_i64');
  } else if (type === 'v128') b.lane('i32x4.extract_lane', 0);
}

function moduleOf(): Uint8Array<ArrayBuffer> {
  const m = new ModuleBuilder();
  const type = m.type(['i64'], ['i32']);
  m.importMemory('e', 'guest', { initial: 1, maximum: 262144, wide: true });
  for (const op of MEMORY_OPS) {
    for (const offset of OFFSETS) {
      const info = OPS[op];
      const b = new FunctionBody(1);
      b.localGet(0);
      for (const param of info.params.slice(1)) constant(b, param);
      b.memory(op, offset);
      if (info.kind === 'loadLane' || info.kind === 'storeLane') b.out.u8(0);
      reduce(b, info.result);
      m.exportFunction(`${op}+${offset}`, m.function(type, b));
    }
  }
  const toVoid = m.type(['i64'], []);
  const bulk = (name: string, write: (b: FunctionBody) => void): void => {
    const b = new FunctionBody(1);
    write(b);
    m.exportFunction(name, m.function(toVoid, b));
  };
  bulk('copy', (b) => {
    b.i64n(0x40_0000);
    b.localGet(0);
    b.i64n(64);
    b.memoryCopy();
  });
  bulk('fill', (b) => {
    b.localGet(0);
    b.i32(1);
    b.i64n(64);
    b.memoryFill();
  });
  // i32.atomic.rmw.add, alignment 4.
  bulk('atomic', (b) => {
    b.localGet(0);
    b.i32(1);
    for (const byte of [0xfe, 0x1e, 2, 0]) b.out.u8(byte);
    b.drop();
  });
  return m.finish().bytes as Uint8Array<ArrayBuffer>;
}

const backend = openMemoryBackend('ffi');
const memory = backend.create('traps');
const RW = 0x40_0000;
const READ_ONLY = 0x50_0000;
const NONE = 0x60_0000;
memory.mapAnonymous(RW, PAGE_SIZE, PROT_READ | PROT_WRITE);
memory.mapAnonymous(RW + PAGE_SIZE, PAGE_SIZE, PROT_NONE);
memory.mapAnonymous(READ_ONLY, 2 * PAGE_SIZE, PROT_READ);
memory.mapAnonymous(NONE, 2 * PAGE_SIZE, PROT_NONE);
// Growing must leave the protections alone.
memory.mapAnonymous(0x3000_0000, PAGE_SIZE, PROT_READ | PROT_WRITE);
memory.enter();

const { exports } = new WebAssembly.Instance(new WebAssembly.Module(moduleOf()), { e: { guest: memory.wasm } });
const call = (name: string, address: number | bigint): 'ok' | 'trap' => {
  try {
    (exports[name] as (address: bigint) => number)(BigInt.asIntN(64, BigInt(address)));
    return 'ok';
  } catch (error) {
    if (error instanceof WebAssembly.RuntimeError) return 'trap';
    throw error;
  }
};

const fatal = process.argv[2];
if (fatal !== undefined) {
  call(fatal, NONE);
  console.log('survived');
  process.exit(0);
}

let tried = 0;
const expect = (name: string, what: string, address: number | bigint, wanted: 'ok' | 'trap'): void => {
  tried++;
  const got = call(name, address);
  if (got !== wanted) console.log(`${name} at ${what}: ${got} instead of ${wanted}`);
};

for (const op of MEMORY_OPS) {
  const { kind, width } = OPS[op];
  const writes = kind === 'store' || kind === 'storeLane';
  for (const offset of OFFSETS) {
    const name = `${op}+${offset}`;
    const at = (address: number): bigint => BigInt(address - offset);
    if (offset <= RW) {
      expect(name, 'a mapped page', at(RW + 64), 'ok');
      expect(name, 'a read-only page', at(READ_ONLY + 64), writes ? 'trap' : 'ok');
      expect(name, 'the end of a read-only mapping', at(READ_ONLY + 2 * PAGE_SIZE - width), writes ? 'trap' : 'ok');
      expect(name, 'behind a read-only mapping', at(READ_ONLY + 2 * PAGE_SIZE - width + 1), 'trap');
      expect(name, 'a PROT_NONE page', at(NONE + 8), 'trap');
      if (width > 1) {
        memory.bytes.fill(0x11, RW + PAGE_SIZE - 16, RW + PAGE_SIZE);
        expect(name, 'a page boundary', at(RW + PAGE_SIZE - 1), 'trap');
        if (memory.bytes[RW + PAGE_SIZE - 1] !== 0x11) console.log(`${name}: half a store was done`);
      }
      expect(name, 'an unmapped page', at(0x70_0000), 'trap');
      expect(name, 'above everything mapped', at(memory.bytes.length + 0x1000), 'trap');
      expect(name, 'below 768 MiB', at(0x2fff_f000), 'trap');
    }
    if (offset === 0) for (const address of [0, 1, 8, PAGE_SIZE - 1]) expect(name, `null + ${address}`, address, 'trap');
    if (offset > 0x1_0000_0000) expect(name, '8 GiB + 16', 0x10, 'trap');
    else if (offset < PAGE_SIZE) expect(name, 'the null page', 0x10, 'trap');
    for (const back of [1, 2, 4, 8, 15, 16, 4096, 65536]) expect(name, `16 GiB - ${back}`, BigInt(0x4_0000_0000 - back) - BigInt(offset), 'trap');
    for (const address of [0x4_0000_0000n, 0x4_0000_1000n, 0x8_0000_0000n, 1n << 40n, 0x7fff_ffff_f000n, 1n << 47n, 1n << 62n, 1n << 63n, -1n, -8n, -4096n, -(1n << 32n)])
      expect(name, `0x${BigInt.asUintN(64, address).toString(16)}`, address, 'trap');
  }
}
console.log(`tried ${tried}`);
