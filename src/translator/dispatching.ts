/**
 * Registers around the dispatch of a large jump table, as in the main loop of a byte-code interpreter.
 *
 * What one of the targets writes would have to be stored at the calls of all others, and what one reads be loaded after
 * them. So only what many targets read at once stays in locals over a dispatch; other registers are stored before it where
 * they are newer, and loaded behind it by the targets that read them.
 *
 * They are stored before the ways to a dispatch join: behind that, what is newer on one of them would be stored on all.
 */

import { FLAG_IDS, REG_FLAGS_A, REG_FLAGS_B, REG_FLAGS_CODE } from '../ir/index.ts';
import { RSP } from '../x86/index.ts';
import { syntheticBlock, type UnitBlock, withTargets } from './lift.ts';
import type { Without } from './optimizations.ts';
import { type BlockEffects, isSet } from './registers.ts';

/** Of so many targets, one at least has to read a register that is kept. */
const SHARE = 3;
/** Jump tables with fewer targets are ordinary switches. */
const MANY = 16;

const ALWAYS = [RSP, ...FLAG_IDS, REG_FLAGS_CODE, REG_FLAGS_A, REG_FLAGS_B].reduce((mask, id) => mask | (1 << id), 0);

/** What stores registers before it goes to a dispatch, or has them stored. */
const ENTRANCES = new Set<UnitBlock['terminator']['kind']>(['tableJump', 'route', 'enter']);

const hasManyTargets = ({ terminator }: UnitBlock): boolean => terminator.kind === 'switch' && new Set(terminator.blocks).size > MANY;

/** By block, the number of blocks that lead to it. */
function sourceCounts(blocks: readonly UnitBlock[]): Int32Array {
  const counts = new Int32Array(blocks.length);
  for (const { successors } of blocks) for (const to of successors) counts[to]++;
  return counts;
}

/** Blocks from which control can only go to a jump through a large table, that jump among them. */
function waysOut(blocks: readonly UnitBlock[]): boolean[] {
  const isWay = blocks.map(({ terminator }) => terminator.kind === 'tableJump' && hasManyTargets(blocks[terminator.dispatch]));
  for (let changed = true; changed; ) {
    changed = false;
    blocks.forEach(({ terminator, next, successors }, block) => {
      if (isWay[block] || (terminator.kind !== 'jump' && terminator.kind !== 'fallthrough') || next < 0 || successors.length !== 1 || !isWay[next]) return;
      isWay[block] = true;
      changed = true;
    });
  }
  return isWay;
}

/** Gives the edges where ways to a dispatch join a block of their own each, for what has to be stored there. */
export function withJoins(blocks: readonly UnitBlock[]): UnitBlock[] {
  const isWay = waysOut(blocks);
  const counts = sourceCounts(blocks);
  const out = [...blocks];
  blocks.forEach((block, from) => {
    if (block.terminator.kind !== 'branch') return;
    const joins = new Map<number, number>();
    for (const to of block.successors) {
      if (isWay[to] && counts[to] >= 2) joins.set(to, out.push({ ...syntheticBlock({ kind: 'fallthrough' }, [to], blocks[to].pc), next: to }) - 1);
    }
    if (joins.size > 0) out[from] = withTargets(block, (to) => joins.get(to) ?? to);
  });
  return out;
}

/** Where ways to a dispatch join, what the dispatch wants stored is stored before. */
function spread(blocks: readonly UnitBlock[], effects: BlockEffects[]): void {
  const isWay = waysOut(blocks);
  const counts = sourceCounts(blocks);
  /** What is stored at the end of the way and not written before. */
  const wanted = (block: number): [number, number] => {
    let [low, high] = [-1, -1];
    for (let at = block; ; at = blocks[at].next) {
      const { writesLow, writesHigh, cleanLow, cleanHigh } = effects[at];
      low &= ~writesLow;
      high &= ~writesHigh;
      if (blocks[at].terminator.kind === 'tableJump') return [low & cleanLow, high & cleanHigh];
    }
  };
  blocks.forEach(({ terminator, next }, from) => {
    if (!isWay[from] || terminator.kind === 'tableJump' || counts[next] < 2) return;
    const [cleanLow, cleanHigh] = wanted(next);
    effects[from] = { ...effects[from], cleanLow: effects[from].cleanLow | cleanLow, cleanHigh: effects[from].cleanHigh | cleanHigh };
  });
}

/** The effects of a unit's blocks, with what dispatches and entries in the middle add. */
export function dispatchEffects(blocks: readonly UnitBlock[], without: Without): BlockEffects[] {
  const effects = blocks.map(({ flowEffects }) => flowEffects);
  blocks.forEach(({ terminator, successors, next }, block) => {
    if (terminator.kind === 'enter') {
      // Whoever enters in the middle has left everything in the register file.
      const to = terminator.places.map((place) => place.block).filter((place) => place !== next);
      effects[block] = { ...effects[block], loads: { to, low: -1, high: -1, fresh: true } };
      return;
    }
    if (terminator.kind !== 'switch' || terminator.number === 0 || without.has('dispatches')) return;
    const targets = [...new Set(terminator.blocks)].filter((target) => target >= 0);
    if (targets.length < MANY || block === blocks[0].next) return;
    const sources = blocks.filter((other) => other.successors.includes(block));
    if (!sources.every((other) => ENTRANCES.has(other.terminator.kind))) return;
    const [low, high] = keptOver(targets.map((target) => blocks[target].flowEffects));
    effects[block] = { ...effects[block], loads: { to: successors, low: ~low, high: ~high, fresh: false } };
    blocks.forEach((other, from) => {
      const kind = other.terminator.kind;
      if ((kind === 'tableJump' || kind === 'route') && other.successors.includes(block)) effects[from] = { ...effects[from], cleanLow: ~low, cleanHigh: ~high };
    });
  });
  if (!without.has('dispatches')) spread(blocks, effects);
  return effects;
}

function keptOver(targets: readonly BlockEffects[]): [number, number] {
  let [low, high] = [ALWAYS, 0];
  for (let id = 0; id < 48; id++) {
    const readers = targets.filter(({ readsLow, readsHigh }) => isSet(readsLow, readsHigh, id)).length;
    if (readers * SHARE < targets.length) continue;
    if (id < 32) low |= 1 << id;
    else high |= 1 << (id - 32);
  }
  return [low, high];
}
