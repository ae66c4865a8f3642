/** Every pure operation against the host's WebAssembly, on edge-weighted random operands. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Op, OPS, type Type } from '../ops/index.ts';
import { FunctionBody, ModuleBuilder } from '../wasm/index.ts';
import { operation } from './evaluate.ts';
import { extractLane, replaceLane } from './vector.ts';
import type { Datum } from './scalar.ts';

const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
let state = seed;
function random(): number {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return (t ^ (t >>> 14)) >>> 0;
}

const EDGES32 = [0, 1, -1, 0x7fffffff, -0x80000000, 0x7f800000, 0xff800000, 0x7fc00000, 0x7f800001, 0x3f800000, 0x4f000000, 0xcf000000, 0x3f000000, 0x80, 0xff, 0x8000, 0x00800000];
const EDGES64 = [
  0n,
  1n,
  2n ** 63n,
  2n ** 64n - 1n,
  2n ** 63n - 1n,
  0x7ff0000000000000n,
  0xfff0000000000000n,
  0x7ff8000000000000n,
  0x7ff0000000000001n,
  0x3ff0000000000000n,
  0x41e0000000000000n,
  0x43e0000000000000n,
  0xc3e0000000000000n,
  0x3fe0000000000000n,
  0x8000000000000001n,
];
const pick = <T>(from: readonly T[]): T => from[random() % from.length];
const word = (): number => (random() % 3 === 0 ? pick(EDGES32) : random()) | 0;
const long = (): bigint => (random() % 3 === 0 ? pick(EDGES64) : BigInt.asUintN(64, (BigInt(random()) << 32n) | BigInt(random())));
function vector(): Uint8Array {
  const view = new DataView(new ArrayBuffer(16));
  if (random() & 1) for (let at = 0; at < 4; at++) view.setInt32(at * 4, word());
  else for (let at = 0; at < 2; at++) view.setBigUint64(at * 8, long());
  return new Uint8Array(view.buffer).reverse();
}
const operand = (type: Type): Datum => (type === 'v128' ? vector() : type === 'i64' || type === 'f64' ? long() : word());

const LOAD: Record<Type, Op> = { i32: 'i32.load', i64: 'i64.load', f32: 'f32.load', f64: 'f64.load', v128: 'v128.load' };
const STORE: Record<Type, Op> = { i32: 'i32.store', i64: 'i64.store', f32: 'f32.store', f64: 'f64.store', v128: 'v128.store' };

const NAN = /\.(min|max|add|sub|mul|div|sqrt|ceil|floor|trunc|nearest|promote_|demote_)/;
const isFloat = (op: string): 0 | 4 | 8 => (NAN.test(op) && op.startsWith('f') ? (op.startsWith('f32') ? 4 : 8) : 0);

function bytesOf(type: Type, value: Datum): Uint8Array {
  const out = new Uint8Array(16);
  if (value instanceof Uint8Array) out.set(value);
  else if (typeof value === 'bigint') new DataView(out.buffer).setBigUint64(0, BigInt.asUintN(64, value), true);
  else new DataView(out.buffer).setInt32(0, value, true);
  return type === 'v128' ? out : out.slice(0, type === 'i64' || type === 'f64' ? 8 : 4);
}

/** Any NaN equals any NaN: wasm leaves the payload open where x86 does not. */
function canonical(bytes: Uint8Array, width: 0 | 4 | 8): string {
  const copy = bytes.slice();
  const view = new DataView(copy.buffer);
  if (width === 4)
    for (let at = 0; at < copy.length; at += 4) {
      if (Number.isNaN(view.getFloat32(at, true))) view.setUint32(at, 0x7fc00000, true);
    }
  if (width === 8)
    for (let at = 0; at < copy.length; at += 8) {
      if (Number.isNaN(view.getFloat64(at, true))) view.setBigUint64(at, 0x7ff8n << 48n, true);
    }
  return Buffer.from(copy).toString('hex');
}

test(`operations agree with the host's WebAssembly (SEED=${seed})`, () => {
  const ops = (Object.keys(OPS) as Op[]).filter((op) => OPS[op].kind === 'pure' || OPS[op].kind === 'lane');
  assert.ok(ops.length > 300);
  const m = new ModuleBuilder();
  m.importMemory('e', 'm', { initial: 1, wide: true });
  const type = m.type([], []);
  ops.forEach((op, index) => {
    const info = OPS[op];
    const b = new FunctionBody(0);
    b.i64n(64);
    info.params.forEach((param, at) => {
      b.i64n(at * 16);
      b.memory(LOAD[param], 0);
    });
    if (info.kind === 'lane') b.lane(op, 1);
    else b.op(op);
    b.memory(STORE[info.result as Type], 0);
    m.exportFunction(String(index), m.function(type, b));
  });
  const memory = new WebAssembly.Memory({ initial: 1n, address: 'i64' } as unknown as WebAssembly.MemoryDescriptor);
  const bytes = new Uint8Array(memory.buffer);
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(m.finish().bytes as BufferSource), { e: { m: memory } });
  ops.forEach((op, index) => {
    const info = OPS[op];
    for (let round = 0; round < 60; round++) {
      const operands = info.params.map(operand);
      operands.forEach((value, at) => bytes.set(bytesOf(info.params[at], value), at * 16));
      let expected: string;
      const result = info.result as Type;
      const width = isFloat(op);
      try {
        (exports[String(index)] as () => void)();
        expected = canonical(bytes.slice(64, 64 + bytesOf(result, result === 'v128' ? new Uint8Array(16) : 0).length), width);
      } catch {
        assert.ok(info.traps);
        continue;
      }
      const value =
        info.kind === 'pure'
          ? operation(op)(operands[0] as never, operands[1] as never, operands[2] as never)
          : operands.length === 1
            ? extractLane(op, 1, operands[0] as Uint8Array)
            : replaceLane(op, 1, operands[0] as Uint8Array, operands[1] as number | bigint);
      assert.equal(canonical(bytesOf(result, value), width), expected, `${op} of ${operands.map((x, at) => Buffer.from(bytesOf(info.params[at], x)).toString('hex')).join(' ')}`);
    }
  });
});
