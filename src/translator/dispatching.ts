/**
 * Registers around the dispatch of a large jump table, as in the main loop of a byte-code interpreter.
 *
 * What one of the targets writes would have to be stored at the calls of all others, and what one reads be loaded after
 * them. So only what many targets read at once stays in locals over a dispatch; other registers are stored before it where
 * they are newer, and loaded behind it by the targets that read them.
 */

import { FLAG_IDS, REG_FLAGS_A, REG_FLAGS_B, REG_FLAGS_CODE } from '../ir/index.ts';
import { RSP } from '../x86/index.ts';
import type { UnitBlock } from './lift.ts';
import type { BlockEffects } from './registers.ts';

/** Of so many targets, one at least has to read a register that is kept. */
const SHARE = 3;
/** Jump tables with fewer targets are ordinary switches. */
const MANY = 16;

const ALWAYS = [RSP, ...FLAG_IDS, REG_FLAGS_CODE, REG_FLAGS_A, REG_FLAGS_B].reduce((mask, id) => mask | (1 << id), 0);

/** What stores registers before it goes to a dispatch, or has them stored. */
const ENTRANCES = new Set<UnitBlock['terminator']['kind']>(['tableJump', 'route', 'enter']);

/** The effects of a unit's blocks, with what dispatches and entries in the middle add. */
export function dispatchEffects(blocks: readonly UnitBlock[]): BlockEffects[] {
  const effects = blocks.map(({ flowEffects }) => flowEffects);
  blocks.forEach(({ terminator, successors, next }, block) => {
    if (terminator.kind === 'enter') {
      // Whoever enters in the middle has left everything in the register file.
      const to = terminator.places.map((place) => place.block).filter((place) => place !== next);
      effects[block] = { ...effects[block], loads: { to, low: -1, high: -1, fresh: true } };
      return;
    }
    if (terminator.kind !== 'switch' || terminator.number === 0) return;
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
  return effects;
}

function keptOver(targets: readonly BlockEffects[]): [number, number] {
  let [low, high] = [ALWAYS, 0];
  for (let id = 0; id < 48; id++) {
    const readers = targets.filter(({ readsLow, readsHigh }) => (id < 32 ? readsLow >>> id : readsHigh >>> (id - 32)) & 1).length;
    if (readers * SHARE < targets.length) continue;
    if (id < 32) low |= 1 << id;
    else high |= 1 << (id - 32);
  }
  return [low, high];
}
