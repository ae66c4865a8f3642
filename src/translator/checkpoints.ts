/**
 * Checkpoints: how the registers at a fault are found although they were in wasm locals.
 *
 * Between two checkpoints, units read what they like and change memory at most once, as the last thing. At a checkpoint
 * the register file, `rip` included, is that of one point of the program. So after a fault the guest is as it was at the
 * last checkpoint, but for nothing that matters, and can be run from there again, by a unit that stores all registers before
 * each access, up to the same fault (see the executor). Code without changes of memory, a search for example, costs nothing.
 *
 * A checkpoint stands at the entry of a unit, behind calls and system calls, around helpers, which work on the register
 * file, and behind every change of memory that some access since the last checkpoint may have read.
 */

import { Builder, type Node } from '../ir/index.ts';
import { OPS, type Op } from '../ops/index.ts';
import type { BasicBlock } from './discover.ts';

const MEMORY = /^(i32|i64|f32|f64|v128)\.(load|store)/;

/** A place in memory: bytes from a value on. */
interface Place {
  readonly base: Node | undefined;
  readonly offset: bigint;
  readonly width: number;
}

function placeOf(access: Node): Place {
  let base = access.a as Node;
  let offset = BigInt(access.imm);
  const { width } = OPS[access.op as Op];
  if (base.op === 'i64.add' && base.b?.op === 'const') {
    offset += base.b.wide as bigint;
    base = base.a as Node;
  }
  if (base.op === 'const') return { base: undefined, offset: offset + (base.wide as bigint), width };
  return { base, offset, width };
}

const isSame = (a: Node | undefined, b: Node | undefined): boolean => a === b || (a?.op === 'reg.get' && b?.op === 'reg.get' && a.imm === b.imm);

/** Known to be apart: at distances that do not depend on a register. */
const areApart = (a: Place, b: Place): boolean => isSame(a.base, b.base) && (a.offset + BigInt(a.width) <= b.offset || b.offset + BigInt(b.width) <= a.offset);

/** Numbers of instructions before each cut. `anew`: the block begins right behind a checkpoint. */
function cutsOf({ insns, control }: BasicBlock, anew: boolean): number[] {
  const builder = new Builder();
  const cuts: number[] = [];
  let loads: Place[] = [];
  /** Accesses before this block. */
  let unknown = !anew;
  const cut = (at: number): void => {
    if (cuts.at(-1) !== at) cuts.push(at);
    loads = [];
    unknown = false;
  };
  insns.forEach((insn, index) => {
    const first = builder.effects.length;
    builder.lift(insn);
    let changes = false;
    let isHelper = false;
    for (const effect of builder.effects.slice(first)) {
      if (effect.op === 'helper') isHelper = true;
      else if (effect.op.startsWith('cpu.')) changes ||= effect.type === undefined;
      else if (MEMORY.test(effect.op)) {
        const place = placeOf(effect);
        if (effect.type !== undefined) loads.push(place);
        else changes ||= unknown || loads.some((load) => !areApart(load, place));
      }
    }
    const ends = index === insns.length - 1 && control !== 'none';
    if (isHelper) cut(index);
    // What ends a block with a change of memory, a call, leaves the unit.
    if ((changes || isHelper) && !ends) cut(index + 1);
  });
  return cuts;
}

/** The blocks cut at checkpoints; the first piece of each comes in its place, the others behind all. */
export function withCheckpoints(blocks: readonly BasicBlock[]): BasicBlock[] {
  const sources = new Map<number, number[]>();
  blocks.forEach(({ next, taken }, index) => {
    for (const to of [next, taken]) if (to >= 0) sources.set(to, [...(sources.get(to) ?? []), index]);
  });
  const isAnew = (index: number): boolean => (sources.get(index) ?? []).every((from) => (blocks[from].control === 'call' || blocks[from].control === 'syscall') && blocks[from].next === index && blocks[from].taken !== index);
  const out: BasicBlock[] = [...blocks];
  blocks.forEach((block, index) => {
    const cuts = cutsOf(block, isAnew(index));
    if (cuts.length === 0) return;
    const last = cuts[cuts.length - 1];
    let following: BasicBlock = { ...block, insns: block.insns.slice(last), pc: pcAt(block, last) };
    for (let piece = cuts.length - 1; piece >= 0; piece--) {
      const from = piece === 0 ? 0 : cuts[piece - 1];
      const next = out.push(following) - 1;
      following = { pc: pcAt(block, from), insns: block.insns.slice(from, cuts[piece]), end: pcAt(block, cuts[piece]), next, taken: -1, control: 'none', broken: false, checkpoint: true };
    }
    out[index] = following;
  });
  return out;
}

function pcAt({ insns, end }: BasicBlock, at: number): number {
  return at < insns.length ? insns[at].pc : end;
}
