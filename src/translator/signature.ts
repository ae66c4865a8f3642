/**
 * Which registers a unit takes as parameters when another unit of its module calls it.
 *
 * Those that its first instructions read before they write them, among the ones that calling conventions use for
 * arguments (System V AMD64 ABI §3.2.3). It is a matter of speed only: any other register the unit finds in the register file.
 */

import { Builder, REG_XMM, registerType } from '../ir/index.ts';
import type { Type } from '../ops/index.ts';
import { FunctionBody } from '../wasm/index.ts';
import { R8, R9, RCX, RDI, RDX, RSI, RSP } from '../x86/index.ts';
import { type CodeReader, discover } from './discover.ts';
import { loadRegister, storeRegister, storeRip } from './registerfile.ts';
import { isSet } from './registers.ts';

export interface Signature {
  /** Register ids in the order of the parameters, which follow the depth; rsp is the first. */
  readonly registers: readonly number[];
  /** The same as bits: ids 0–31, and 32–47. */
  readonly low: number;
  readonly high: number;
}

const CANDIDATES = [RDI, RSI, RDX, RCX, R8, R9, REG_XMM, REG_XMM + 1, REG_XMM + 2, REG_XMM + 3];
/** How far is looked: arguments are used, or saved, at the beginning. */
const LIMITS = { maxBlocks: 10, maxInsns: 60, reach: 0x1000 };

export function signatureAt(entry: number, code: CodeReader, isEntry: (pc: number) => boolean): Signature {
  const blocks = discover(entry, code, isEntry, new Map(), LIMITS);
  const lifted = blocks.map((block) => {
    const builder = new Builder();
    for (const insn of block.insns) builder.lift(insn);
    const ends = block.control === 'call' || block.control === 'syscall' || block.control === 'indirect';
    return { builder, successors: ends ? [] : [block.next, block.taken].filter((to) => to >= 0) };
  });
  const live = lifted.map(() => [0, 0]);
  for (let changed = true; changed; ) {
    changed = false;
    for (let at = lifted.length - 1; at >= 0; at--) {
      const { builder, successors } = lifted[at];
      let [low, high] = [0, 0];
      for (const to of successors) {
        low |= live[to][0];
        high |= live[to][1];
      }
      low = (low & ~builder.writesLow) | builder.readsLow;
      high = (high & ~builder.writesHigh) | builder.readsHigh;
      if (low === live[at][0] && high === live[at][1]) continue;
      live[at] = [low, high];
      changed = true;
    }
  }
  const [low, high] = live[0];
  return signatureOf([RSP, ...CANDIDATES.filter((id) => isSet(low, high, id))]);
}

export function signatureOf(registers: readonly number[]): Signature {
  let [low, high] = [0, 0];
  for (const id of registers) {
    if (id < 32) low |= 1 << id;
    else high |= 1 << (id - 32);
  }
  return { registers, low, high };
}

export function parameterTypes({ registers }: Signature): Type[] {
  return ['i32', ...registers.map(registerType)];
}

/** The unit as everybody else calls it: takes the parameters from the register file. */
export function wrapper(signature: Signature, unit: number): FunctionBody {
  const b = new FunctionBody(1, 64);
  b.localGet(0);
  for (const id of signature.registers) loadRegister(b, id);
  b.returnCall(unit);
  return b;
}

/** In place of a unit that has no code in its module: goes on at the pc by way of the executor. */
export function elsewhere(pc: number, signature: Signature, dispatch: number): FunctionBody {
  const { registers } = signature;
  const b = new FunctionBody(1 + registers.length, 64);
  registers.forEach((id, at) => storeRegister(b, id, () => b.localGet(1 + at)));
  storeRip(b, pc);
  b.localGet(0);
  b.returnCall(dispatch);
  return b;
}
