/** RFLAGS as a word, and segment registers on the stack (SDM vol. 1 §7.3.12, §7.3.14, §6.2). */

import type { Flag, Lift, Lifter, Value } from '../lift.ts';
import { HIGH } from '../operands.ts';
import { i } from '../row.ts';
import type { Row } from '../row.ts';
import { AC, CPU, ID, RAX, RSP, TF } from '../state.ts';
import { bit, constant, loadInt, storeInt } from './integer.ts';
import type { IntSize } from './integer.ts';

function pushValue(b: Lifter, size: IntSize, value: Value): void {
  const top = b.op('i64.sub', b.readGpr(RSP), b.i64(size));
  storeInt(b, size, top, value);
  b.writeGpr(RSP, top);
}
const topValue = (b: Lifter, size: IntSize): Value => loadInt(b, size, b.readGpr(RSP));
const dropTop = (b: Lifter, bytes: number): void => b.writeGpr(RSP, b.op('i64.add', b.readGpr(RSP), b.i64(bytes)));

const pushSegment: Lift = (b, x) => pushValue(b, x.size, constant(b, x.size, 0));
/** Null and the user data segment load; the base becomes zero. */
const popSegment: Lift = (b, x) => {
  const value = topValue(b, x.size);
  const selector = b.op('i32.and', x.size === 8 ? b.op('i32.wrap_i64', value) : value, b.i32(0xffff));
  b.trapIf(b.op('i32.and', b.op('i32.ge_u', selector, b.i32(4)), b.op('i32.ne', selector, b.i32(0x2b))), 'gp');
  dropTop(b, x.size);
  b.writeSegmentBase(x.ops[0].kind === 'seg' && x.ops[0].index === 4 ? 'fs' : 'gs', b.i64(0));
};

type Places = readonly (readonly [Flag, number])[];
const PLACES: Places = [['cf', 0], ['pf', 2], ['af', 4], ['zf', 6], ['sf', 7], ['of', 11]];
const LOW_PLACES = PLACES.slice(0, 5);

/** Status flags at their places, with the bits in `fixed` (i32). */
function flagsWord(b: Lifter, places: Places, fixed: Value): Value {
  return places.reduce((word, [flag, place]) => b.op('i32.or', word, b.op('i32.shl', b.flag(flag), b.i32(place))), fixed);
}
function setFlagsFrom(b: Lifter, places: Places, word: Value): void {
  for (const [flag, place] of places) b.setFlag(flag, () => bit(b, 4, word, place));
}

/** IF and bit 1 read as set. */
const pushf: Lift = (b, x) => {
  const direction = b.op('i32.shl', b.readDf(), b.i32(10));
  const word = flagsWord(b, PLACES, b.op('i32.or', b.op('i32.or', direction, b.i32(0x202)), b.cpuLoad('i32.load', CPU.rflagsOther)));
  pushValue(b, x.size, x.size === 8 ? b.op('i64.extend_i32_u', word) : b.op('i32.and', word, b.i32(0xffff)));
};
/** IF and IOPL cannot be changed by user programs. */
const popf: Lift = (b, x) => {
  const value = topValue(b, x.size);
  const word = x.size === 8 ? b.op('i32.wrap_i64', value) : value;
  const mask = x.size === 8 ? AC | ID | TF : TF;
  const kept = b.op('i32.and', b.cpuLoad('i32.load', CPU.rflagsOther), b.i32(~mask));
  dropTop(b, x.size);
  b.cpuStore('i32.store', CPU.rflagsOther, b.op('i32.or', b.op('i32.and', word, b.i32(mask)), kept));
  setFlagsFrom(b, PLACES, word);
  b.writeDf(bit(b, 4, word, 10));
};
const lahf: Lift = (b) => b.write(HIGH[RAX], flagsWord(b, LOW_PLACES, b.i32(2)));
const sahf: Lift = (b) => setFlagsFrom(b, LOW_PLACES, b.read(HIGH[RAX]));

const N = { default64: true };

// biome-ignore format: a table
export const FLAGS: readonly Row[] = [
  i('pushf', '9C',    '',   'I386',   pushf, N),
  i('popf',  '9D',    '',   'I386',   popf, N),
  i('sahf',  '9E',    '',   'LAHF64', sahf),
  i('lahf',  '9F',    '',   'LAHF64', lahf),
  i('push',  '0F A0', 'FS', 'I386',   pushSegment, N),
  i('pop',   '0F A1', 'FS', 'I386',   popSegment, N),
  i('push',  '0F A8', 'GS', 'I386',   pushSegment, N),
  i('pop',   '0F A9', 'GS', 'I386',   popSegment, N),
];
