/** From discovered blocks to blocks of nodes, with what register allocation needs to know of each. */

import { Builder, type Node, REG_FLAGS_A, REG_FLAGS_B, REG_FLAGS_CODE, type Terminator } from '../ir/index.ts';
import { RAX, RSP } from '../x86/index.ts';
import type { BasicBlock, CodeReader } from './discover.ts';
import { tableAccess } from './jumptable.ts';
import type { Without } from './optimizations.ts';
import type { BlockEffects } from './registers.ts';
import { type Signature, signatureOf } from './signature.ts';

/** A place where a unit can be entered in the middle: the unit's entry, and the place's number there. */
export interface InnerPlace {
  readonly root: number;
  readonly number: number;
}

/** Terminators that only a unit has. */
export type UnitTerminator =
  | Terminator
  /** An indirect jump through a table: sets index and pc for the table's dispatch block and goes there. */
  | { readonly kind: 'tableJump'; readonly index: Node; readonly target: Node; readonly dispatch: number; readonly number: number }
  /** An indirect jump through a table that another unit dispatches. */
  | { readonly kind: 'tableResume'; readonly index: Node; readonly target: Node; readonly resume: InnerPlace }
  /**
   * The dispatch of a table: by index, if the pc agrees (`blocks` and `pcs` by index; -1 = not in the unit). Also the
   * header of a loop with several entries, `routes`; see `reduce.ts`. `number` is 0 where there is no table.
   */
  | { readonly kind: 'switch'; readonly blocks: readonly number[]; readonly pcs: readonly number[]; readonly number: number; readonly routes: readonly number[] }
  /** An edge to `to` by way of the loop header `through`, as its route `index` (from 1). */
  | { readonly kind: 'route'; readonly index: number; readonly through: number; readonly to: number }
  /** The entry of a unit that can be re-entered in the middle: at dispatches, and at loops (`pc`, 0 for a dispatch). */
  | { readonly kind: 'enter'; readonly places: readonly { readonly number: number; readonly block: number; readonly pc: number }[] };

export type TerminatorOf<Kind extends UnitTerminator['kind']> = Extract<UnitTerminator, { readonly kind: Kind }>;

export interface UnitBlock {
  readonly pc: number;
  readonly end: number;
  /** Blocks of the unit that follow, or -1: fall-through or return point, and the branch target. */
  readonly next: number;
  readonly taken: number;
  readonly successors: readonly number[];
  readonly builder: Builder;
  readonly effects: readonly Node[];
  readonly defs: ReadonlyMap<number, Node>;
  readonly terminator: UnitTerminator;
  readonly flowEffects: BlockEffects;
  readonly checkpoint: boolean;
  /** For a call: rsp with the return address pushed, and as it is when the callee has returned. */
  readonly frame: { readonly pushed: Node; readonly popped: Node } | undefined;
  definedBefore(effect: Node): Iterable<readonly [number, Node]>;
}

const MEMORY = /^(i32|i64|f32|f64|v128)\.(load|store)/;

/**
 * What becomes of the registers at a fault: `lost`; `recovered`, from the last checkpoint (`checkpoints.ts`); or `kept`,
 * stored before every access.
 */
export type Faults = 'lost' | 'recovered' | 'kept';

export interface LiftOptions {
  readonly faults: Faults;
  /** Some code reads flags after a call returns: every `ret` must leave them in the register file. */
  readonly flagsAcrossReturns: boolean;
  readonly without: Without;
  /** The parameters of a unit that can be called directly. */
  readonly signatureOf: (pc: number) => Signature | undefined;
  /** Told the guest bytes, beyond the block's own, that the result depends on. */
  readonly touched: (start: number, end: number) => void;
}

/** What a unit returns. */
export const RESULTS = signatureOf([RSP, RAX]);

export const FLAGS_DESCRIPTOR = (1 << REG_FLAGS_CODE) | (1 << REG_FLAGS_A) | (1 << REG_FLAGS_B);

/**
 * Nobody will read the flags where control goes: after a `ret` (the executor knows of all return points that do, and
 * then says so), and in a callee that sets them first.
 */
function flagsDead(terminator: UnitTerminator, code: CodeReader, options: LiftOptions): boolean {
  if (options.without.has('flags')) return false;
  if (terminator.kind === 'return') return !options.flagsAcrossReturns;
  return terminator.kind === 'call' && typeof terminator.target === 'number' && setsFlagsFirst(terminator.target, code, options);
}

const SETS_FLAGS = new Set(['add', 'sub', 'cmp', 'test', 'and', 'or', 'xor', 'neg']);
const KEEPS_FLAGS = new Set(['push', 'mov', 'lea', 'endbr64', 'nop', 'movzx', 'movsx', 'movsxd', 'movaps', 'movups', 'movdqa', 'movdqu', 'movd', 'movq']);

function setsFlagsFirst(target: number, code: CodeReader, options: LiftOptions): boolean {
  let pc = target;
  for (let count = 0; count < 16; count++) {
    const insn = code.decode(pc);
    if (insn === undefined) return false;
    pc += insn.length;
    if (SETS_FLAGS.has(insn.row.mnemonic)) {
      options.touched(target, pc);
      return true;
    }
    if (!KEEPS_FLAGS.has(insn.row.mnemonic)) return false;
  }
  return false;
}

export function liftBlock(block: BasicBlock, code: CodeReader, options: LiftOptions, dispatch: { readonly block: number; readonly number: number } | InnerPlace | undefined = undefined): UnitBlock {
  const builder = new Builder(options.without.has('folding') ? 'plain' : 'folded');
  for (const insn of block.insns) builder.lift(insn);
  let terminator: UnitTerminator = builder.terminator;
  if (dispatch !== undefined && terminator.kind === 'jumpIndirect') {
    const through = tableAccess(terminator.target);
    const { target } = terminator;
    if (through !== undefined) {
      const index = through.index.type === 'i64' ? through.index : builder.op('i64.extend_i32_u', through.index);
      terminator = 'block' in dispatch ? { kind: 'tableJump', index, target, dispatch: dispatch.block, number: dispatch.number } : { kind: 'tableResume', index, target, resume: dispatch };
    }
  } else if (terminator.kind === 'call' && typeof terminator.target === 'number' && !options.without.has('linkage')) {
    const through = linkage(terminator.target, code, options.touched);
    if (through !== undefined) {
      // The procedure linkage table: its jump goes through a word of memory, read it here.
      terminator = { kind: 'call', target: builder.load('i64.load', builder.i64(through)) };
    }
  }
  if (terminator.kind === 'return' && terminator.extraBytes === 0 && options.faults !== 'kept') {
    // The caller looks where it went: see `layout.ts`.
    builder.effects.pop();
  }
  builder.finish();
  const { kind } = terminator;
  const passed = passedRegisters(block, terminator, options);
  const storesAtEnd = kind === 'call' || kind === 'return' || kind === 'syscall' || kind === 'jumpIndirect' || kind === 'tableResume' || kind === 'trap';
  const successors = terminator.kind === 'tableJump' ? [terminator.dispatch] : [...new Set([block.next, block.taken])].filter((to) => to >= 0);
  const leaves = (kind === 'fallthrough' && block.next < 0) || (kind === 'jump' && block.taken < 0) || (kind === 'branch' && (block.next < 0 || block.taken < 0));
  return {
    pc: block.pc,
    end: block.end,
    next: kind === 'jump' ? block.taken : block.next,
    taken: block.taken,
    successors,
    builder,
    effects: builder.effects,
    defs: builder.defs,
    terminator,
    definedBefore: (effect) => builder.definedBefore(effect),
    checkpoint: block.checkpoint === true,
    frame: kind === 'call' ? frameOf(builder) : undefined,
    flowEffects: {
      readsLow: builder.readsLow | (passed.low & ~builder.writesLow),
      readsHigh: builder.readsHigh | (passed.high & ~builder.writesHigh),
      flagReads: builder.flagReads,
      writesLow: builder.writesLow,
      writesHigh: builder.writesHigh,
      storesAtEnd,
      storedLow: (flagsDead(terminator, code, options) ? ~FLAGS_DESCRIPTOR : -1) & (storesAtEnd ? ~passed.low : -1),
      storedHigh: storesAtEnd ? ~passed.high : -1,
      resultsLow: kind === 'call' ? RESULTS.low : 0,
      mayStoreAtEnd: leaves,
      cleanLow: 0,
      cleanHigh: 0,
      loads: undefined,
      storesInside: builder.effects.some((effect) => effect.op === 'trapIf' || (options.faults === 'kept' && MEMORY.test(effect.op))),
    },
  };
}

/** Registers that leave the block in locals: parameters of units called or jumped to, results. */
function passedRegisters(block: BasicBlock, terminator: UnitTerminator, options: LiftOptions): { readonly low: number; readonly high: number } {
  const targets: number[] = [];
  switch (terminator.kind) {
    case 'return':
      return terminator.extraBytes === 0 ? RESULTS : { low: 0, high: 0 };
    case 'call':
      if (typeof terminator.target === 'number') targets.push(terminator.target);
      break;
    case 'jump':
    case 'branch':
      if (block.taken < 0) targets.push(terminator.target);
      if (terminator.kind === 'branch' && block.next < 0) targets.push(block.end);
      break;
    case 'fallthrough':
      if (block.next < 0) targets.push(block.end);
  }
  let [low, high] = [0, 0];
  for (const target of targets) {
    const signature = options.signatureOf(target);
    low |= signature?.low ?? 0;
    high |= signature?.high ?? 0;
  }
  return { low, high };
}

function frameOf(builder: Builder): UnitBlock['frame'] {
  const pushed = builder.defs.get(RSP) as Node;
  return { pushed, popped: builder.op('i64.add', pushed, builder.i64(8)) };
}

/** The address of the word that a PLT entry (`[endbr64] [bnd] jmp [rip+x]`) jumps through. */
function linkage(target: number, code: CodeReader, touched: (start: number, end: number) => void): number | undefined {
  let insn = code.decode(target);
  let pc = target;
  if (insn?.row.mnemonic === 'endbr64') {
    pc += insn.length;
    insn = code.decode(pc);
  }
  if (insn?.row.mnemonic !== 'jmp') return undefined;
  const operand = insn.ops[0];
  if (operand.kind !== 'mem' || operand.base >= 0 || operand.index >= 0 || operand.segment !== undefined) return undefined;
  touched(target, pc + insn.length);
  return operand.disp;
}

const NO_EFFECTS: BlockEffects = {
  readsLow: 0,
  readsHigh: 0,
  flagReads: 0,
  writesLow: 0,
  writesHigh: 0,
  storesAtEnd: false,
  storedLow: -1,
  storedHigh: -1,
  resultsLow: 0,
  mayStoreAtEnd: false,
  cleanLow: 0,
  cleanHigh: 0,
  loads: undefined,
  storesInside: false,
};

/** A block without instructions, for a terminator that only the unit has. */
export function syntheticBlock(terminator: UnitTerminator, successors: readonly number[], pc: number): UnitBlock {
  const builder = new Builder();
  return {
    pc,
    end: pc,
    next: -1,
    taken: -1,
    successors,
    builder,
    effects: [],
    defs: builder.defs,
    terminator,
    flowEffects: { ...NO_EFFECTS, mayStoreAtEnd: terminator.kind === 'switch' },
    checkpoint: false,
    frame: undefined,
    definedBefore: () => [],
  };
}

/** The block with other numbers for the blocks it leads to; -1 stays. */
export function withTargets(block: UnitBlock, renumber: (to: number) => number): UnitBlock {
  const change = (to: number): number => (to < 0 ? to : renumber(to));
  let { terminator } = block;
  if (terminator.kind === 'tableJump') terminator = { ...terminator, dispatch: change(terminator.dispatch) };
  else if (terminator.kind === 'switch') terminator = { ...terminator, blocks: terminator.blocks.map(change), routes: terminator.routes.map(change) };
  else if (terminator.kind === 'enter') terminator = { ...terminator, places: terminator.places.map((place) => ({ ...place, block: change(place.block) })) };
  return { ...block, next: change(block.next), taken: change(block.taken), successors: block.successors.map(change), terminator };
}
