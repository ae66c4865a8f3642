/**
 * Recognises indirect jumps that compilers and hand-written routines make for `switch`, computed `goto` and copies by size:
 *
 *     target = load64(base + index * 8)
 *     target = origin + load32_signed(base + index * 4)      the origin is often the table itself
 *     target = origin + index * stride                       into code laid out in equal pieces
 *
 * All of it is a guess about what the guest will do: the code that is made from it compares the address that the
 * guest computed with the one expected, and takes the general way where they differ.
 */

import type { Node } from '../ir/index.ts';
import { Builder } from '../ir/index.ts';
import type { BasicBlock, CodeReader, JumpTable } from './discover.ts';

const MAX_ENTRIES = 1024;
/** Without a bounds check in sight, as many as a byte-code interpreter has. */
const MAX_UNBOUNDED = 256;
/** Offsets do not look like addresses: whatever follows a table seems to be more of it. */
const MAX_UNBOUNDED_RELATIVE = 16;
/** Where they count from code, several tables of one function may follow each other: more of them is right as well. */
const MAX_UNBOUNDED_FROM_CODE = 32;
const REACH = 0x20000;

/** Close enough to be part of the function; cold parts are not. */
export const isNear = (from: number, to: number): boolean => Math.abs(to - from) <= REACH;

/** Constant, or a register's value at the start of the block. */
type Base = number | { readonly register: number };

type TableAccess = { readonly index: Node } & (
  | { readonly kind: 'absolute'; readonly base: Base; readonly offset: number }
  | { readonly kind: 'relative'; readonly base: Base; readonly offset: number; readonly origin: Base | 'table' }
  | { readonly kind: 'computed'; readonly origin: number; readonly stride: number; readonly bound: number | undefined }
);

/** What an indirect target was loaded through, or computed from. */
export function tableAccess(target: Node): TableAccess | undefined {
  if (target.op === 'i64.load') {
    const place = scaledAddress(target, 3);
    return place && { kind: 'absolute', ...place };
  }
  if (target.op !== 'i64.add') return undefined;
  for (const [side, other] of [
    [target.a, target.b],
    [target.b, target.a],
  ] as [Node, Node][]) {
    const load = side.op === 'i64.extend_i32_s' ? (side.a as Node) : side;
    if (load.op === 'i32.load' || load.op === 'i64.load32_s') {
      const place = scaledAddress(load, 2);
      return place && { kind: 'relative', ...place, origin: baseOf(other) ?? 'table' };
    }
    if (other.op === 'const') {
      const pieces = multipleOf(side);
      if (pieces.factor >= MIN_STRIDE) return { kind: 'computed', origin: Number(other.wide), index: pieces.of, stride: pieces.factor, bound: maskOf(pieces.of) };
    }
  }
  return undefined;
}

/** Pieces of code are as long as a line of the instruction cache, or some of them. */
const MIN_STRIDE = 16;
/** Of code in equal pieces, where no mask says how many: one for each offset in a vector. */
const PIECES = 16;

/** A value as a multiple of another one, widened and narrowed on the way. */
function multipleOf(node: Node): { readonly of: Node; readonly factor: number } {
  const { op, a, b } = node;
  if (op === 'i64.extend_i32_u' || op === 'i32.wrap_i64') return multipleOf(a as Node);
  if ((op === 'i64.shl' || op === 'i32.shl') && b?.op === 'const') {
    const { of, factor } = multipleOf(a as Node);
    return { of, factor: factor * 2 ** Number(op === 'i64.shl' ? b.wide : b.imm) };
  }
  if (op === 'i64.add' || op === 'i32.add') {
    const [left, right] = [multipleOf(a as Node), multipleOf(b as Node)];
    if (left.of === right.of) return { of: left.of, factor: left.factor + right.factor };
  }
  return { of: node, factor: 1 };
}

function maskOf({ op, b }: Node): number | undefined {
  if (b?.op !== 'const' || (op !== 'i32.and' && op !== 'i64.and')) return undefined;
  const mask = Number(op === 'i32.and' ? b.imm : b.wide);
  return mask > 0 && mask < MAX_ENTRIES ? mask + 1 : undefined;
}

function baseOf(node: Node): Base | undefined {
  if (node.op === 'const') return Number(node.wide);
  return node.op === 'reg.get' ? { register: node.imm } : undefined;
}

function scaledAddress(load: Node, shift: number): { readonly index: Node; readonly base: Base; readonly offset: number } | undefined {
  const address = load.a as Node;
  if (address.op !== 'i64.add') {
    const index = unscale(address, shift);
    return index === undefined ? undefined : { index, base: 0, offset: load.imm };
  }
  for (const [scaled, other] of [
    [address.a, address.b],
    [address.b, address.a],
  ] as [Node, Node][]) {
    const index = unscale(scaled, shift);
    const base = index === undefined ? undefined : baseOf(other);
    if (index !== undefined && base !== undefined) return { index, base, offset: load.imm };
  }
  return undefined;
}

function unscale(node: Node, shift: number): Node | undefined {
  return node.op === 'i64.shl' && (node.b as Node).op === 'const' && (node.b as Node).wide === BigInt(shift) ? (node.a as Node) : undefined;
}

/** The table behind the indirect jump that ends a block, read from memory as it is now. */
export function findTable(block: BasicBlock, blocks: readonly BasicBlock[], code: CodeReader): JumpTable | undefined {
  const builder = new Builder();
  for (const insn of block.insns) builder.lift(insn);
  if (builder.terminator.kind !== 'jumpIndirect') return undefined;
  const access = tableAccess(builder.terminator.target);
  if (access === undefined) return undefined;
  const isPlausible = (target: number): boolean => isNear(block.end, target) && code.decode(target) !== undefined;
  if (access.kind === 'computed') {
    const { origin, stride, bound = PIECES } = access;
    const targets = entries(bound, (at) => origin + at * stride, isPlausible);
    // Not the address of anything else: inside of the jump.
    return targets.length < 2 ? undefined : { address: block.end - 1, targets };
  }
  const valueOf = (base: Base): number | undefined => (typeof base === 'number' ? base : loadedAddress(base.register, block, blocks));
  const base = valueOf(access.base);
  if (base === undefined) return undefined;
  const address = base + access.offset;
  if (access.kind === 'absolute') {
    // What follows a table of addresses rarely looks like more of it.
    const targets = entries(
      boundOf(block, blocks) ?? MAX_UNBOUNDED,
      (at) => code.readU64(address + at * 8),
      (target) => code.decode(target) !== undefined,
    );
    return targets.filter((target) => isNear(block.end, target)).length < 2 ? undefined : { address, targets };
  }
  const counted = access.origin === 'table' ? base : valueOf(access.origin);
  if (counted === undefined) return undefined;
  // A comparison in front may be of what a table of bytes turns into the index.
  const limit = counted === base ? (boundOf(block, blocks) ?? MAX_UNBOUNDED_RELATIVE) : MAX_UNBOUNDED_FROM_CODE;
  const offset = (at: number): number | undefined => {
    const entry = code.readI32(address + at * 4);
    return entry === undefined ? undefined : counted + entry;
  };
  const targets = entries(limit, offset, isPlausible);
  return targets.length < 2 ? undefined : { address, targets };
}

/** Up to the first that cannot be one. */
function entries(limit: number, entry: (at: number) => number | undefined, isPlausible: (target: number) => boolean): number[] {
  const targets: number[] = [];
  for (let at = 0; at < limit; at++) {
    const target = entry(at);
    if (target === undefined || !isPlausible(target)) break;
    targets.push(target);
  }
  return targets;
}

/** The nearest `lea register, [rip + x]` before the block. */
function loadedAddress(register: number, block: BasicBlock, blocks: readonly BasicBlock[]): number | undefined {
  let best: { pc: number; address: number } | undefined;
  for (const { insns } of blocks) {
    for (const insn of insns) {
      if (insn.row.mnemonic !== 'lea') continue;
      const [to, from] = insn.ops;
      if (to.kind !== 'gpr' || to.index !== register || from.kind !== 'mem' || !from.ripRelative) continue;
      const before = insn.pc < block.end;
      if (best === undefined || (before && (best.pc >= block.end || insn.pc > best.pc))) best = { pc: insn.pc, address: from.disp };
    }
  }
  return best?.address;
}

/** Entries by the `cmp index, n; ja` in front, where there is one. */
function boundOf(block: BasicBlock, blocks: readonly BasicBlock[]): number | undefined {
  for (const { insns, end } of blocks) {
    if (end !== block.pc || insns.length < 2) continue;
    if (insns[insns.length - 1].row.mnemonic !== 'ja') continue;
    const compare = insns.slice(-4).findLast(({ row }) => row.mnemonic === 'cmp');
    const operand = compare?.ops[1];
    if (operand?.kind !== 'imm') continue;
    const bound = Number(operand.value) + 1;
    return bound <= MAX_ENTRIES ? bound : undefined;
  }
  return undefined;
}
