/**
 * Finds the blocks of a unit: everything reachable from an entry by direct control flow.
 *
 * Calls do not end the walk (they come back), unconditional jumps to other known entries do (tail calls), and
 * so do jumps far away (`.cold` parts, PLT): those leave the unit. Nothing is assumed about bytes that are not
 * reached. A unit is bounded: what does not fit is left by a jump and becomes a unit of its own.
 */

import type { Insn, Row } from '../x86/index.ts';

/** How an instruction ends a block. */
export type Control = 'none' | 'jump' | 'branch' | 'call' | 'return' | 'indirect' | 'syscall' | 'stop';

const CONTROL: Readonly<Record<string, Control>> = {
  jmp: 'jump',
  call: 'call',
  ret: 'return',
  syscall: 'syscall',
  ud2: 'stop',
  hlt: 'stop',
  int3: 'stop',
  int: 'stop',
  loop: 'branch',
  loope: 'branch',
  loopne: 'branch',
  jrcxz: 'branch',
  jecxz: 'branch',
};

const controlOf = new Map<Row, Control>();

export function control(insn: Insn): Control {
  let kind = controlOf.get(insn.row);
  if (kind === undefined) {
    const { mnemonic, operands } = insn.row;
    kind = CONTROL[mnemonic] ?? (mnemonic.startsWith('j') ? 'branch' : 'none');
    if (kind === 'jump' && !operands.startsWith('J')) kind = 'indirect';
    controlOf.set(insn.row, kind);
  }
  return kind;
}

/** Decodes at a guest address; undefined where it is no instruction or not executable. */
export interface CodeReader {
  decode(pc: number): Insn | undefined;
  /** Little-endian words of readable memory, for jump tables; undefined where there is none. */
  readI32(address: number): number | undefined;
  readU64(address: number): number | undefined;
  /** Whether a call of an address is known not to come back. */
  neverReturns(target: number): boolean;
}

export interface BasicBlock {
  readonly pc: number;
  readonly insns: readonly Insn[];
  /** Address after the last instruction. */
  readonly end: number;
  /** Where control goes without leaving the unit, as block numbers: fall-through or return point first, then the branch target. -1 where it leaves the unit. */
  readonly next: number;
  readonly taken: number;
  readonly control: Control;
  /** Nothing could be decoded at `end`. */
  readonly broken: boolean;
  /** All registers are stored at its end: see `checkpoints.ts`. */
  readonly checkpoint?: true;
}

export interface Limits {
  readonly maxBlocks: number;
  readonly maxInsns: number;
  /** Direct jumps farther than this many bytes leave the unit. */
  readonly reach: number;
}

export const RUN_TIME_LIMITS: Limits = { maxBlocks: 600, maxInsns: 6000, reach: 0x8000 };

/** Units with jump tables are interpreters and big switches: they must stay whole. */
export const TABLE_LIMITS: Limits = { maxBlocks: 3000, maxInsns: 24000, reach: 0x8000 };

/** Where all functions are known beforehand, a jump that does not go to one stays in its function, cold parts included. */
export const AHEAD_LIMITS: Limits = { maxBlocks: 4000, maxInsns: 24000, reach: Number.POSITIVE_INFINITY };

/** Units that start in the middle of a function, where it was left: they run once, to its end or back into it. */
export const RESUME_LIMITS: Limits = { maxBlocks: 40, maxInsns: 400, reach: 0x4000 };

/** The same where every function, and where it is come back to, is known. */
export const RESUME_AHEAD_LIMITS: Limits = { maxBlocks: 200, maxInsns: 2000, reach: Number.POSITIVE_INFINITY };

/** Instructions of a block: expressions are written recursively. */
const MAX_RUN = 200;

/** Table targets farther than this from the entry leave the unit. */
const TABLE_REACH = 0x20000;

/** Where an indirect jump may go, by the address of its instruction; a guess that is checked when it runs. */
export interface JumpTable {
  /** Address of the table: jumps through the same table share a dispatch. */
  readonly address: number;
  readonly targets: readonly number[];
}

function targetOf(insn: Insn): number {
  const operand = insn.ops[0];
  return operand !== undefined && operand.kind === 'rel' ? operand.target : -1;
}

/** `isEntry`: addresses known to start other functions; a `jmp` there is a tail call. */
export function discover(entry: number, code: CodeReader, isEntry: (pc: number) => boolean, tables: ReadonlyMap<number, JumpTable>, limits: Limits): BasicBlock[] {
  const leaders = new Set<number>([entry]);
  const decoded = new Map<number, Insn | undefined>();
  const queue = [entry];
  let insnCount = 0;
  const near = (from: number, to: number): boolean => Math.abs(to - from) <= limits.reach;
  const lead = (pc: number): void => {
    if (leaders.has(pc) || leaders.size >= limits.maxBlocks || insnCount >= limits.maxInsns) return;
    leaders.add(pc);
    queue.push(pc);
  };
  for (let at = 0; at < queue.length; at++) {
    let pc = queue[at];
    let run = 0;
    // Instructions already walked by another leader's run: that run is split here.
    while (!decoded.has(pc)) {
      const insn = code.decode(pc);
      decoded.set(pc, insn);
      if (insn === undefined) break;
      insnCount++;
      const kind = control(insn);
      pc += insn.length;
      // Behind a call that never returns lies another function.
      if (kind !== 'jump' && kind !== 'branch' && isEntry(pc)) break;
      if (kind === 'none') {
        if (insnCount >= limits.maxInsns) break;
        if (++run < MAX_RUN) continue;
        lead(pc);
        break;
      }
      const target = targetOf(insn);
      if (kind === 'branch') {
        if (near(entry, target) && (target === entry || !isEntry(target))) lead(target);
        if (!isEntry(pc)) lead(pc);
      } else if (kind === 'jump') {
        if (near(entry, target) && (target === entry || !isEntry(target))) lead(target);
      } else if (kind === 'call' || kind === 'syscall') {
        if (kind === 'syscall' || !code.neverReturns(target)) lead(pc);
      } else if (kind === 'indirect') {
        for (const to of tables.get(insn.pc)?.targets ?? []) if (Math.abs(to - entry) <= TABLE_REACH) lead(to);
      }
      break;
    }
  }

  const starts = [entry, ...[...leaders].filter((pc) => pc !== entry && decoded.get(pc) !== undefined).sort((a, b) => a - b)];
  const number = new Map<number, number>();
  for (const pc of starts) number.set(pc, number.size);
  return starts.map((start) => cut(start, number, decoded, isEntry));
}

function cut(start: number, number: ReadonlyMap<number, number>, decoded: ReadonlyMap<number, Insn | undefined>, isEntry: (pc: number) => boolean): BasicBlock {
  const insns: Insn[] = [];
  let pc = start;
  for (;;) {
    const insn = decoded.get(pc);
    if (insn === undefined) {
      const walked = decoded.has(pc);
      return { pc: start, insns, end: pc, next: -1, taken: -1, control: 'none', broken: walked };
    }
    insns.push(insn);
    pc += insn.length;
    const kind = control(insn);
    if (kind !== 'none') {
      const falls = kind === 'branch' || kind === 'call' || kind === 'syscall';
      const jumps = kind === 'branch' || kind === 'jump';
      return {
        pc: start,
        insns,
        end: pc,
        next: falls ? (number.get(pc) ?? -1) : -1,
        taken: jumps ? (number.get(targetOf(insn)) ?? -1) : -1,
        control: kind,
        broken: false,
      };
    }
    const next = number.get(pc) ?? (isEntry(pc) ? -1 : undefined);
    if (next !== undefined) return { pc: start, insns, end: pc, next, taken: -1, control: 'none', broken: false };
  }
}
