/** One unit from guest bytes to a wasm module: discover, lift, analyse, write. */

import { ModuleBuilder } from '../wasm/index.ts';
import { accessEmitter } from './access.ts';
import { type CodeReader, discover } from './discover.ts';
import { analyzeFlow, isBackEdge } from './flow.ts';
import { liftBlock, type UnitBlock } from './lift.ts';
import { UnitWriter } from './lower.ts';
import { analyzeRegisters } from './registers.ts';
import { importSpace } from './runtime.ts';
import type { FaultMap } from './unit.ts';

export interface TranslateOptions {
  /** Registers are stored before every instruction that may fault. */
  readonly precise: boolean;
  /** The host does not protect pages: look permissions up. */
  readonly checked: boolean;
  /** Addresses known to start other units. */
  readonly isEntry: (pc: number) => boolean;
}

export interface Translation {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly faults: FaultMap;
  /** Guest bytes that the translation depends on: start and end, disjoint and ascending. */
  readonly ranges: readonly (readonly [number, number])[];
}

/** Undefined where there is no instruction at `pc`. */
export function translateUnit(pc: number, code: CodeReader, options: TranslateOptions): Translation | undefined {
  const found = discover(pc, code, options.isEntry);
  if (found[0].insns.length === 0) return undefined;
  const touched: [number, number][] = found.filter((block) => block.insns.length > 0).map((block) => [block.pc, block.end]);
  const blocks = found.map((block) => liftBlock(block, code, options.precise, (start, end) => touched.push([start, end])));
  const flow = analyzeFlow(blocks.map((block) => block.successors), () => false);
  const effects = blocks.map((block, index) => {
    const back = block.successors.some((to) => isBackEdge(flow, index, to));
    return back ? { ...block.flowEffects, mayStoreAtEnd: true } : block.flowEffects;
  });
  const registers = analyzeRegisters(flow, effects);
  blocks.forEach((block, index) => block.builder.define(registers.neededLow[index]));

  const m = new ModuleBuilder();
  const unitType = m.type(['i32'], ['i64']);
  const toI32 = m.type([], ['i32']);
  const toVoid = m.type([], []);
  const dispatch = m.importFunction('e', 'dispatch', unitType);
  const reenter = m.importFunction('e', 'reenter', unitType);
  const syscall = m.importFunction('e', 'syscall', toI32);
  const tick = m.importFunction('e', 'tick', toI32);
  const helpers = new Map<string, number>();
  for (const name of helperNames(blocks)) helpers.set(name, m.importFunction('e', name, toVoid));
  importSpace(m, options.checked);
  const self = m.function(unitType);
  const writer = new UnitWriter(pc, blocks, flow, registers, {
    unitType,
    dispatch,
    reenter,
    syscall,
    tick,
    helper: (name) => helpers.get(name) as number,
    unit: (target) => (target === pc ? self : undefined),
  }, accessEmitter(options.checked), options.precise);
  writer.write();
  m.define(self, writer.body);
  const name = `u${pc.toString(16)}`;
  m.exportFunction(name, self);
  m.nameFunction(self, name);
  const { bytes, codeOffsets } = m.finish();
  const offsets = new Uint32Array(writer.faults.length);
  const pcs = new Float64Array(writer.faults.length);
  writer.faults.forEach((fault, at) => {
    offsets[at] = codeOffsets[0] + fault.offset;
    pcs[at] = fault.pc;
  });
  return { name, bytes, faults: { offsets, pcs }, ranges: mergeRanges(touched) };
}

/** Sorted, for deterministic modules; the flags helper is there for units that read flags at an entry. */
function helperNames(blocks: readonly UnitBlock[]): string[] {
  const names = new Set<string>(['materialize_flags']);
  for (const block of blocks) for (const effect of block.effects) if (effect.op === 'helper') names.add(effect.wide as string);
  return [...names].sort();
}

function mergeRanges(ranges: [number, number][]): [number, number][] {
  ranges.sort((a, b) => a[0] - b[0]);
  const merged: [number, number][] = [];
  for (const [start, end] of ranges) {
    const last = merged[merged.length - 1];
    if (last !== undefined && start <= last[1]) last[1] = Math.max(last[1], end);
    else merged.push([start, end]);
  }
  return merged;
}
