/**
 * Recognises jumps through tables, as compilers make them for `switch` and computed `goto`:
 * `target = load64(base + index * 8)`, or `target = base + load32_signed(base + index * 4)`.
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
const REACH = 0x20000;

/** Close enough to be part of the function; cold parts are not. */
export const isNear = (from: number, to: number): boolean => Math.abs(to - from) <= REACH;

interface TableAccess {
  readonly index: Node;
  /** The table's address: constant, or a register's value at the start of the block; plus `offset`. */
  readonly base: number | { readonly register: number };
  readonly offset: number;
  readonly relative: boolean;
}

/** What an indirect target was loaded through. */
export function tableAccess(target: Node): TableAccess | undefined {
  if (target.op === 'i64.load') return scaledAddress(target, 3, false);
  if (target.op !== 'i64.add') return undefined;
  for (const side of [target.a, target.b] as Node[]) {
    const load = side.op === 'i64.extend_i32_s' ? (side.a as Node) : side;
    if (load.op === 'i32.load' || load.op === 'i64.load32_s') return scaledAddress(load, 2, true);
  }
  return undefined;
}

function scaledAddress(load: Node, shift: number, relative: boolean): TableAccess | undefined {
  const address = load.a as Node;
  if (address.op !== 'i64.add') {
    const index = unscale(address, shift);
    return index === undefined ? undefined : { index, base: 0, offset: load.imm, relative };
  }
  for (const [scaled, base] of [
    [address.a, address.b],
    [address.b, address.a],
  ] as [Node, Node][]) {
    const index = unscale(scaled, shift);
    if (index === undefined) continue;
    if (base.op === 'const') return { index, base: Number(base.wide), offset: load.imm, relative };
    if (base.op === 'reg.get') return { index, base: { register: base.imm }, offset: load.imm, relative };
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
  const base = typeof access.base === 'number' ? access.base : loadedAddress(access.base.register, block, blocks);
  if (base === undefined) return undefined;
  const address = base + access.offset;
  const limit = boundOf(block, blocks) ?? (access.relative ? MAX_UNBOUNDED_RELATIVE : MAX_UNBOUNDED);
  const targets: number[] = [];
  while (targets.length < limit) {
    const at = targets.length;
    const entry = access.relative ? code.readI32(address + at * 4) : code.readU64(address + at * 8);
    if (entry === undefined) break;
    const target = access.relative ? base + entry : entry;
    // Offsets are small numbers, and what follows the table may look like some; addresses rarely do by accident.
    if ((access.relative && !isNear(block.end, target)) || code.decode(target) === undefined) break;
    targets.push(target);
  }
  return targets.filter((target) => isNear(block.end, target)).length < 2 ? undefined : { address, targets };
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
