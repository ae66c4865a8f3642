/** Constant folding and identities, on the operations that lifting makes often. */

import { OPS, type Op, type Type } from '../ops/index.ts';
import { Node } from './values.ts';

export function constI32(value: number): Node {
  return new Node('const', 'i32', undefined, undefined, undefined, value | 0, undefined);
}

export function constI64(value: bigint): Node {
  return new Node('const', 'i64', undefined, undefined, undefined, 0, BigInt.asIntN(64, value));
}

/** An upper bound for the bits of an i32 that may be set. */
export function knownBits(node: Node): number {
  switch (node.op) {
    case 'const':
      return node.imm < 0 ? 32 : 32 - Math.clz32(node.imm);
    case 'i32.load8_u':
      return 8;
    case 'i32.load16_u':
      return 16;
    case 'i32.and':
      return Math.min(knownBits(node.a as Node), knownBits(node.b as Node));
    case 'i32.or':
    case 'i32.xor':
      return Math.max(knownBits(node.a as Node), knownBits(node.b as Node));
    case 'i32.shr_u':
      return (node.b as Node).op === 'const' ? Math.max(0, knownBits(node.a as Node) - ((node.b as Node).imm & 31)) : 32;
    case 'select':
      return Math.max(knownBits(node.a as Node), knownBits(node.b as Node));
    default:
      return OPS[node.op as Op]?.result === 'i32' && COMPARES.test(node.op) ? 1 : 32;
  }
}

const COMPARES = /\.(eqz|eq|ne|lt|gt|le|ge|any_true|all_true)(_[su])?$/;

type Fold2 = (x: number, y: number) => number;
const I32: Partial<Record<Op, Fold2>> = {
  'i32.add': (x, y) => x + y,
  'i32.sub': (x, y) => x - y,
  'i32.mul': Math.imul,
  'i32.and': (x, y) => x & y,
  'i32.or': (x, y) => x | y,
  'i32.xor': (x, y) => x ^ y,
  'i32.shl': (x, y) => x << y,
  'i32.shr_u': (x, y) => x >>> y,
  'i32.shr_s': (x, y) => x >> y,
  'i32.eq': (x, y) => +(x === y),
  'i32.ne': (x, y) => +(x !== y),
  'i32.lt_s': (x, y) => +(x < y),
  'i32.lt_u': (x, y) => +(x >>> 0 < y >>> 0),
  'i32.gt_s': (x, y) => +(x > y),
  'i32.gt_u': (x, y) => +(x >>> 0 > y >>> 0),
  'i32.le_s': (x, y) => +(x <= y),
  'i32.le_u': (x, y) => +(x >>> 0 <= y >>> 0),
  'i32.ge_s': (x, y) => +(x >= y),
  'i32.ge_u': (x, y) => +(x >>> 0 >= y >>> 0),
};
const I64: Partial<Record<Op, (x: bigint, y: bigint) => bigint>> = {
  'i64.add': (x, y) => x + y,
  'i64.sub': (x, y) => x - y,
  'i64.mul': (x, y) => x * y,
  'i64.and': (x, y) => x & y,
  'i64.or': (x, y) => x | y,
  'i64.xor': (x, y) => x ^ y,
  'i64.shl': (x, y) => x << (y & 63n),
  'i64.shr_u': (x, y) => BigInt.asUintN(64, x) >> (y & 63n),
  'i64.shr_s': (x, y) => x >> (y & 63n),
};
/** x op 0 = x. */
const ZERO_RIGHT = new Set<Op>(['i32.add', 'i32.sub', 'i32.or', 'i32.xor', 'i32.shl', 'i32.shr_u', 'i32.shr_s', 'i64.add', 'i64.sub', 'i64.or', 'i64.xor', 'i64.shl', 'i64.shr_u', 'i64.shr_s']);
const COMMUTES = new Set<Op>(['i32.add', 'i32.and', 'i32.or', 'i32.xor', 'i32.mul', 'i64.add', 'i64.and', 'i64.or', 'i64.xor', 'i64.mul']);
const SAME_IS_ZERO = new Set<Op>(['i32.sub', 'i32.xor', 'i64.sub', 'i64.xor']);

/** The node that the operation amounts to, or a new one for it. */
export function makeOp(op: Op, first: Node, second: Node | undefined, third: Node | undefined): Node {
  let a = first;
  let b = second;
  if (b !== undefined) {
    if (a.op === 'const' && b.op !== 'const' && COMMUTES.has(op)) [a, b] = [b, a];
    if (b.op === 'const') {
      const folded = b.type === 'i64' ? foldI64(op, a, b) : b.type === 'i32' ? foldI32(op, a, b) : undefined;
      if (folded !== undefined) return folded;
    }
    if (a === b && SAME_IS_ZERO.has(op)) return a.type === 'i64' ? constI64(0n) : constI32(0);
  } else {
    const folded = foldUnary(op, a);
    if (folded !== undefined) return folded;
  }
  return plainOp(op, a, b, third);
}

export function plainOp(op: Op, a: Node, b: Node | undefined, c: Node | undefined): Node {
  return new Node(op, OPS[op].result as Type, a, b, c, 0, undefined);
}

/** The comparison that holds exactly when the other does not; orderings of floats have none, for NaN. */
const INVERSE: Partial<Record<Op, Op>> = {};
for (const type of ['i32', 'i64'] as const) {
  for (const [x, y] of [
    ['eq', 'ne'],
    ['lt_s', 'ge_s'],
    ['lt_u', 'ge_u'],
    ['gt_s', 'le_s'],
    ['gt_u', 'le_u'],
  ] as const) {
    INVERSE[`${type}.${x}`] = `${type}.${y}`;
    INVERSE[`${type}.${y}`] = `${type}.${x}`;
  }
}

/** One operation for `eqz` of a comparison. */
function negated(test: Node): Node | undefined {
  const inverse = INVERSE[test.op as Op];
  if (inverse !== undefined) return new Node(inverse, 'i32', test.a, test.b, undefined, 0, undefined);
  if (test.op === 'i32.eqz') return new Node('i32.ne', 'i32', test.a, constI32(0), undefined, 0, undefined);
  if (test.op === 'i64.eqz') return new Node('i64.ne', 'i32', test.a, constI64(0n), undefined, 0, undefined);
  return undefined;
}

/** A write to a part of a register: `(kept & keptMask) | placed`, where `placed` has no bits outside of `placedMask`. */
function mergedParts(node: Node): { readonly kept: Node; readonly keptMask: bigint; readonly placed: Node; readonly placedMask: bigint } | undefined {
  if (node.op !== 'i64.or') return undefined;
  const masked = node.a as Node;
  const placed = node.b as Node;
  if (masked.op !== 'i64.and' || (masked.b as Node).op !== 'const') return undefined;
  let inner = placed;
  let shift = 0n;
  if (placed.op === 'i64.shl' && (placed.b as Node).op === 'const') {
    inner = placed.a as Node;
    shift = (placed.b as Node).wide as bigint;
  }
  if (inner.op !== 'i64.extend_i32_u') return undefined;
  const placedMask = ((1n << BigInt(knownBits(inner.a as Node))) - 1n) << shift;
  return { kept: masked.a as Node, keptMask: (masked.b as Node).wide as bigint, placed, placedMask };
}

function foldUnary(op: Op, a: Node): Node | undefined {
  switch (op) {
    case 'i32.wrap_i64':
      if (a.op === 'i64.extend_i32_u' || a.op === 'i64.extend_i32_s') return a.a;
      if (a.op === 'const') return constI32(Number(BigInt.asIntN(32, a.wide as bigint)));
      return undefined;
    case 'i64.extend_i32_u':
      return a.op === 'const' ? constI64(BigInt(a.imm >>> 0)) : undefined;
    case 'i64.extend_i32_s':
      return a.op === 'const' ? constI64(BigInt(a.imm)) : undefined;
    case 'i32.eqz':
      return a.op === 'const' ? constI32(a.imm === 0 ? 1 : 0) : negated(a);
    case 'i64.eqz':
      return a.op === 'const' ? constI32(a.wide === 0n ? 1 : 0) : undefined;
    default:
      return undefined;
  }
}

function foldI32(op: Op, a: Node, b: Node): Node | undefined {
  if (b.imm === 0 && ZERO_RIGHT.has(op)) return a;
  if (a.op === 'const' && a.type === 'i32') {
    const fold = I32[op];
    return fold === undefined ? undefined : constI32(fold(a.imm, b.imm));
  }
  if (op === 'i32.and') {
    if (b.imm === -1) return a;
    const bits = knownBits(a);
    if (b.imm >= 0 && (b.imm & (b.imm + 1)) === 0 && bits <= 32 - Math.clz32(b.imm)) return a;
    if (a.op === 'i32.and' && (a.b as Node).op === 'const') return makeOp('i32.and', a.a as Node, constI32((a.b as Node).imm & b.imm), undefined);
    // A part of a register that was just written: what is around it does not matter.
    const merged = a.op === 'i32.wrap_i64' ? mergedParts(a.a as Node) : undefined;
    if (merged !== undefined && (merged.keptMask & BigInt(b.imm >>> 0)) === 0n) return makeOp('i32.and', makeOp('i32.wrap_i64', merged.placed, undefined, undefined), b, undefined);
  }
  if (b.imm === 0 && op === 'i32.eq') return new Node('i32.eqz', 'i32', a, undefined, undefined, 0, undefined);
  if (op === 'i32.add' && a.op === 'i32.add' && (a.b as Node).op === 'const') return makeOp('i32.add', a.a as Node, constI32((a.b as Node).imm + b.imm), undefined);
  return undefined;
}

function foldI64(op: Op, a: Node, b: Node): Node | undefined {
  const value = b.wide as bigint;
  if (value === 0n && ZERO_RIGHT.has(op)) return a;
  if (a.op === 'const' && a.type === 'i64') {
    const fold = I64[op];
    return fold === undefined ? undefined : constI64(fold(a.wide as bigint, value));
  }
  if (value === 0n && op === 'i64.eq') return new Node('i64.eqz', 'i32', a, undefined, undefined, 0, undefined);
  if (op === 'i64.and') {
    if (a.op === 'i64.and' && (a.b as Node).op === 'const') return makeOp('i64.and', a.a as Node, constI64(((a.b as Node).wide as bigint) & value), undefined);
    const merged = mergedParts(a);
    if (merged !== undefined && (merged.placedMask & value) === 0n) return makeOp('i64.and', merged.kept, constI64(merged.keptMask & value), undefined);
    if (merged !== undefined && (merged.keptMask & value) === 0n && (merged.placedMask & ~value) === 0n) return merged.placed;
  }
  // Chains of constants: rsp − 8 − 8, and a sub becomes an add so that displacements meet.
  if (op === 'i64.sub') return makeOp('i64.add', a, constI64(-value), undefined);
  if (op === 'i64.add' && a.op === 'i64.add' && (a.b as Node).op === 'const') return makeOp('i64.add', a.a as Node, constI64(((a.b as Node).wide as bigint) + value), undefined);
  return undefined;
}
